//! What the commands on named datasets share.

use std::{collections::BTreeMap, env, fmt, fs, io, path::PathBuf};

use clf_core::{
    Error,
    data::{DataFolder, Dataset, DatasetError, Split},
};
use clf_datasets::{Descriptor, descriptors};
use clf_fetch::{FetchError, RemoteFile, size};

/// The environment variable that names a file with other published files of datasets.
const FILES: &str = "CLF_FILES";

/// The descriptor of a named dataset, with the user's own files for it.
///
/// # Errors
///
/// When there is none, with the nearest name.
pub fn named(name: &str) -> Result<Descriptor, Error> {
    let mut all = descriptors()?;
    let descriptors: Vec<&'static str> = all.iter().map(|descriptor| descriptor.name).collect();
    let Some(index) = all.iter().position(|descriptor| descriptor.name == name) else {
        return Err(Error::unknown("dataset", name, descriptors.iter().copied()));
    };
    let mut descriptor = all.swap_remove(index);
    let names = || descriptors.iter().copied();
    let mut own = own_files()?;
    if let Some(unknown) = own.keys().find(|key| !names().any(|name| name == key.as_str())) {
        return Err(Error::unknown("dataset in CLF_FILES", unknown, names()));
    }
    if let Some(files) = own.remove(name) {
        descriptor.files = files;
    }
    Ok(descriptor)
}

/// What the user names instead of the published files, by dataset.
fn own_files() -> Result<BTreeMap<String, Vec<RemoteFile>>, Error> {
    let Some(path) = env::var_os(FILES).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(BTreeMap::new());
    };
    let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
    toml::from_str(&text).map_err(|error| Error::config(format!("{FILES} {}", path.display()), error.to_string()))
}

/// How much of a dataset is there.
pub enum Presence {
    /// All of it.
    Whole(Box<Counted>),
    /// Less, for this reason.
    Partial(DatasetError),
    /// Nothing.
    Absent(DatasetError),
}

/// Numbers of images, and of captions where the dataset has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counted {
    /// Images to learn from.
    pub train: usize,
    /// Images to score.
    pub test: usize,
    /// Captions, with or without an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captions: Option<usize>,
}

impl Counted {
    /// The numbers of a dataset; a split that it does not have counts as empty.
    pub fn of(dataset: &dyn Dataset) -> Result<Self, DatasetError> {
        let mut captions = None;
        let mut count = |split| match dataset.split(split) {
            Ok(samples) => {
                if !samples.is_empty() && samples.caption(0).is_some() {
                    captions = Some(captions.unwrap_or(0) + samples.len());
                }
                Ok((0..samples.len()).filter(|index| samples.has_image(*index)).count())
            }
            Err(DatasetError::Unsuitable { .. }) => Ok(0),
            Err(error) => Err(error),
        };
        let (train, test) = (count(Split::Train)?, count(Split::Test)?);
        Ok(Self { train, test, captions })
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { train, test, captions } = self;
        match captions {
            Some(captions) => write!(f, "{captions} captions and {} images", train + test),
            None => write!(f, "{train} training and {test} test images"),
        }
    }
}

/// The folder of a dataset; an empty one is none.
pub fn root(descriptor: &Descriptor, data: &DataFolder) -> Result<PathBuf, DatasetError> {
    let root = descriptor.root(&data.path)?;
    let is_empty = fs::read_dir(&root).is_ok_and(|mut entries| entries.next().is_none());
    if !is_empty {
        return Ok(root);
    }
    // In an empty folder there is no dataset either, and its error says how to get it.
    match descriptor.root(&root) {
        Err(DatasetError::Missing { what, hint, .. }) => Err(DatasetError::Missing { what, path: root, hint }),
        other => other,
    }
}

/// Opens a dataset as strictly as a run does.
pub fn presence(descriptor: &Descriptor, data: &DataFolder) -> Presence {
    let opened = root(descriptor, data).and_then(|root| descriptor.open_at(&root, data.partial));
    match opened.and_then(|dataset| Counted::of(&*dataset)) {
        Ok(counted) => Presence::Whole(Box::new(counted)),
        Err(error @ DatasetError::Missing { .. }) if root(descriptor, data).is_err() => Presence::Absent(error),
        Err(error) => Presence::Partial(error),
    }
}

/// A failed download of a dataset as an error of the program.
pub fn unfetched(descriptor: &Descriptor, error: FetchError) -> Error {
    let name = descriptor.name;
    let error = match error {
        FetchError::Unavailable { file, failures, .. } => {
            let reasons: String = failures.iter().fold(String::new(), |text, it| text + "\n  " + &it.to_string());
            DatasetError::Unsuitable {
                dataset: name.to_owned(),
                reason: format!("cannot download {file}{reasons}"),
                hint: by_hand(descriptor),
            }
        }
        FetchError::Write { path, source, .. } => DatasetError::Write { path, source },
        FetchError::NoSpace { file, folder, needed, free } => {
            let reason = format!("{file} needs {} and {} are free", size(needed), size(free));
            DatasetError::Write { path: folder, source: io::Error::new(io::ErrorKind::StorageFull, reason) }
        }
        FetchError::Archive { archive, reason } => DatasetError::Corrupt { path: archive, reason },
        FetchError::Busy { path } => DatasetError::Unsuitable {
            dataset: name.to_owned(),
            reason: format!("{} is being loaded by another process", path.display()),
            hint: "wait for it, or stop it; what it loaded is kept".to_owned(),
        },
        FetchError::Name { .. } => return Error::config(FILES, error.to_string()),
        other => return Error::Defect(other.to_string()),
    };
    error.into()
}

/// How a person gets what no link leads to.
pub fn by_hand(descriptor: &Descriptor) -> String {
    let names: Vec<&str> = descriptor.files.iter().map(|file| file.file.as_str()).collect();
    let how = match &descriptor.by_hand {
        Some(how) => how.clone(),
        None => format!("get {} by hand", names.join(", ")),
    };
    format!("{how}; then clf data import {} PATH", descriptor.name)
}
