//! Datasets of picture files: class folders, split folders, lists.

mod classes;
mod config;
mod hold_out;
mod list;
mod permuted;
mod scan;
mod sources;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::{DatasetError, DatasetInfo, Samples};

use self::{classes::Classes, sources::Entry};
use super::{
    file_samples::FileSamples,
    files::{DESCRIPTOR, corrupt, display_name, locate, missing, read_toml},
    info::templates_or_default,
    splits::{Splits, dataset_by_splits},
};

pub use config::{ClassFrom, ClassNames, FolderConfig, List, OneOrMore, OtherClasses, PermutedSplit};

/// Picture files sorted into classes.
///
/// Without a descriptor, a folder of class folders is one training split; with `train` and `test` (or `val`) above the
/// class folders there are two splits. Anything else is said in a `dataset.toml`, see [`FolderConfig`]. Classes and files
/// are sorted bytewise by name, hidden files and files that are not pictures are skipped, and the class names are the
/// folder names with spaces for underscores.
pub struct Folder {
    splits: Splits,
}

dataset_by_splits!(Folder);

impl Folder {
    /// Opens the folder `path`, obeying a `dataset.toml` in it, or the folder that the TOML file `path` describes.
    ///
    /// # Errors
    ///
    /// When something is missing, or the descriptor, the lists and the folders do not agree.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DatasetError> {
        let (folder, descriptor) = locate(path.as_ref())?;
        let Some(descriptor) = descriptor else {
            return Self::with_config(&folder, &FolderConfig::default());
        };
        let mut config: FolderConfig = read_toml(&descriptor)?;
        let root = match &config.root {
            Some(root) => folder.join(root),
            None => folder,
        };
        if config.name.is_none() && !descriptor.ends_with(DESCRIPTOR) {
            let stem = descriptor.file_stem();
            config.name = stem.map(|stem| stem.to_string_lossy().into_owned());
        }
        Self::with_config(&root, &config)
    }

    /// Opens the folder `root` as `config` says, whose own `root` is not looked at.
    ///
    /// # Errors
    ///
    /// As [`Folder::open`].
    pub fn with_config(root: &Path, config: &FolderConfig) -> Result<Self, DatasetError> {
        if !root.is_dir() {
            let hint = "fetch the dataset, or correct the path";
            return Err(missing("dataset folder", root, hint));
        }
        config.check().map_err(|reason| corrupt(root, reason))?;
        let (train, test) = sources::gather(root, config)?;
        let entries = train.iter().chain(test.iter().flatten());
        let classes = Classes::new(entries.map(|entry| entry.class.as_str()), config, root)?;
        let samples =
            |entries: Vec<Entry>| -> Arc<dyn Samples> { Arc::new(FileSamples::new(label(entries, &classes, config))) };
        let (train, test) = (samples(train), test.map(samples));
        let info = DatasetInfo {
            name: config.name.clone().unwrap_or_else(|| display_name(root)),
            class_names: classes.into_names(),
            templates: templates_or_default(config.templates.clone(), root)?,
            split_family: config.split_family(),
        };
        let hint = "set test-list, test-images or test-fraction in a dataset.toml, or add a folder test";
        Ok(Self { splits: Splits::new(info, Some(train), test).with_hint(hint) })
    }
}

/// Files with their labels, no more of a class than the limit.
fn label(entries: Vec<Entry>, classes: &Classes, config: &FolderConfig) -> Vec<(PathBuf, usize)> {
    let limit = config.limit_per_class.unwrap_or(usize::MAX);
    let mut taken = vec![0; classes.len()];
    let mut labelled = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(label) = classes.label(&entry.class)
            && taken[label] < limit
        {
            taken[label] += 1;
            labelled.push((entry.path, label));
        }
    }
    labelled
}

#[cfg(test)]
mod tests;
