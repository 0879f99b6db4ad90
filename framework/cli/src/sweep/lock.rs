//! A run of a point at a time, whichever process starts it.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use clf_core::Error;

/// Whether a point may be run.
pub enum Lock {
    /// It may, as long as this file is open here or in the process that it was given to.
    Mine(File),
    /// Another process is at it.
    Taken,
}

/// Asks for the point whose lock is the file `path`.
///
/// The lock belongs to the open file. A child that gets it as its standard input keeps it for as long as it lives, also
/// when its parent is killed.
///
/// # Errors
///
/// When the file cannot be made.
pub fn take(path: &Path) -> Result<Lock, Error> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock::Mine(file)),
        Err(TryLockError::WouldBlock) => Ok(Lock::Taken),
        Err(TryLockError::Error(error)) => {
            tracing::warn!("no locks at {}: {error}; start this sweep from one machine only", path.display());
            Ok(Lock::Mine(file))
        }
    }
}

/// Whether a process is at the point whose lock is the file `path`.
pub fn is_taken(path: &Path) -> bool {
    path.exists() && matches!(take(path), Ok(Lock::Taken))
}

/// The file `path`, locked against all other processes; waits for them.
///
/// # Errors
///
/// When the file cannot be made.
pub fn wait_for(path: &Path) -> Result<File, Error> {
    let file = open(path)?;
    if let Err(error) = file.lock() {
        tracing::debug!("no lock of {}: {error}", path.display());
    }
    Ok(file)
}

fn open(path: &Path) -> Result<File, Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
    }
    let opened = File::options().read(true).append(true).create(true).open(path);
    opened.map_err(|error| Error::io("open", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_taken_until_its_file_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/a");
        assert!(!is_taken(&path));
        let Lock::Mine(file) = take(&path).unwrap() else { panic!("nobody else has it") };
        let second = file.try_clone().unwrap();
        drop(file);
        assert!(is_taken(&path));
        drop(second);
        assert!(!is_taken(&path));
    }
}
