//! A folder beside the target that takes in what is unpacked.

use std::{
    ffi::OsString,
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
};

use crate::FetchError;

/// `.<name>.unpacking` beside the target; removed when dropped.
pub(super) struct Staging {
    path: PathBuf,
}

impl Staging {
    /// An empty folder beside `into`; what an interrupted process left there is removed.
    pub fn beside(into: &Path) -> Result<Self, FetchError> {
        let mut name = OsString::from(".");
        name.push(into.file_name().unwrap_or_default());
        name.push(".unpacking");
        let path = into.with_file_name(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FetchError::write("remove", path)(error));
            }
            _ => {}
        }
        fs::create_dir_all(&path).map_err(FetchError::write("create the folder", &path))?;
        Ok(Self { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the content to its place: at once where nothing is, else entry by entry.
    pub fn place(self, into: &Path) -> Result<(), FetchError> {
        if fs::symlink_metadata(into).is_err() {
            return fs::rename(&self.path, into).map_err(FetchError::write("write", into));
        }
        merge(&self.path, into)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Moves what is in `from` into the folder `to`; folders that are in both become one.
fn merge(from: &Path, to: &Path) -> Result<(), FetchError> {
    let read = |error| FetchError::write("read", from)(error);
    for entry in fs::read_dir(from).map_err(read)? {
        let entry: DirEntry = entry.map_err(read)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let is_folder = fs::symlink_metadata(&target).is_ok_and(|target| target.is_dir());
        if is_folder && source.is_dir() {
            merge(&source, &target)?;
        } else {
            fs::rename(&source, &target).map_err(FetchError::write("write", &target))?;
        }
    }
    Ok(())
}
