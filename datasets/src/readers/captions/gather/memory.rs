//! Links that are known to be dead.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use clf_core::data::DatasetError;

use super::{read_error, rows::Row, write_error};

/// A file of `row TAB reason`, which grows by a line for every dead link.
pub(super) struct Memory {
    path: PathBuf,
    reasons: HashMap<usize, String>,
    file: Mutex<File>,
}

impl Memory {
    /// Reads what is known; a line that an interrupted process left half written is nothing.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let text = if path.is_file() { fs::read_to_string(path).map_err(read_error(path))? } else { String::new() };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let entry = |line: &str| Some((line.split_once('\t')?.0.parse().ok()?, line.split_once('\t')?.1.to_owned()));
        let reasons = text[..whole].lines().filter_map(entry).collect();
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let mut file = file.and_then(|file| file.set_len(whole as u64).map(|()| file)).map_err(write_error(path))?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(write_error(path))?;
        Ok(Self { path: path.to_owned(), reasons, file: Mutex::new(file) })
    }

    /// Why the link of a row is dead, if it was when the process began.
    pub fn reason(&self, row: &Row) -> Option<&str> {
        self.reasons.get(&row.number).map(String::as_str)
    }

    /// Notes that the link of a row is dead.
    pub fn note(&self, row: &Row, reason: &str) -> Result<(), DatasetError> {
        let line = format!("{}\t{reason}\n", row.number);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(write_error(&self.path))
    }
}
