use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::written::Sum;
use crate::error::Error;

/// A file of JSON lines that grows, and can be cut back to what it was.
pub(super) struct Lines {
    path: PathBuf,
    file: File,
    length: u64,
    /// Of all that is in it.
    hash: Sha256,
}

impl Lines {
    /// Opens or creates the file; lines are added at its end.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let refused = |error| Error::io("write", path, error);
        let file = File::options().create(true).append(true).open(path).map_err(refused)?;
        let length = file.metadata().map_err(refused)?.len();
        Ok(Self { path: path.to_owned(), file, length, hash: hash_of(path, length)? })
    }

    /// Adds a line, which others can read at once.
    pub fn add(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let mut line = serde_json::to_vec(line).map_err(|error| Error::Defect(error.to_string()))?;
        line.push(b'\n');
        self.length += line.len() as u64;
        self.hash.update(&line);
        self.file.write_all(&line).map_err(|error| Error::io("write", &self.path, error))
    }

    /// Bytes so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Length and hash so far.
    pub fn sum(&self) -> Sum {
        Sum { bytes: self.length, sha256: hex::encode(self.hash.clone().finalize()) }
    }

    /// Makes sure that what was written survives a power failure.
    pub fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|error| Error::io("write", &self.path, error))
    }

    /// Goes back to what the file was with `length` bytes.
    pub fn cut(&mut self, length: u64) -> Result<(), Error> {
        if length > self.length {
            let reason = format!("it has {} bytes, fewer than the {length} that the checkpoint counts on", self.length);
            return Err(Error::Checkpoint { path: self.path.clone(), reason });
        }
        (self.length, self.hash) = (length, hash_of(&self.path, length)?);
        self.file.set_len(length).map_err(|error| Error::io("write", &self.path, error))
    }
}

/// The hash of the first `length` bytes of the file at `path`, to go on with.
fn hash_of(path: &Path, length: u64) -> Result<Sha256, Error> {
    let mut hash = Sha256::new();
    let read = File::open(path).and_then(|file| io::copy(&mut file.take(length), &mut hash));
    read.map(|_| hash).map_err(|error| Error::io("read", path, error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_cut_off_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.jsonl");
        let mut lines = Lines::open(&path).unwrap();
        lines.add(&1).unwrap();
        let length = lines.length();
        lines.add(&2).unwrap();
        let mut again = Lines::open(&path).unwrap();
        again.cut(length).unwrap();
        again.add(&3).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n3\n");
        assert_eq!(again.sum(), Lines::open(&path).unwrap().sum());
        assert!(again.cut(99).unwrap_err().to_string().contains("lines.jsonl"));
    }
}
