//! The images of a table of captions and links, as far as the links are still alive.
//!
//! Row `n` (0-based) becomes `cc_data/val/<n mod 1000>/<n>.jpg` beside the table, shrunk to a longest side. What a server refuses,
//! what is no picture and what is far from square is remembered in `dead-links.txt` and not asked for again; a failure that may pass
//! (no answer, an overloaded server) is tried again by the next call. An index of captions and images stands beside the table in
//! the end, in the form of the ZSCL reference code.

mod memory;
mod picture;
mod rows;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use clf_core::data::DatasetError;
use clf_fetch::Fetcher;
use serde::Deserialize;

use self::{memory::Memory, rows::Row};
use super::{super::files::io_error, table::INDEX_HEAD};

/// End of the name of an index.
pub(super) const INDEX_ENDING: &[u8] = b"_output.csv";

/// Longest picture that is loaded, in bytes.
const LONGEST: u64 = 64 << 20;

/// What is kept of linked images, and how long one may take.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gathering {
    /// Seconds for one image.
    pub seconds: u64,
    /// Longest side in pixels; larger images are shrunk.
    pub side: u32,
    /// Smallest share of the rows whose images are enough.
    pub minimum: f64,
}

/// How one row ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its image is there; it may have been before.
    Found {
        /// Whether it was loaded now.
        new: bool,
    },
    /// It will not come, for this reason.
    Dead(String),
    /// It may come another time.
    Passing(String),
}

/// What is there in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Rows of the table.
    pub rows: usize,
    /// Rows with an image.
    pub found: usize,
    /// Those of them that were loaded now.
    pub new: usize,
    /// Links that are dead, by reason.
    pub dead: BTreeMap<String, usize>,
    /// Links that may come another time, by reason.
    pub passing: BTreeMap<String, usize>,
}

/// The place of the index of a table.
pub fn index_of(table: &Path) -> PathBuf {
    let mut name = table.file_stem().unwrap_or_default().to_owned();
    name.push("_output.csv");
    table.with_file_name(name)
}

/// Number of rows of `table`.
///
/// # Errors
///
/// When it is damaged.
pub fn count(table: &Path) -> Result<usize, DatasetError> {
    Ok(rows::read(table)?.len())
}

/// Gathers the images of `table`, `jobs` at a time; `each` hears of every row once.
///
/// Rows whose image is there, or whose link is known to be dead, cost no request. A call that was interrupted goes on.
///
/// # Errors
///
/// When the table is damaged or the folder cannot be written.
pub fn gather(
    table: &Path,
    settings: &Gathering,
    fetcher: &Fetcher,
    jobs: usize,
    each: &(dyn Fn(&Outcome) + Sync),
) -> Result<Gathered, DatasetError> {
    let folder = table.parent().unwrap_or(Path::new(""));
    let rows = rows::read(table)?;
    let memory = Memory::open(&folder.join("dead-links.txt"))?;
    let work = Work { folder, settings, fetcher, memory: &memory };
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results = Mutex::new((Gathered { rows: rows.len(), ..Gathered::default() }, None));
    let worker = || {
        while !stop.load(Ordering::Relaxed) {
            let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let outcome = work.row(row);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(outcome) => {
                    results.0.count(&outcome);
                    each(&outcome);
                }
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    results.1.get_or_insert(error);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, rows.len().max(1)) {
            scope.spawn(worker);
        }
    });
    match results.into_inner().unwrap_or_else(PoisonError::into_inner) {
        (gathered, None) => Ok(gathered),
        (_, Some(error)) => Err(error),
    }
}

/// Writes the index of the images that are there and gives its path.
///
/// # Errors
///
/// When the table is damaged or the folder cannot be written.
pub fn write_index(table: &Path) -> Result<PathBuf, DatasetError> {
    let folder = table.parent().unwrap_or(Path::new(""));
    let (index, mut text) = (index_of(table), format!("{INDEX_HEAD}\n"));
    for row in rows::read(table)? {
        let image = row.image();
        if folder.join(&image).is_file() {
            text += &format!("{}\t{image}\n", row.caption);
        }
    }
    let draft = index.with_extension("part");
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, &index)).map_err(write_error(&index))?;
    Ok(index)
}

impl Gathered {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Found { new } => {
                self.found += 1;
                self.new += usize::from(*new);
            }
            Outcome::Dead(reason) => *self.dead.entry(reason.clone()).or_default() += 1,
            Outcome::Passing(reason) => *self.passing.entry(reason.clone()).or_default() += 1,
        }
    }
}

/// What all rows share.
struct Work<'a> {
    folder: &'a Path,
    settings: &'a Gathering,
    fetcher: &'a Fetcher,
    memory: &'a Memory,
}

impl Work<'_> {
    /// Gathers one row.
    fn row(&self, row: &Row) -> Result<Outcome, DatasetError> {
        let path = self.folder.join(row.image());
        if path.is_file() {
            return Ok(Outcome::Found { new: false });
        }
        if let Some(reason) = self.memory.reason(row) {
            return Ok(Outcome::Dead(reason.to_owned()));
        }
        let outcome = self.load(&row.url, &path)?;
        if let Outcome::Dead(reason) = &outcome {
            self.memory.note(row, reason)?;
        }
        Ok(outcome)
    }

    /// Loads the image of a link to `path`.
    fn load(&self, url: &str, path: &Path) -> Result<Outcome, DatasetError> {
        let page = match self.fetcher.page(url, LONGEST, Duration::from_secs(self.settings.seconds)) {
            Ok(page) if page.status == 200 => page,
            Ok(page) => return Ok(refused(page.status)),
            Err(error) if error.is_too_long => return Ok(Outcome::Dead(error.reason)),
            Err(error) => return Ok(Outcome::Passing(error.reason)),
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(write_error(folder))?;
        }
        picture::keep(&page.bytes, path, self.settings.side)
    }
}

/// What a status other than 200 means.
fn refused(status: u16) -> Outcome {
    let reason = format!("status {status}");
    match status {
        408 | 425 | 429 | 500..=599 => Outcome::Passing(reason),
        _ => Outcome::Dead(reason),
    }
}

/// Turns what the system said about writing `path` into an error that names it.
fn write_error(path: &Path) -> impl FnOnce(io::Error) -> DatasetError {
    let path = path.to_owned();
    move |source| DatasetError::Write { path, source }
}

/// As [`io_error`], for reading.
fn read_error(path: &Path) -> impl FnOnce(io::Error) -> DatasetError {
    io_error(path)
}

#[cfg(test)]
mod tests;
