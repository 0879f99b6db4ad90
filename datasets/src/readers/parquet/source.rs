//! Reading a file that may be damaged.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use clf_core::panics;
use parquet::{
    errors::{ParquetError, Result as ParquetResult},
    file::reader::{ChunkReader, Length},
};

/// What `read` returns; the parquet crate panics on some files that are damaged.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    panics::caught(read).unwrap_or_else(|said| Err(format!("it cannot be decoded: {said}")))
}

/// A file that refuses to be read outside of its length, whatever a damaged footer asks for.
pub(super) struct Source {
    file: File,
    length: u64,
    /// What was read, and where in the file it begins.
    parts: Mutex<Vec<(u64, Bytes)>>,
}

impl Source {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length, parts: Mutex::default() })
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Where in the file `value` lies, if it is a part of what was read and not a copy that was unpacked.
    pub(super) fn place_of(&self, value: &[u8]) -> Option<u64> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().find_map(|(start, part)| {
            let before = value.as_ptr().addr().checked_sub(part.as_ptr().addr())?;
            (before + value.len() <= part.len()).then_some(start + before as u64)
        })
    }

    fn check(&self, start: u64, length: u64) -> ParquetResult<()> {
        match start.checked_add(length) {
            Some(end) if end <= self.length => Ok(()),
            _ => Err(ParquetError::EOF(format!("it has {} bytes, but speaks of byte {start} and later", self.length))),
        }
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Source {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        self.check(start, 0)?;
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.check(start, length as u64)?;
        let bytes = self.file.get_bytes(start, length)?;
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push((start, bytes.clone()));
        Ok(bytes)
    }
}
