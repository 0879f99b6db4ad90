//! Where the pictures of the two splits come from.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clf_core::data::DatasetError;

use super::{
    super::files::{corrupt, entries, name_bytes},
    FolderConfig, OtherClasses, hold_out, list, permuted, scan,
};

/// A picture and what its class is called in the dataset's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) class: String,
}

type Gathered = (Vec<Entry>, Option<Vec<Entry>>);

/// The pictures of the training split and, where there is one, of the test split.
pub(super) fn gather(root: &Path, config: &FolderConfig) -> Result<Gathered, DatasetError> {
    let folders = Folders::find(root, config)?;
    let mut test = match (&config.test_list, &folders.test) {
        (Some(test_list), folder) => {
            let folder = folder.as_deref().unwrap_or(&folders.base);
            Some(list::read(test_list, root, folder, config)?)
        }
        (None, Some(folder)) => Some(scan::pictures(folder, config)?),
        (None, None) => None,
    };
    let mut train = match &config.train_list {
        Some(train_list) => list::read(train_list, root, &folders.train, config)?,
        None => scan::pictures(&folders.train, config)?,
    };
    separate(&mut train, test.as_deref(), root, config)?;
    for split in [Some(&mut train), test.as_mut()].into_iter().flatten() {
        split.retain(|entry| !is_left_out(&entry.class, config));
    }
    if let Some(fraction) = config.test_fraction {
        if test.is_some() {
            let reason = "test-fraction is set, but there is a folder of test pictures";
            return Err(corrupt(root, reason));
        }
        let (kept, held) = hold_out::hold_out(train, fraction, config.seed).map_err(|reason| corrupt(root, reason))?;
        (train, test) = (kept, Some(held));
    }
    if let Some(split) = config.permuted_split {
        if test.is_some() {
            return Err(corrupt(root, "permuted-split is set, but there is a folder of test pictures"));
        }
        let (kept, held) = permuted::permuted_split(train, split);
        (train, test) = (kept, Some(held));
    }
    if train.is_empty() {
        return Err(corrupt(root, "no pictures are left to learn from"));
    }
    Ok((train, test))
}

/// Whether the descriptor says that pictures of `class` are none of the dataset's.
pub(super) fn is_left_out(class: &str, config: &FolderConfig) -> bool {
    let is_other = || config.class_folders.as_ref().is_some_and(|folders| !folders.iter().any(|known| known == class));
    config.exclude.iter().any(|excluded| excluded == class)
        || config.other_classes == OtherClasses::Ignore && is_other()
}

/// Keeps test pictures out of the training split.
fn separate(
    train: &mut Vec<Entry>,
    test: Option<&[Entry]>,
    root: &Path,
    config: &FolderConfig,
) -> Result<(), DatasetError> {
    let test: BTreeSet<_> = test.into_iter().flatten().map(|entry| &entry.path).collect();
    if config.train_list.is_none() {
        train.retain(|entry| !test.contains(&entry.path));
        return Ok(());
    }
    match train.iter().find(|entry| test.contains(&entry.path)) {
        Some(entry) => {
            let path = entry.path.display();
            Err(corrupt(root, format!("{path} is both a training and a test picture")))
        }
        None => Ok(()),
    }
}

/// The folders that hold the pictures.
struct Folders {
    base: PathBuf,
    train: PathBuf,
    test: Option<PathBuf>,
}

impl Folders {
    fn find(root: &Path, config: &FolderConfig) -> Result<Self, DatasetError> {
        let base = match &config.images {
            Some(images) => root.join(images),
            None => root.to_path_buf(),
        };
        let is_told = config.train_images.is_some()
            || config.test_images.is_some()
            || config.train_list.is_some()
            || config.test_list.is_some();
        if !is_told && let Some((train, test)) = split_folders(&base)? {
            return Ok(Self { base, train, test });
        }
        let train = config.train_images.as_ref().map(|images| root.join(images));
        let test = config.test_images.as_ref().map(|images| images.first_in(root));
        let test = test.filter(|test| !config.test_may_be_absent || test.is_dir());
        Ok(Self { train: train.unwrap_or_else(|| base.clone()), test, base })
    }
}

/// `train` and `test` (or `val`) in `base`.
///
/// A lone folder `train` among others is a class, as it is one of CIFAR-100; alone it is a split.
fn split_folders(base: &Path) -> Result<Option<(PathBuf, Option<PathBuf>)>, DatasetError> {
    if !base.is_dir() {
        return Ok(None);
    }
    let mut folders = entries(base)?;
    folders.retain(|path| path.is_dir());
    let named = |name: &str| folders.iter().find(|path| name_bytes(path) == name.as_bytes());
    let Some(train) = named("train") else {
        return Ok(None);
    };
    let test = named("test").or_else(|| named("val")).cloned();
    let is_split = test.is_some() || folders.len() == 1;
    Ok(is_split.then(|| (train.clone(), test)))
}
