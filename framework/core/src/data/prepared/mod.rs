//! Images that are decoded already: the test transform of a split at some size, or its originals, in one file each.
//!
//! `DATA/prepared/NAME-HASH/SPLIT-SIZE.pixels` holds what the test transform makes of every image of a split, and
//! `SPLIT-originals.pixels` the decoded images themselves, from which a random crop is exact. Such files are made by
//! [`prepare`] and are used wherever they lie; what a model reads is the same to the last bit with and without them.
//!
//! A file remembers name, length and time of change of every picture that it was made of, or of the file that holds many
//! and the place in it. Where these changed, or where the file is damaged, using it is an error that says how to make it
//! anew.

mod file;
mod format;
mod temporary;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use image::{DynamicImage, GrayImage, RgbImage};
use sha2::{Digest, Sha256};

use super::dataset::{Dataset, DatasetError, DatasetInfo, Samples, Split};

use self::{file::PixelFile, format::Hash};

/// What is kept of every image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// What the test transform makes of it for a model that reads squares of so many pixels.
    Test(u32),
    /// The decoded image, grey or red, green and blue.
    Originals,
}

/// Ending of the files.
const ENDING: &str = "pixels";

/// The folder of the prepared images of a dataset, given its locator as in [`open_dataset`](crate::registry::open_dataset).
pub fn folder(locator: &str, base: &Path, data_root: &Path) -> PathBuf {
    let identity = match locator.split_once(':') {
        // One dataset has many relative paths.
        Some((reader, path)) => {
            let path = base.join(path);
            format!("{reader}:{}", path.canonicalize().unwrap_or(path).display())
        }
        None => locator.to_owned(),
    };
    let last = identity.rsplit(['/', '\\', ':']).next().unwrap_or_default();
    let plain = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let name: String = last.chars().map(plain).collect();
    let [a, b, c, d, ..]: Hash = Sha256::digest(&identity).into();
    let hash = u32::from_be_bytes([a, b, c, d]);
    data_root.join("prepared").join(format!("{name}-{hash:08x}"))
}

/// The file of a split's prepared images in their folder.
pub fn file(folder: &Path, split: Split, form: Form) -> PathBuf {
    let form = match form {
        Form::Test(size) => size.to_string(),
        Form::Originals => "originals".to_owned(),
    };
    folder.join(format!("{split}-{form}.{ENDING}"))
}

/// Decodes all of `samples` into the file `path`, unless it holds them already; `done` hears how many more are ready.
///
/// The file appears whole or not at all. What an earlier call left that was killed is removed.
///
/// # Errors
///
/// When an image cannot be read, the file cannot be written, or the images lie in no files that they are decoded from,
/// which leaves nothing to gain.
pub fn prepare(path: &Path, samples: &dyn Samples, form: Form, done: impl FnMut(usize)) -> Result<Made, DatasetError> {
    let facts = facts(samples)?.ok_or_else(|| DatasetError::Unsuitable {
        dataset: path.display().to_string(),
        reason: "its images lie in no files that they are decoded from, so decoding takes no time".to_owned(),
        hint: "use the dataset as it is".to_owned(),
    })?;
    temporary::sweep(path);
    if PixelFile::open(path).is_ok_and(|file| file.fits(&facts, form).is_ok() && file.check().is_ok()) {
        return Ok(Made::Before);
    }
    format::write(path, samples, form, &facts, done)?;
    Ok(Made::Now)
}

/// When prepared images were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// By this call.
    Now,
    /// They were there, whole and of the same pictures.
    Before,
}

/// `samples` with the prepared images of `files`; `dataset` is what a user calls the dataset.
///
/// # Errors
///
/// When a file is damaged or was made of other pictures.
pub fn with_files(
    samples: Arc<dyn Samples>,
    files: &[PathBuf],
    dataset: &str,
) -> Result<Arc<dyn Samples>, DatasetError> {
    if files.is_empty() {
        return Ok(samples);
    }
    let facts = facts(&*samples)?.unwrap_or_default();
    let mut prepared = Prepared { samples, dataset: dataset.to_owned(), originals: None, tests: Vec::new() };
    for path in files {
        let unusable = |reason| prepared.unusable(path, reason);
        let file = PixelFile::open(path).map_err(unusable)?;
        file.fits(&facts, file.form()).map_err(unusable)?;
        match file.form() {
            Form::Originals => prepared.originals = Some(file),
            Form::Test(size) => prepared.tests.push((size, file)),
        }
    }
    Ok(Arc::new(prepared))
}

