mod name;
mod template;

use std::{
    fs, io,
    path::{self, Path, PathBuf},
};

use clf_core::Error;

use super::print;
use crate::arguments::{NewArguments, NewKind};
use name::Name;
use template::File;

/// What a clone of clf is recognised by.
const CORE: &str = "framework/core/Cargo.toml";

/// Folders of clf in which cargo takes every folder for one of clf's own crates.
const WORKSPACE: [&str; 2] = ["framework", "plugins"];

/// `clf new`.
pub fn new(arguments: &NewArguments) -> Result<(), Error> {
    let NewKind::Method = arguments.kind;
    let name = Name::parse(&arguments.name)?;
    let checkout = checkout(arguments.clf.as_deref())?;
    let folder = arguments.out.clone().unwrap_or_else(|| PathBuf::from(name.kebab()));
    check_free(&folder)?;
    check_outside(&folder, &checkout)?;
    write(&folder, &template::files(&name, &checkout)?)?;
    let (folder, name) = (folder.display(), name.kebab());
    print(&format!(
        "{folder} holds a working method: src/lib.rs is what to change, README.md says how\n\n  cd {folder}\n  \
         cargo test --release\n  cargo run --release -- run --method {name} --scenario mtil-mini"
    ))
}

/// The clone of clf that the new crate depends on: `given`, or the one that this program was built from.
fn checkout(given: Option<&Path>) -> Result<PathBuf, Error> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let folder = given.or(built_from).unwrap_or(Path::new("."));
    match fs::canonicalize(folder) {
        Ok(folder) if folder.join(CORE).is_file() => Ok(folder),
        _ => {
            let reason = format!("this is no clone of clf, {CORE} is not there; name one with --clf DIR");
            Err(Error::config(folder.display().to_string(), reason))
        }
    }
}

/// Refuses a folder with anything in it.
fn check_free(folder: &Path) -> Result<(), Error> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("look into", folder, error)),
    };
    match entries.next() {
        None => Ok(()),
        Some(_) => {
            Err(Error::config(folder.display().to_string(), "the folder is not empty; choose another with --out"))
        }
    }
}

/// Refuses a folder that would be both a workspace and part of clf's.
fn check_outside(folder: &Path, checkout: &Path) -> Result<(), Error> {
    let resolved = resolve(folder).map_err(|error| Error::io("find", folder, error))?;
    if WORKSPACE.iter().any(|part| resolved.starts_with(checkout.join(part))) {
        let reason = "the folder is part of clf's own workspace; choose another with --out, or see plugins/README.md \
                      for a method within clf";
        return Err(Error::config(folder.display().to_string(), reason));
    }
    Ok(())
}

/// The absolute path of a folder that need not exist, without symbolic links.
fn resolve(folder: &Path) -> io::Result<PathBuf> {
    let folder = path::absolute(folder)?;
    match (folder.parent(), folder.file_name()) {
        _ if folder.exists() => fs::canonicalize(folder),
        (Some(parent), Some(name)) => Ok(resolve(parent)?.join(name)),
        _ => Ok(folder),
    }
}

/// Writes all of `files` or none: they are moved to their place when they are complete.
fn write(folder: &Path, files: &[File]) -> Result<(), Error> {
    let work = || {
        let exists = folder.is_dir();
        let beside = path::absolute(folder)?;
        let place = if exists { &*beside } else { beside.parent().unwrap_or(&beside) };
        fs::create_dir_all(place)?;
        let partial = tempfile::Builder::new().prefix(".clf-new-").tempdir_in(place)?;
        let made = partial.path().join("crate");
        files.iter().try_for_each(|file| write_file(&made.join(file.path), &file.text))?;
        // An empty folder stays the one that a shell may be in.
        if exists { move_content(&made, folder) } else { fs::rename(&made, folder) }
    };
    work().map_err(|error: io::Error| Error::io("write to", folder, error))
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, text)
}

fn move_content(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::rename(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
