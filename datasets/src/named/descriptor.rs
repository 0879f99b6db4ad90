use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::{DataFolder, Dataset, DatasetError, Split};
use clf_fetch::RemoteFile;
use serde::Deserialize;

use super::{TEXTS, opened::Opened, parquet};
use crate::readers::{
    Captions, Cars, Cifar, ClassNames, Flowers, Folder, FolderConfig, Idx, InfoOverrides, gather::Gathering,
};

/// What is known of a published dataset: its files, how they are read, and what its classes are called.
///
/// Class names and templates are those of the ZSCL reference code, which are not always CLIP's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Descriptor {
    /// Name in scenarios and on the command line.
    #[serde(skip)]
    pub name: &'static str,
    /// Name in sentences.
    pub title: String,
    /// Where it was published.
    pub paper: String,
    /// Folders that it may lie in below the data folder; the first is where it is put.
    pub folders: Vec<PathBuf>,
    /// What tells its root: one of these lies there. The root is such a folder or one directly in it.
    #[serde(default)]
    pub markers: Vec<PathBuf>,
    /// What reads it.
    pub reader: Reader,
    /// Where the border between training and test images comes from.
    pub split_family: String,
    /// Images that were published.
    pub images: Counts,
    /// How to get what no link leads to.
    pub by_hand: Option<String>,
    /// Class names in label order.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// Prompt templates; the first is the training prompt.
    #[serde(default)]
    pub templates: Vec<String>,
    /// What the `folder` reader must know.
    #[serde(default)]
    pub folder: FolderConfig,
    /// The published files.
    #[serde(default)]
    pub files: Vec<RemoteFile>,
    /// How the images are gathered where what is published is a table of links.
    pub gather: Option<Gathering>,
}

/// Numbers of images; absent where they are not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// To learn from.
    pub train: Option<usize>,
    /// To score.
    pub test: Option<usize>,
}

/// The readers that named datasets use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// Pictures in folders.
    Folder,
    /// MNIST's files.
    Idx,
    /// CIFAR's files.
    Cifar,
    /// Pictures with the MATLAB files of Oxford Flowers.
    Flowers,
    /// Pictures with the MATLAB files of Stanford Cars.
    Cars,
    /// Captions with or without pictures.
    Captions,
}

impl Descriptor {
    /// The built-in descriptor called `name`.
    ///
    /// # Errors
    ///
    /// When there is none or it cannot be read, which is a defect.
    pub fn named(name: &str) -> Result<Self, DatasetError> {
        let place = || PathBuf::from(format!("built-in descriptor {name}"));
        let corrupt = |reason: String| DatasetError::Corrupt { path: place(), reason };
        let found = TEXTS.iter().find(|(known, _)| *known == name);
        let (name, text) = found.ok_or_else(|| corrupt("there is no such descriptor".to_owned()))?;
        let descriptor: Self = toml::from_str(text).map_err(|error| corrupt(error.to_string()))?;
        Ok(Self { name, ..descriptor })
    }

    /// Opens the dataset where it lies below the data folder, and compares the numbers of images with those published.
    ///
    /// # Errors
    ///
    /// When it is not there or damaged, or when images are missing or too many and a partial copy is not good enough.
    pub fn open(&self, data: &DataFolder) -> Result<Arc<dyn Dataset>, DatasetError> {
        self.open_at(&self.root(&data.path)?, data.partial)
    }

    /// As [`open`](Self::open), wherever it lies; a `partial` copy may have fewer images than were published.
    ///
    /// # Errors
    ///
    /// As those of [`open`](Self::open).
    pub fn open_at(&self, root: &Path, partial: bool) -> Result<Arc<dyn Dataset>, DatasetError> {
        let dataset = self.read(root)?;
        let whole = match self.check_counts(&*dataset, root) {
            Err(DatasetError::Count { .. }) if partial => false,
            checked => checked.map(|()| true)?,
        };
        Ok(Arc::new(Opened::new(dataset, self, whole)))
    }

