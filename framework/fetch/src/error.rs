//! Why a file could not be brought or taken apart.

use std::{fmt, io, path::PathBuf};

use crate::space::size;

/// A mirror, and why it did not give the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The mirror.
    pub url: String,
    /// What went wrong there last.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.reason)
    }
}

/// Why a file could not be brought or taken apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No mirror gave the file.
    #[error("cannot download {file}{}\n  hint: {hint}", listed(failures))]
    Unavailable {
        /// The file.
        file: String,
        /// Every mirror with its reason.
        failures: Vec<Failure>,
        /// The way by hand.
        hint: String,
    },
    /// The disk is too small.
    #[error(
        "{file} needs {} in {} and {} are free\n  hint: free some space or choose another folder; what is loaded is kept",
        size(*needed), folder.display(), size(*free)
    )]
    NoSpace {
        /// The file.
        file: String,
        /// Where it would go.
        folder: PathBuf,
        /// Bytes of the file and of its content.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A file could not be written or read.
    #[error("cannot {action} {}: {source}\n  hint: {}", path.display(), write_hint(source))]
    Write {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process loads the same file.
    #[error("{} is being loaded by another process\n  hint: wait for it, or stop it; what it loaded is kept", path.display())]
    Busy {
        /// The part.
        path: PathBuf,
    },
    /// An archive is damaged, or would write where it must not.
    #[error("{} cannot be unpacked: {reason}\n  hint: delete it and load it again, or get it from another source", archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The name of a file leaves its folder.
    #[error("{name:?} is not the name of a file\n  hint: give a name without .. that does not start at the root")]
    Name {
        /// The name.
        name: String,
    },
}

impl FetchError {
    /// A failed file operation.
    pub(crate) fn write(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { action, path, source }
    }

    /// Whether the failure is of this machine, so that no mirror can help.
    pub fn is_local(&self) -> bool {
        !matches!(self, Self::Unavailable { .. } | Self::Archive { .. })
    }
}

/// A line for each mirror.
fn listed(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return ": no mirror of it is known".to_owned();
    }
    failures.iter().fold(String::new(), |text, failure| text + "\n  " + &failure.to_string())
}

fn write_hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free some space or choose another folder; what is loaded is kept, and the same command goes on there"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "choose a folder that you may write to",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a part of the path is a file; move it away or choose another folder"
        }
        _ => "check the disk and the path",
    }
}
