//! Where the entries of an archive go, and the rules for them.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use super::Limits;
use crate::{FetchError, checksum::BLOCK};

/// Why unpacking ended early.
pub(super) enum Stop {
    /// The archive is at fault.
    Archive(String),
    /// This machine is.
    Local(FetchError),
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Self::Local(error)
    }
}

/// A damaged archive, as its decoder says it.
pub(super) fn damaged(error: impl std::fmt::Display) -> Stop {
    Stop::Archive(format!("it is damaged or cut off ({error})"))
}

/// A folder that takes in entries by their names in the archive.
pub(super) struct Sink<'a> {
    root: &'a Path,
    limits: Limits,
    bytes: u64,
    entries: u64,
    /// Links and what they point to, both inside of the root; made at the end, so that no entry is written through one.
    links: Vec<(PathBuf, PathBuf)>,
}

impl<'a> Sink<'a> {
    pub fn new(root: &'a Path, limits: Limits) -> Self {
        Self { root, limits, bytes: 0, entries: 0, links: Vec::new() }
    }

    /// Makes a folder.
    pub fn folder(&mut self, name: &Path) -> Result<(), Stop> {
        match self.admit(name)? {
            Some(path) => make_folder(&path, name),
            None => Ok(()),
        }
    }

    /// Writes a file.
    pub fn file(&mut self, name: &Path, content: &mut dyn Read) -> Result<(), Stop> {
        let Some(path) = self.admit(name)? else { return Ok(()) };
        let mut file = create(&path, name)?;
        let mut block = vec![0; BLOCK];
        loop {
            let count = content.read(&mut block).map_err(damaged)?;
            if count == 0 {
                return Ok(());
            }
            self.bytes += count as u64;
            if self.bytes > self.limits.bytes {
                return Err(Stop::Archive(format!("it holds more than {} bytes", self.limits.bytes)));
            }
            file.write_all(&block[..count]).map_err(FetchError::write("write", &path))?;
        }
    }

    /// Notes a link; `target` is relative to the root.
    pub fn link(&mut self, name: &Path, target: &Path) -> Result<(), Stop> {
        let Some(path) = self.admit(name)? else { return Ok(()) };
        let Some(target) = resolved(target) else {
            return Err(Stop::Archive(format!("its link {} leaves the folder", name.display())));
        };
        self.links.push((path, self.root.join(target)));
        Ok(())
    }

    /// Makes the links, as further names of the same files; those that point to nothing are left out.
    pub fn finish(self) -> Result<(), Stop> {
        let mut links = self.links;
        // A link to a link waits for that one.
        while !links.is_empty() {
            let (ready, waiting): (Vec<_>, Vec<_>) = links.into_iter().partition(|(_, target)| target.exists());
            if ready.is_empty() {
                break;
            }
            for (path, target) in ready {
                make_link(&path, &target, path.strip_prefix(self.root).unwrap_or(&path))?;
            }
            links = waiting;
        }
        Ok(())
    }

    /// The place of an entry; none for what is left out.
    fn admit(&mut self, name: &Path) -> Result<Option<PathBuf>, Stop> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Stop::Archive(format!("it holds more than {} entries", self.limits.entries)));
        }
        let mut path = self.root.to_owned();
        for part in name.components() {
            match part {
                Component::Normal(part) if is_of_macos(part.as_encoded_bytes()) => return Ok(None),
                Component::Normal(part) => path.push(part),
                Component::CurDir => {}
                _ => return Err(Stop::Archive(format!("its entry {} leaves the folder", name.display()))),
            }
        }
        Ok(Some(path))
    }
}

fn is_of_macos(name: &[u8]) -> bool {
    name == b"__MACOSX" || name == b".DS_Store" || name.starts_with(b"._")
}

fn make_folder(path: &Path, name: &Path) -> Result<(), Stop> {
    fs::create_dir_all(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            Stop::Archive(format!("what {} lies in is a file and a folder in it", name.display()))
        }
        _ => FetchError::write("create the folder", path)(error).into(),
    })
}

/// Creates the file of an entry, which no other entry may have created; case counts as the file system says.
fn create(path: &Path, name: &Path) -> Result<File, Stop> {
    if let Some(folder) = path.parent() {
        make_folder(folder, name)?;
    }
    File::create_new(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory => {
            Stop::Archive(format!("two of its entries are called {}", name.display()))
        }
        io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput => {
            Stop::Archive(format!("its entry {} has a name that this system refuses", name.display()))
        }
        _ => FetchError::write("write", path)(error).into(),
    })
}

/// A second name for a file, or a copy where the file system has no such thing.
fn make_link(path: &Path, target: &Path, name: &Path) -> Result<(), Stop> {
    if target.is_dir() {
        return Err(Stop::Archive(format!("its link {} points to a folder", name.display())));
    }
    if path.exists() {
        return Err(Stop::Archive(format!("two of its entries are called {}", name.display())));
    }
    if let Some(folder) = path.parent() {
        make_folder(folder, name)?;
    }
    let made = fs::hard_link(target, path).or_else(|_| fs::copy(target, path).map(|_| ()));
    Ok(made.map_err(FetchError::write("write", path))?)
}

/// A path without `.` and `..`; none if it leaves the folder that it is relative to.
///
/// No link exists while this is asked, so the names alone tell where the path leads.
pub(super) fn resolved(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => resolved.push(part),
            Component::CurDir => {}
            Component::ParentDir if resolved.pop() => {}
            _ => return None,
        }
    }
    Some(resolved)
}
