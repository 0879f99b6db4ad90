//! `clf data fetch`: datasets from where they are published.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clf_core::{
    Error,
    data::{DataFolder, DatasetError},
};
use clf_datasets::{Descriptor, Reader};
use clf_fetch::{Fetcher, install};
use serde::Serialize;

use super::{
    super::{print, print_json},
    linked,
    sets::{Counted, Presence, by_hand, named, presence, unfetched},
    stamp::{Stamp, StampedFile},
};
use crate::{arguments::FetchArguments, logging, progress::Loads};

/// Files that load at once.
const JOBS: usize = 4;

/// What became of one dataset.
#[derive(Serialize)]
pub struct Fetched {
    pub name: &'static str,
    pub path: PathBuf,
    #[serde(flatten)]
    pub images: Counted,
    /// Whether it was made now, or was there before.
    pub new: bool,
}

/// `clf data fetch`.
pub fn fetch(arguments: &FetchArguments) -> Result<(), Error> {
    let sets = arguments.names.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>()?;
    let data = arguments.folder.open();
    let (mut rows, mut failure) = (Vec::new(), None);
    for set in &sets {
        match fetch_one(set, arguments, &data) {
            Ok(row) => rows.push(row),
            // What stops one dataset need not stop the others, but a full disk does.
            Err(error) => {
                let is_local = error.exit_code() == 6;
                if let Some(earlier) = failure.replace(error) {
                    logging::report(&earlier);
                }
                if is_local {
                    break;
                }
            }
        }
    }
    show(&rows, arguments.json)?;
    failure.map_or(Ok(()), Err)
}

fn show(rows: &[Fetched], json: bool) -> Result<(), Error> {
    if json {
        return print_json(&rows);
    }
    let line = |row: &Fetched| {
        let Counted { train, test } = row.images;
        let made = if row.new { "fetched" } else { "was there before" };
        format!("{}: {train} training and {test} test images, {made}, {}", row.name, row.path.display())
    };
    if rows.is_empty() { Ok(()) } else { print(&rows.iter().map(line).collect::<Vec<_>>().join("\n")) }
}

fn fetch_one(set: &Descriptor, arguments: &FetchArguments, data: &DataFolder) -> Result<Fetched, Error> {
    let before = presence(set, data);
    if let Presence::Whole(images) = before
        && set.reader != Reader::Captions
    {
        return Ok(Fetched { name: set.name, path: set.root(&data.path)?, images: *images, new: false });
    }
    // Links are followed further where their table is; anything else is made anew at its own place.
    let home = match set.reader {
        Reader::Captions => set.root(&data.path).unwrap_or_else(|_| set.home(&data.path)),
        _ => set.home(&data.path),
    };
    refuse_link(set, &home)?;
    if set.files.is_empty() {
        let reason = "no link leads to its files".to_owned();
        return Err(DatasetError::Unsuitable { dataset: set.name.to_owned(), reason, hint: by_hand(set) }.into());
    }
    let fetcher = Fetcher::from_environment();
    if set.reader == Reader::Captions {
        return linked::fetch(set, &home, &fetcher, arguments);
    }
    let downloads = data.path.join("downloads").join(set.name);
    let progress = Loads::new();
    let jobs = arguments.jobs.map_or(JOBS, usize::from);
    let archives = fetcher.download_all(&set.files, &downloads, jobs, &progress);
    let archives = archives.map_err(|error| {
        // A folder in which nothing is kept says nothing; removing fails for any other.
        drop(fs::remove_dir(&downloads));
        unfetched(set, error)
    })?;
    let stamp = put(set, &archives, &home)?;
    let images = match presence(set, data) {
        Presence::Whole(images) => *images,
        Presence::Partial(error) | Presence::Absent(error) => return Err(error.into()),
    };
    stamp.write(&home)?;
    if !arguments.keep_archives {
        fs::remove_dir_all(&downloads).map_err(|error| Error::io("remove", &downloads, error))?;
    }
    Ok(Fetched { name: set.name, path: set.root(&data.path)?, images, new: true })
}

/// Brings the content of all files to its place under `home`.
pub fn put(set: &Descriptor, archives: &[PathBuf], home: &Path) -> Result<Stamp, Error> {
    let progress = Loads::new();
    let mut files = Vec::new();
    for (file, archive) in set.files.iter().zip(archives) {
        files.push(StampedFile::of(archive, file.sha256.as_deref())?);
        install(file, archive, home, &progress).map_err(|error| unfetched(set, error))?;
    }
    Ok(Stamp::now(files))
}

/// What a user linked stays the user's.
fn refuse_link(set: &Descriptor, home: &Path) -> Result<(), Error> {
    if !home.is_symlink() {
        return Ok(());
    }
    let reason = format!("{} is a link to a folder of yours, in which nothing is changed", home.display());
    let hint =
        format!("remove the link and fetch again, or link another folder with clf data import {} PATH", set.name);
    Err(DatasetError::Unsuitable { dataset: set.name.to_owned(), reason, hint }.into())
}