/// `dataset` with the prepared images that lie in `folder`; `locator` is what a user calls it.
pub(crate) fn attach(dataset: Arc<dyn Dataset>, locator: &str, folder: PathBuf) -> Arc<dyn Dataset> {
    if !folder.is_dir() {
        return dataset;
    }
    Arc::new(PreparedDataset { dataset, locator: locator.to_owned(), folder })
}

struct PreparedDataset {
    dataset: Arc<dyn Dataset>,
    locator: String,
    folder: PathBuf,
}

impl Dataset for PreparedDataset {
    fn info(&self) -> &DatasetInfo {
        self.dataset.info()
    }

    fn split(&self, split: Split) -> Result<Arc<dyn Samples>, DatasetError> {
        let samples = self.dataset.split(split)?;
        with_files(samples, &self.files(split)?, &self.locator)
    }
}

impl PreparedDataset {
    /// The files of a split.
    fn files(&self, split: Split) -> Result<Vec<PathBuf>, DatasetError> {
        let io_error = |source| DatasetError::Io { path: self.folder.clone(), source };
        let entries = fs::read_dir(&self.folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(io_error)?;
        let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        let prefix = format!("{split}-");
        paths.retain(|path| {
            path.extension().is_some_and(|ending| ending == ENDING)
                && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        });
        Ok(paths)
    }
}

/// A split and its prepared images.
struct Prepared {
    samples: Arc<dyn Samples>,
    dataset: String,
    originals: Option<PixelFile>,
    tests: Vec<(u32, PixelFile)>,
}

impl Prepared {
    fn unusable(&self, path: &Path, reason: String) -> DatasetError {
        DatasetError::Prepared { path: path.to_owned(), reason, dataset: self.dataset.clone() }
    }
}

impl Samples for Prepared {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.samples.label(index)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let Some(file) = &self.originals else { return self.samples.image(index) };
        let picture = file.read(index).map_err(|reason| self.unusable(file.path(), reason))?;
        let (width, height, pixels) = (picture.width, picture.height, picture.pixels.to_vec());
        let image = if picture.channels == 1 {
            GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
        } else {
            RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
        };
        image.ok_or_else(|| self.unusable(file.path(), format!("image {index} has too few pixels")))
    }

    fn has_image(&self, index: usize) -> bool {
        self.samples.has_image(index)
    }

    fn caption(&self, index: usize) -> Option<&str> {
        self.samples.caption(index)
    }

    fn source(&self, index: usize) -> Option<&Path> {
        self.samples.source(index)
    }

    fn place(&self, index: usize) -> Option<u64> {
        self.samples.place(index)
    }

    fn prepared(&self, index: usize, size: usize) -> Result<Option<&[u8]>, DatasetError> {
        let Some((_, file)) = self.tests.iter().find(|(known, _)| *known as usize == size) else { return Ok(None) };
        match file.read(index) {
            Ok(picture) => Ok(Some(picture.pixels)),
            Err(reason) => Err(self.unusable(file.path(), reason)),
        }
    }
}

/// Hash of name, length and time of change of the file of every picture, and of its place in it, in order; `None` where an
/// image is not decoded from a file.
fn facts(samples: &dyn Samples) -> Result<Option<Hash>, DatasetError> {
    let mut hash = Sha256::new();
    let mut last: Option<(&Path, Vec<u8>)> = None;
    for index in 0..samples.len() {
        let Some(path) = samples.source(index) else { return Ok(None) };
        // Thousands of pictures may share a file.
        let known = last.take().filter(|(last, _)| *last == path);
        let (_, file) = last.insert(match known {
            Some(known) => known,
            None => (path, file_facts(path)?),
        });
        hash.update(&*file);
        if let Some(place) = samples.place(index) {
            hash.update(place.to_le_bytes());
        }
    }
    Ok(Some(hash.finalize().into()))
}

/// Name, length and time of change of a file.
fn file_facts(path: &Path) -> Result<Vec<u8>, DatasetError> {
    let io_error = |source| DatasetError::Io { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(io_error)?;
    let changed = metadata.modified().map_err(io_error)?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    Ok([name, &[0], &metadata.len().to_le_bytes(), &changed.as_nanos().to_le_bytes()].concat())
}
