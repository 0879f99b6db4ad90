//! The checkpoints of a run folder.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use serde::{Serialize, de::DeserializeOwned};

use super::checkpoint_file;
use crate::{engine::Checkpoint, error::Error};

const FOLDER: &str = "checkpoints";
const ENDING: &str = "safetensors";
/// Ending of those that were found damaged.
const DAMAGED: &str = "damaged";
/// Checkpoints that are kept where the user does not say it: one more than the newest, in case that one is damaged.
pub const KEPT: usize = 2;

/// The folder `checkpoints`, and how many of its files stay.
pub(super) struct Checkpoints {
    folder: PathBuf,
    keep: Option<NonZeroUsize>,
}

/// A checkpoint that was found, with the record of who keeps it.
pub(super) struct Found<R> {
    pub checkpoint: Checkpoint,
    pub record: R,
    /// Newer ones that are damaged, and what is wrong with them.
    pub damaged: Vec<(PathBuf, String)>,
}

impl Checkpoints {
    /// The checkpoints in `run`; the newest `keep` stay, also after the end.
    pub fn of(run: &Path, keep: Option<NonZeroUsize>) -> Self {
        Self { folder: run.join(FOLDER), keep }
    }

    /// Adds a checkpoint and removes the oldest ones.
    pub fn save(&self, checkpoint: &Checkpoint, record: &impl Serialize) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(|error| Error::io("create the folder", &self.folder, error))?;
        let (task, step) = checkpoint.position();
        let path = self.folder.join(format!("task-{task:03}-step-{step:07}.{ENDING}"));
        checkpoint_file::write(&path, checkpoint, record)?;
        let mut files = files(&self.folder)?;
        files.truncate(files.len().saturating_sub(self.keep.map_or(KEPT, NonZeroUsize::get)));
        for (_, path) in files {
            // An old file that cannot be removed costs space and nothing else.
            drop(fs::remove_file(path));
        }
        Ok(())
    }

    /// The newest checkpoint that is whole; nothing if there is none at all.
    ///
    /// # Errors
    ///
    /// When every checkpoint is damaged; names the newest one.
    pub fn newest<R: DeserializeOwned>(&self, device: &Device) -> Result<Option<Found<R>>, Error> {
        self.remove_partial();
        let mut damaged: Vec<(PathBuf, String)> = Vec::new();
        for (_, path) in files(&self.folder)?.into_iter().rev() {
            match checkpoint_file::read(&path, device) {
                Ok((checkpoint, record)) => {
                    for (path, _) in &damaged {
                        set_aside(path);
                    }
                    return Ok(Some(Found { checkpoint, record, damaged }));
                }
                Err(reason) => damaged.push((path, reason)),
            }
        }
        match damaged.into_iter().next() {
            Some((path, reason)) => Err(Error::Checkpoint { path, reason }),
            None => Ok(None),
        }
    }

    /// Removes those of a run that is over, unless the user wants to keep them.
    pub fn finish(&self) {
        if self.keep.is_none() {
            // What cannot be removed costs space and nothing else.
            drop(fs::remove_dir_all(&self.folder));
        }
    }

    /// Removes what a program that was killed was writing.
    fn remove_partial(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let partial = entries.filter(|path| path.extension().is_some_and(|ending| ending == "partial"));
        partial.for_each(|path| drop(fs::remove_file(path)));
    }
}

/// Gives a damaged checkpoint another name, so that it neither counts as the newest nor takes the place of a whole one.
fn set_aside(path: &Path) {
    // Where that is not possible, it is passed over again next time.
    drop(fs::rename(path, path.with_extension(DAMAGED)));
}

/// Removes all checkpoints in `run`.
pub(super) fn remove_all(run: &Path) -> Result<(), Error> {
    let folder = run.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(error) if folder.exists() => Err(Error::io("replace", folder, error)),
        _ => Ok(()),
    }
}

/// A file with its task and step.
type Dated = ((usize, usize), PathBuf);

/// All checkpoints, oldest first.
fn files(folder: &Path) -> Result<Vec<Dated>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let refused = |error| Error::io("read the folder", folder, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        found.extend(position(&path).map(|position| (position, path)));
    }
    found.sort();
    Ok(found)
}

/// Task and step in the name of a checkpoint.
fn position(path: &Path) -> Option<(usize, usize)> {
    let name = path.file_name()?.to_str()?.strip_suffix(ENDING)?.strip_suffix('.')?;
    let (task, step) = name.strip_prefix("task-")?.split_once("-step-")?;
    Some((task.parse().ok()?, step.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clf_clip::Weights;

    use super::*;

    /// After `learned` tasks.
    fn checkpoint(learned: usize) -> Checkpoint {
        Checkpoint {
            rows: vec![vec![1.0]; learned],
            learned: true,
            student: Weights::default(),
            task: None,
            states: BTreeMap::new(),
        }
    }

    fn names(run: &Path) -> Vec<String> {
        let name = |(_, path): Dated| path.file_name().unwrap().to_string_lossy().into_owned();
        files(&run.join(FOLDER)).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn the_newest_ones_stay_and_those_of_a_finished_run_go_unless_they_are_wanted() {
        let run = tempfile::tempdir().unwrap();
        let three = Checkpoints::of(run.path(), NonZeroUsize::new(3));
        (1..=5).for_each(|learned| three.save(&checkpoint(learned), &()).unwrap());
        assert_eq!(names(run.path()), [3, 4, 5].map(|task| format!("task-{task:03}-step-0000000.safetensors")));
        three.finish();
        assert_eq!(names(run.path()).len(), 3);
        let usual = Checkpoints::of(run.path(), None);
        usual.save(&checkpoint(6), &()).unwrap();
        assert_eq!(names(run.path()).len(), KEPT);
        usual.finish();
        assert_eq!(names(run.path()).len(), 0);
    }

    #[test]
    fn a_damaged_one_is_passed_over_and_all_damaged_are_an_error() {
        let (run, device) = (tempfile::tempdir().unwrap(), Device::flex());
        let checkpoints = Checkpoints::of(run.path(), None);
        assert!(checkpoints.newest::<usize>(&device).unwrap().is_none());
        (1..=2).for_each(|learned| checkpoints.save(&checkpoint(learned), &learned).unwrap());
        let cut = |task: usize| {
            let path = run.path().join(FOLDER).join(format!("task-{task:03}-step-0000000.safetensors"));
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        };
        fs::write(run.path().join(FOLDER).join("task-009-step-0000000.partial"), "x").unwrap();
        assert_eq!(checkpoints.newest::<usize>(&device).unwrap().unwrap().record, 2);
        cut(2);
        let found = checkpoints.newest::<usize>(&device).unwrap().unwrap();
        assert_eq!((found.record, found.damaged.len(), found.checkpoint.position()), (1, 1, (1, 0)));
        assert_eq!(names(run.path()), ["task-001-step-0000000.safetensors"], "it is set aside");
        cut(1);
        let error = checkpoints.newest::<usize>(&device).err().unwrap();
        assert!(error.to_string().contains("task-001-step-0000000.safetensors"), "{error}");
        assert_eq!(names(run.path()).len(), 1, "the last one is left where it is");
        assert!(!run.path().join(FOLDER).join("task-009-step-0000000.partial").exists());
    }
}
