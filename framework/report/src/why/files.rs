use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufReader, Read},
    path::Path,
};

use clf_core::Error;
use serde::Serialize;

use super::{Curves, folder::Folder};

/// Files of a run that its settings decide, down to the last bit where the machine is the same.
const FILES: [&str; 10] = [
    "config.toml",
    "matrix-task-agnostic.npy",
    "matrix-task-aware.npy",
    "matrix.npy",
    "metrics.jsonl",
    "model.safetensors",
    "scenario.toml",
    "zero-shot.npy",
    "matrix.csv",
    "environment.json",
];
/// Bytes that are compared at a time.
const CHUNK: usize = 1 << 16;

/// A file of two run folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SharedFile {
    /// Its path in both folders.
    pub name: String,
    /// Whether it is the same.
    pub state: FileState,
}

/// Whether a file of two folders is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    /// To the last bit.
    Same,
    /// But for the time that steps took.
    SameButTimes,
    /// Different.
    Different,
    /// The one folder has it alone.
    OnlyLeft,
    /// The other folder has it alone.
    OnlyRight,
}

/// Compares the files of two folders; what neither has is left out.
pub fn compare(left: &Folder, right: &Folder) -> Result<Vec<SharedFile>, Error> {
    let mut names: BTreeSet<String> = FILES.map(str::to_owned).into();
    for folder in [left, right] {
        names.extend(predictions(&folder.path.join("predictions")));
    }
    let mut found = Vec::new();
    for name in names {
        if let Some(state) = state(&left.path.join(&name), &right.path.join(&name))? {
            let is_timed = name == "metrics.jsonl" && state == FileState::Different && untimed_equal(left, right);
            found.push(SharedFile { name, state: if is_timed { FileState::SameButTimes } else { state } });
        }
    }
    Ok(found)
}

/// Whether all steps are the same numbers, whatever time they took.
fn untimed_equal(left: &Folder, right: &Folder) -> bool {
    let curves = Curves::new(&left.steps, &right.steps);
    [curves.left, curves.right] == [curves.common; 2] && curves.parting.is_none()
}

/// Names of the files of predictions; none where there is no folder.
fn predictions(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.map(|name| format!("predictions/{}", name.to_string_lossy())).collect()
}

fn state(left: &Path, right: &Path) -> Result<Option<FileState>, Error> {
    Ok(Some(match (left.is_file(), right.is_file()) {
        (false, false) => return Ok(None),
        (true, false) => FileState::OnlyLeft,
        (false, true) => FileState::OnlyRight,
        (true, true) if is_same(left, right).map_err(|error| Error::io("read", left, error))? => FileState::Same,
        (true, true) => FileState::Different,
    }))
}

/// Compares two files, which may be larger than the memory.
fn is_same(left: &Path, right: &Path) -> io::Result<bool> {
    let (left, right) = (File::open(left)?, File::open(right)?);
    if left.metadata()?.len() != right.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (BufReader::new(left), BufReader::new(right));
    let (mut one, mut other) = (Vec::new(), Vec::new());
    loop {
        one.clear();
        other.clear();
        left.by_ref().take(CHUNK as u64).read_to_end(&mut one)?;
        right.by_ref().take(CHUNK as u64).read_to_end(&mut other)?;
        if one != other || one.is_empty() {
            return Ok(one == other);
        }
    }
}
