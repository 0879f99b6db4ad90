//! Files that are not whole yet, and what is left of those that never became so.
//!
//! Every file that is being written has a name of its own and is locked by who writes it. A lock ends with its process,
//! however that ended, so a temporary file that can be locked belongs to nobody.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// A new file beside a target, locked for as long as it is open.
pub(super) struct Temporary {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Temporary {
    /// Begins a file for `target` under a name that no other process and no other thread has.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        let mut attempt = 0_u32;
        loop {
            let path = target.with_file_name(format!("{}{}-{attempt}.tmp", prefix(target), std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => attempt += 1,
                Err(error) => return Err(error),
                Ok(file) => {
                    // A file system without locks is used without them: nothing is swept there either.
                    let _ = file.lock();
                    // Who swept at the same moment may have seen it before it was locked.
                    if path.exists() {
                        return Ok(Self { path, file });
                    }
                }
            }
        }
    }
}

/// Removes the files that were begun for `target` by processes that are gone.
///
/// What cannot be removed stays: it only takes space.
pub(super) fn sweep(target: &Path) {
    let prefix = prefix(target);
    for entry in fs::read_dir(folder_of(target)).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_ours = path.extension().is_some_and(|ending| ending == "tmp")
            && name.to_str().is_some_and(|name| name.starts_with(&prefix));
        let open = || OpenOptions::new().write(true).open(&path);
        // The lock is held until the file is gone.
        if let Some(file) = is_ours.then(open).and_then(Result::ok)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// What the names of the temporary files of `target` begin with.
fn prefix(target: &Path) -> String {
    format!(".{}.", target.file_name().unwrap_or_default().to_string_lossy())
}

/// The folder of `target`.
pub(super) fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes `folder`; gives those folders that were not there, the innermost first.
pub(super) fn make_folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let new = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let new = new.map(Path::to_owned).collect();
    fs::create_dir_all(folder)?;
    Ok(new)
}

/// Removes folders as far as they are empty.
pub(super) fn remove_folders(folders: &[PathBuf]) {
    let _ = folders.iter().try_for_each(fs::remove_dir);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_writes_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("test-32.pixels");
        let stale = folder.path().join(".test-32.pixels.4711.tmp");
        let other = folder.path().join(".test-64.pixels.4711.tmp");
        for path in [&stale, &other, &target] {
            fs::write(path, "half").unwrap();
        }
        let (first, second) = (Temporary::beside(&target).unwrap(), Temporary::beside(&target).unwrap());
        assert_ne!(first.path, second.path);
        sweep(&target);
        let there = [&stale, &other, &target, &first.path, &second.path].map(|path| path.exists());
        assert_eq!(there, [false, true, true, true, true]);
        drop(first.file);
        sweep(&target);
        assert!(!first.path.exists() && second.path.exists());
    }

    #[test]
    fn only_new_and_empty_folders_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b/c");
        fs::create_dir(folder.path().join("a")).unwrap();
        let new = make_folders(&inner).unwrap();
        assert_eq!(new, [inner, folder.path().join("a/b")]);
        fs::write(folder.path().join("a/b/file"), "").unwrap();
        remove_folders(&new);
        assert!(folder.path().join("a/b/file").exists() && !new[0].exists());
        fs::remove_file(folder.path().join("a/b/file")).unwrap();
        remove_folders(&new[1..]);
        assert!(folder.path().join("a").exists() && !new[1].exists());
    }
}
