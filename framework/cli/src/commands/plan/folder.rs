//! The folder of a measurement. It is gone with the process that measures; where that was killed, the next one removes it.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use clf_core::Error;
use tempfile::{Builder, TempDir};

/// How the names of such folders begin.
const PREFIX: &str = ".clf-plan-";
/// Held by who works in the folder.
const LOCK: &str = ".lock";
/// Folders that are made before it is given up: another process may take a new one for one that was left.
const TRIES: usize = 5;

/// A folder that is removed when it is dropped.
pub struct MeasuringFolder {
    folder: TempDir,
    lock: File,
}

impl MeasuringFolder {
    /// Removes what killed processes left in `place`, and makes a new folder there.
    ///
    /// # Errors
    ///
    /// When `place` cannot be written.
    pub fn create_in(place: &Path) -> Result<Self, Error> {
        remove_left(place);
        let failed = |error| Error::io("create a folder in", place, error);
        for _ in 0..TRIES {
            let folder = Builder::new().prefix(PREFIX).tempdir_in(place).map_err(failed)?;
            let lock = open(folder.path(), true).map_err(failed)?;
            let is_taken = matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
            // Whoever took it first removes it.
            if !is_taken && folder.path().join(LOCK).exists() {
                return Ok(Self { folder, lock });
            }
        }
        Err(failed(io::Error::other("other programs remove what is made there")))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What a child holds as long as it works in the folder, when it is its standard input.
    ///
    /// # Errors
    ///
    /// When this process has too many open files.
    pub fn lock(&self) -> io::Result<File> {
        self.lock.try_clone()
    }
}

fn open(folder: &Path, create: bool) -> io::Result<File> {
    File::options().read(true).append(true).create(create).open(folder.join(LOCK))
}

/// Removes folders of processes that are gone.
fn remove_left(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(lock) = open(&entry.path(), false) else { continue };
        // Without locks nothing tells whether somebody is at work.
        if lock.try_lock().is_ok() {
            // What cannot be removed costs space and nothing else.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_at_work_stays() {
        let place = tempfile::tempdir().unwrap();
        let at_work = MeasuringFolder::create_in(place.path()).unwrap();
        let left = place.path().join(".clf-plan-left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("measured.json"), "{}").unwrap();
        drop(open(&left, true).unwrap());
        let own = place.path().join(".clf-plan-of-somebody");
        fs::create_dir(&own).unwrap();

        let next = MeasuringFolder::create_in(place.path()).unwrap();
        assert!(at_work.path().exists() && next.path().exists() && own.exists());
        assert!(!left.exists());
        let child = at_work.lock().unwrap();
        let path = at_work.path().to_owned();
        drop(at_work);
        assert!(!path.exists());
        drop(child);
    }
}