    /// The folder that it is put into below `data`.
    pub fn home(&self, data: &Path) -> PathBuf {
        data.join(self.folders.first().map_or_else(|| Path::new(self.name), PathBuf::as_path))
    }

    /// Where its files lie below `data`.
    ///
    /// # Errors
    ///
    /// When they do not; the error says how to get them.
    pub fn root(&self, data: &Path) -> Result<PathBuf, DatasetError> {
        let folders: Vec<PathBuf> =
            self.folders.iter().map(|name| data.join(name)).filter(|path| path.is_dir()).collect();
        let root = folders.iter().find_map(|folder| self.root_in(folder));
        root.or_else(|| folders.into_iter().next()).ok_or_else(|| DatasetError::Missing {
            what: self.title.clone(),
            path: self.home(data),
            hint: self.how_to_get(),
        })
    }

    /// `folder` or the folder in it that has a marker or parquet files; `folder` where there are no markers.
    pub fn root_in(&self, folder: &Path) -> Option<PathBuf> {
        let is_root =
            |path: &PathBuf| self.markers.iter().any(|marker| path.join(marker).exists()) || parquet::is_there(path);
        if self.markers.is_empty() || is_root(&folder.to_owned()) {
            return Some(folder.to_owned());
        }
        let mut inside: Vec<PathBuf> = folder.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
        inside.sort();
        inside.into_iter().find(is_root)
    }

    fn how_to_get(&self) -> String {
        let (name, import) = (self.name, format!("then clf data import {} PATH", self.name));
        let by_hand =
            self.by_hand.as_ref().map(|how| format!("\n        by hand: {how}; {import}")).unwrap_or_default();
        format!(
            "get it with clf data fetch {name}{by_hand}\n        or name the folder that holds it with --data DIR or CLF_DATA"
        )
    }

    /// Opens the files in `root`, whatever their number: those that were published, or a copy in parquet files.
    ///
    /// # Errors
    ///
    /// When they are missing or damaged.
    pub fn read(&self, root: &Path) -> Result<Arc<dyn Dataset>, DatasetError> {
        let overrides = || InfoOverrides {
            name: Some(self.name.to_owned()),
            class_names: Some(self.class_names.clone()),
            templates: Some(self.templates.clone()),
            ..InfoOverrides::default()
        };
        Ok(match self.reader {
            _ if parquet::is_there(root) => parquet::open(self, root)?,
            Reader::Folder => Arc::new(Folder::with_config(root, &self.folder_config())?),
            Reader::Idx => Arc::new(Idx::open(root, overrides())?),
            Reader::Cifar => Arc::new(Cifar::open(root, overrides())?),
            Reader::Flowers => Arc::new(Flowers::open(root, overrides())?),
            Reader::Cars => Arc::new(Cars::open(root, overrides())?),
            Reader::Captions => Arc::new(Captions::open(root)?),
        })
    }

    fn folder_config(&self) -> FolderConfig {
        FolderConfig {
            name: Some(self.name.to_owned()),
            class_names: Some(ClassNames::InOrder(self.class_names.clone())),
            templates: Some(self.templates.clone()),
            ..self.folder.clone()
        }
    }

    fn check_counts(&self, dataset: &dyn Dataset, root: &Path) -> Result<(), DatasetError> {
        for (split, published) in [(Split::Train, self.images.train), (Split::Test, self.images.test)] {
            let Some(published) = published else { continue };
            let found = match dataset.split(split) {
                Ok(samples) => samples.len(),
                Err(DatasetError::Unsuitable { .. }) if split == Split::Test && self.folder.test_may_be_absent => {
                    continue;
                }
                Err(DatasetError::Unsuitable { .. }) => 0,
                Err(error) => return Err(error),
            };
            if found != published {
                let (dataset, path) = (self.name.to_owned(), root.to_owned());
                return Err(DatasetError::Count { dataset, path, split, found, published });
            }
        }
        Ok(())
    }
}
