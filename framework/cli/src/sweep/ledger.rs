//! What was tried, when, where and how it ended: a line each, in one file that many processes add to.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use clf_core::Error;
use serde::{Deserialize, Serialize};

use super::{lock, point::Point, space::Settings};

/// What happened to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It was handed to Slurm.
    Submitted,
    /// A run began, or went on.
    Started,
    /// The run learned all tasks.
    Finished,
    /// The run ended with an error.
    Failed,
    /// The run was interrupted and can go on.
    Stopped,
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// When, in UTC.
    pub time: String,
    /// Name of the point.
    pub point: String,
    /// What happened.
    pub event: Event,
    /// Its method.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// What the sweep sets.
    pub settings: Settings,
    /// Exit code of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// How the run ended where it has no exit code, and the last error that it reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Wall time in seconds, of the whole run as far as its folder knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The figures of a finished run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// The machine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The task of a Slurm job, `JOB_INDEX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slurm: Option<String>,
}

impl Entry {
    /// `event` at `point`, now and here.
    pub fn new(point: &Point, event: Event) -> Self {
        Self {
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            point: point.name.clone(),
            event,
            method: point.method.clone(),
            seed: point.seed,
            settings: point.settings.clone(),
            exit_code: None,
            error: None,
            seconds: None,
            metrics: BTreeMap::new(),
            host: host(),
            slurm: super::slurm::this_task(),
        }
    }
}

/// Name of this machine.
fn host() -> String {
    #[cfg(unix)]
    let name = nix::unistd::gethostname().ok().map(|name| name.to_string_lossy().into_owned());
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").ok();
    name.unwrap_or_default()
}

/// The file of all entries.
pub struct Ledger {
    path: PathBuf,
}

impl Ledger {
    /// The ledger at `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Adds entries, whole lines, whatever other processes do.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn add(&self, entries: &[Entry]) -> Result<(), Error> {
        self.append(&mut lock::wait_for(&self.path)?, entries)
    }

    /// Adds those of `entries` about whose points the ledger does not say that they are finished.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written.
    pub fn add_finished(&self, mut entries: Vec<Entry>) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut file = lock::wait_for(&self.path)?;
        let known = self.read()?;
        entries.retain(|new| !known.iter().any(|old| old.event == Event::Finished && old.point == new.point));
        if entries.is_empty() { Ok(()) } else { self.append(&mut file, &entries) }
    }

    fn append(&self, file: &mut File, entries: &[Entry]) -> Result<(), Error> {
        let mut text = String::new();
        for entry in entries {
            text.push_str(&serde_json::to_string(entry).map_err(|error| Error::Defect(error.to_string()))?);
            text.push('\n');
        }
        append(file, text).map_err(|error| Error::io("write", &self.path, error))
    }

    /// All entries, oldest first. A line that is none, as a full disk leaves it, is passed over.
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be read.
    pub fn read(&self) -> Result<Vec<Entry>, Error> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let bytes = fs::read(&self.path).map_err(|error| Error::io("read", &self.path, error))?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        Ok(lines.filter_map(|line| entry(&self.path, line)).collect())
    }
}

fn entry(path: &Path, line: &str) -> Option<Entry> {
    match serde_json::from_str(line) {
        Ok(entry) => Some(entry),
        Err(error) => {
            tracing::warn!("a line of {} is passed over: {error}", path.display());
            None
        }
    }
}

/// Adds `text` in one write, on a line of its own even if the last one was cut off.
fn append(file: &mut File, text: String) -> std::io::Result<()> {
    let mut text = text;
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.insert(0, '\n');
        }
    }
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn point(name: &str) -> Point {
        let settings = [("train.lr".to_owned(), toml::Value::Float(1e-5))].into();
        Point { name: name.to_owned(), group: "g".into(), method: "zscl".into(), seed: 3, settings }
    }

    #[test]
    fn an_entry_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path().join("ledger.jsonl"));
        assert_eq!(ledger.read().unwrap(), []);
        let mut failed = Entry::new(&point("a"), Event::Failed);
        failed.exit_code = Some(5);
        failed.error = Some("a\n\"b\"".to_owned());
        let entries = [Entry::new(&point("a"), Event::Started), failed, Entry::new(&point("b"), Event::Finished)];
        ledger.add(&entries).unwrap();
        assert_eq!(ledger.read().unwrap(), entries);
        ledger.add_finished(["a", "b"].map(|name| Entry::new(&point(name), Event::Finished)).to_vec()).unwrap();
        let read = ledger.read().unwrap();
        assert_eq!((read.len(), &*read[3].point), (4, "a"));
    }

    #[test]
    fn many_writers_leave_whole_lines_and_a_torn_one_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        fs::write(&path, "{\"time\": \"cut o").unwrap();
        thread::scope(|scope| {
            for writer in 0..4 {
                let path = path.clone();
                scope.spawn(move || {
                    for i in 0..25 {
                        let entry = Entry::new(&point(&format!("{writer}-{i}")), Event::Started);
                        Ledger::new(path.clone()).add(&[entry]).unwrap();
                    }
                });
            }
        });
        assert_eq!(Ledger::new(path).read().unwrap().len(), 100);
    }
}
