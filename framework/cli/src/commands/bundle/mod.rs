//! `clf bundle`: a run as one archive that another person can run again.

mod archive;
mod check;
mod files;
mod paths;
mod texts;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use clf_core::{Error, counted, store::RunStore};

use super::print;
use crate::{arguments::BundleArguments, progress, run_folders};
use files::Bundle;

/// `clf bundle`.
pub fn bundle(arguments: &BundleArguments) -> Result<(), Error> {
    if let Some(archive) = &arguments.check {
        let count = check::check(archive)?;
        return print(&format!("{}: {}, all as in SHA256SUMS", archive.display(), counted(count, "file")));
    }
    let run = arguments.run.as_deref().unwrap_or(Path::new("."));
    run_folders::check_each("bundle", &[run])?;
    if RunStore::is_at_work(run) {
        let reason = "the run goes on, and its files with it; wait for its end or stop it";
        return Err(Error::config(run.display().to_string(), reason));
    }
    let name = folder_name(run)?;
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    let bundle = Bundle::collect(run, arguments.with_weights, arguments.with_predictions)?;
    archive::write(&out, &name, &bundle.entries)?;
    bundle.remarks.iter().for_each(|remark| progress::say(remark));
    print(&format!("{}: {} files", out.display(), bundle.entries.len() + 1))
}

/// The name of a folder, however it is written: `.` has one too.
fn folder_name(run: &Path) -> Result<String, Error> {
    let whole = run.canonicalize().map_err(|error| Error::io("read", run, error))?;
    Ok(whole.file_name().map_or_else(|| "run".into(), OsStr::to_string_lossy).into_owned())
}
