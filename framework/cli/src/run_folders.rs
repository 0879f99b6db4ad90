//! Folders that were named as those of runs, and hold run folders instead.

use std::{fs, path::Path};

use clf_core::{Error, store::RunStore};

use crate::shell::word;

/// Refuses a folder that holds run folders in place of a run, for a command that takes any number of runs.
///
/// # Errors
///
/// Names the folder, and the command with all runs in it.
pub fn check_all<P: AsRef<Path>>(command: &str, folders: &[P]) -> Result<(), Error> {
    check(command, folders, |folder, runs, _| all_of(folder, runs))
}

/// The same for a command that takes as many runs as `folders`.
///
/// # Errors
///
/// Names the folder, and the command with runs in it.
pub fn check_each<P: AsRef<Path>>(command: &str, folders: &[P]) -> Result<(), Error> {
    let one_of = |folder: &Path, runs: &[String], at: usize| path(folder, runs.get(at).unwrap_or(&runs[0]));
    check(command, folders, one_of)
}

/// `instead` gives the words for a folder from it, the names of its runs, and its place among the folders.
fn check<P: AsRef<Path>>(
    command: &str,
    folders: &[P],
    instead: impl Fn(&Path, &[String], usize) -> String,
) -> Result<(), Error> {
    let held: Vec<Vec<String>> = folders.iter().map(|folder| runs_in(folder.as_ref())).collect();
    let Some(first) = held.iter().position(|runs| !runs.is_empty()) else { return Ok(()) };
    let words = folders.iter().zip(&held).enumerate().map(|(at, (folder, runs))| match &runs[..] {
        [] => quoted(folder.as_ref()),
        runs => instead(folder.as_ref(), runs, at),
    });
    let words: Vec<String> = words.collect();
    let (count, s) = (held[first].len(), if held[first].len() == 1 { "" } else { "s" });
    let reason = format!("it is no run, and holds {count} run{s}\n  hint: clf {command} {}", words.join(" "));
    Err(Error::config(folders[first].as_ref().display().to_string(), reason))
}

/// Names of the run folders in `folder`, in order; none where it is that of a run itself.
fn runs_in(folder: &Path) -> Vec<String> {
    if is_run(folder) || folder.join("result.json").exists() {
        return Vec::new();
    }
    let mut runs: Vec<String> = names(folder).filter(|name| is_run(&folder.join(name))).collect();
    runs.sort_unstable();
    runs
}

fn is_run(folder: &Path) -> bool {
    matches!(RunStore::check_ours(folder), Ok(true))
}

/// What a shell finds in a folder.
fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| !name.starts_with('.'))
}

/// Words for all `runs` in `folder`: a pattern where a shell makes these runs of it.
fn all_of(folder: &Path, runs: &[String]) -> String {
    let others: Vec<String> = names(folder).filter(|name| !runs.contains(name)).collect();
    if others.iter().any(|name| folder.join(name).is_dir()) {
        return runs.iter().map(|run| path(folder, run)).collect::<Vec<_>>().join(" ");
    }
    path(folder, "") + if others.is_empty() { "*" } else { "*/" }
}

fn path(folder: &Path, name: &str) -> String {
    quoted(&folder.join(name))
}

fn quoted(path: &Path) -> String {
    word(&path.to_string_lossy()).into_owned()
}
