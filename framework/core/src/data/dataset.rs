use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use image::DynamicImage;

/// Which part of a dataset is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// Images a method may learn from.
    Train,
    /// Images that are only ever scored.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// What a dataset is called and how its classes are put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetInfo {
    /// Name used in scenarios and on the command line.
    pub name: String,
    /// Class names in label order: the class of label `i` is `class_names[i]`.
    pub class_names: Vec<String>,
    /// Prompt templates with one `{}` each; the first is the training prompt, all of them are averaged at evaluation.
    pub templates: Vec<String>,
    /// Where the border between training and test images comes from, for example `official` or `reference-80-20`:
    /// figures over different borders are not comparable.
    pub split_family: String,
}

impl DatasetInfo {
    /// The prompt of `class` under template number `template`.
    pub fn prompt(&self, template: usize, class: usize) -> String {
        self.templates[template].replace("{}", &self.class_names[class])
    }
}

/// The [split family](DatasetInfo::split_family) of data whose files say what is what.
pub const AS_FOUND: &str = "as found";

/// Where named datasets are, and what is demanded of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder {
    /// The folder that holds one folder a dataset.
    pub path: PathBuf,
    /// Whether a copy with fewer images than were published is good enough; its split family says so.
    pub partial: bool,
}

impl DataFolder {
    /// A folder of whole datasets.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), partial: false }
    }
}

/// Images with class names: the fourth contract, beside method, hook and scenario.
///
/// A dataset is opened once and read from several threads. Opening checks that the files are there and that their
/// counts agree; decoding happens in [`Samples::image`].
pub trait Dataset: Send + Sync {
    /// Name, class names and prompt templates.
    fn info(&self) -> &DatasetInfo;

    /// The samples of one split.
    ///
    /// # Errors
    ///
    /// When the dataset has no such split or its files are missing or damaged.
    fn split(&self, split: Split) -> Result<Arc<dyn Samples>, DatasetError>;
}

/// An indexed list of images, labels and captions, cheap to share between threads.
pub trait Samples: Send + Sync {
    /// Number of samples.
    fn len(&self) -> usize;

    /// Whether there are no samples at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The 0-based label of sample `index`; `None` for data without classes.
    fn label(&self, index: usize) -> Option<usize>;

    /// Decodes sample `index` at its own size, before any preprocessing.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not an image; the error names it.
    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError>;

    /// Whether sample `index` has an image at all; captions can come without.
    fn has_image(&self, _index: usize) -> bool {
        true
    }

    /// The caption of sample `index`, where the data has captions.
    fn caption(&self, _index: usize) -> Option<&str> {
        None
    }

    /// The file that holds the image of sample `index` in its encoded form, alone or among others.
    fn source(&self, _index: usize) -> Option<&Path> {
        None
    }

    /// What tells the image of sample `index` from the others in its [`source`](Samples::source), such as its row; `None`
    /// where it has the file for itself.
    ///
    /// A set that is made of others hands this on.
    fn place(&self, _index: usize) -> Option<u64> {
        None
    }

    /// What the test transform for a model of `size` pixels makes of sample `index`, where that lies ready (see
    /// [`prepared`](super::prepared)).
    ///
    /// A set that is made of others hands this on; otherwise their images are decoded as if nothing were prepared.
    ///
    /// # Shapes
    ///
    /// - output: `[size, size, 3]`, flat: red, green and blue of each pixel
    ///
    /// # Errors
    ///
    /// When what lies ready is damaged; the error names the file.
    fn prepared(&self, _index: usize, _size: usize) -> Result<Option<&[u8]>, DatasetError> {
        Ok(None)
    }
}

/// What to do about missing datasets; a locator has a colon.
fn how_to_get(names: &[String]) -> String {
    let named: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.contains(':')).collect();
    if named.is_empty() {
        return "correct the paths".to_owned();
    }
    let named = named.join(" ");
    format!(
        "get them with clf data fetch {named}, which says what to do where no link is alive\n        or name the folder that \
         holds them with --data DIR or CLF_DATA"
    )
}

/// Why a dataset could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file or folder that the dataset needs is not there.
    #[error("{what} not found at {}\n  hint: {hint}", path.display())]
    Missing {
        /// What was looked for.
        what: String,
        /// Where it was looked for.
        path: PathBuf,
        /// How to get it.
        hint: String,
    },
    /// Several datasets that are needed together are not there.
    #[error("{} datasets are not at {}: {}\n  hint: {}", names.len(), path.display(), names.join(", "), how_to_get(names))]
    SeveralMissing {
        /// Their names or locators.
        names: Vec<String>,
        /// Where they were looked for.
        path: PathBuf,
    },
    /// A file exists but could not be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file was read but its content is not what its format demands.
    #[error("{} is damaged or not in the expected format: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Prepared images that are damaged, or were made of other pictures.
    #[error(
        "the prepared images {} cannot be used: {reason}\n  hint: make them anew with clf data prepare {dataset}, or delete \
         the file",
        path.display()
    )]
    Prepared {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What the user calls the dataset.
        dataset: String,
    },
    /// A file of prepared images could not be written.
    #[error("cannot write {}\n  hint: {}", path.display(), write_hint(source))]
    Write {
        /// The file or its folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The picture at this path cannot be decoded.
    #[error("cannot decode the image {}", path.display())]
    Image {
        /// The file, or the container and the index in it.
        path: PathBuf,
        /// What the decoder said.
        #[source]
        source: image::ImageError,
    },
    /// A dataset with other numbers of images than were published.
    #[error(
        "dataset {dataset:?} at {}: found {found} {split} images, published are {published}\n  hint: get the rest with clf data \
         fetch {dataset}; if a smaller copy is meant, say so with --partial-data",
        path.display()
    )]
    Count {
        /// The dataset's name.
        dataset: String,
        /// Its folder.
        path: PathBuf,
        /// The split.
        split: Split,
        /// Images found.
        found: usize,
        /// Images published.
        published: usize,
    },
    /// The dataset exists but lacks what was asked of it.
    #[error("dataset {dataset:?}: {reason}\n  hint: {hint}")]
    Unsuitable {
        /// The dataset's name.
        dataset: String,
        /// What it lacks.
        reason: String,
        /// What to do about it.
        hint: String,
    },
}

/// What to do about a file that cannot be written.
fn write_hint(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{AlreadyExists, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    match source.kind() {
        PermissionDenied | ReadOnlyFilesystem => "choose a folder that you may write to with --data DIR",
        NotADirectory | AlreadyExists => {
            "a part of the path is a file; move it away, or choose another folder with --data DIR"
        }
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "free some space, or choose another folder with --data DIR"
        }
        _ => "check the disk and the path, or choose another folder with --data DIR",
    }
}
