//! Files that are there whole or not at all.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::error::Error;

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Defect(error.to_string()))?;
    write_atomically(path, format!("{text}\n").as_bytes())
}

/// Writes a whole file or nothing: a reader never sees half of it, whatever happens in between.
///
/// # Errors
///
/// When the disk is full or the folder cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let partial = path.with_extension("partial");
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|error| {
        // The first error is the one to report; a left-over file is harmless.
        drop(fs::remove_file(&partial));
        Error::io("write", path, error)
    })
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    serde_json::from_str(&text).map_err(|error| Error::damaged(path, format!("not {what}: {error}")))
}
