//! The samples of several files.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use clf_core::data::{DatasetError, Samples};
use image::DynamicImage;

use super::{
    super::{
        files::{corrupt, io_error, read_part},
        picture,
    },
    cache::{CACHE, Picture},
    classes::Classes,
    file::ParquetFile,
};

/// What the next dataset is told apart by.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Rows of parquet files.
pub(super) struct ParquetSamples {
    files: Vec<ParquetFile>,
    /// First sample of every file, and the number of samples.
    starts: Vec<usize>,
    labels: Option<Vec<u32>>,
    /// Tells its pages from those of others.
    id: u64,
}

impl ParquetSamples {
    /// The rows of `files`, which must have labels in all of them or in none.
    pub(super) fn new(files: Vec<ParquetFile>, classes: &Classes) -> Result<Self, DatasetError> {
        let mut starts = vec![0];
        let (mut labels, mut bare) = (Vec::new(), None);
        for file in &files {
            starts.push(starts.last().unwrap_or(&0) + file.len());
            match classes.labels(file)? {
                Some(found) => labels.extend(found),
                None if file.len() > 0 => bare = bare.or(Some(file.path())),
                None => {}
            }
        }
        if let Some(path) = bare.filter(|_| !labels.is_empty()) {
            return Err(corrupt(path, "it has no labels, though others of the split have some"));
        }
        if starts.last() == Some(&0) {
            let path = files.first().map_or(Path::new("parquet files"), ParquetFile::path);
            return Err(corrupt(path, "it has no rows"));
        }
        let labels = (!labels.is_empty()).then_some(labels);
        Ok(Self { files, starts, labels, id: NEXT_ID.fetch_add(1, Ordering::Relaxed) })
    }

    /// Number of the file, the file, and the row in it.
    fn at(&self, index: usize) -> Option<(usize, &ParquetFile, usize)> {
        let number = self.starts.partition_point(|start| *start <= index).checked_sub(1)?;
        Some((number, self.files.get(number)?, index - self.starts[number]))
    }

    /// The encoded picture of a row, or where it lies; `None` where the row has none.
    fn picture(&self, (number, file, row): (usize, &ParquetFile, usize)) -> Result<Option<Picture>, DatasetError> {
        let at_row = |reason: String| corrupt(file.path(), format!("row {row}: {reason}"));
        let position = file.position(row).map_err(at_row)?;
        let key = (self.id, number, position.group, position.page);
        CACHE.with(key, || file.read_page(position), |page| page.get(position.row)).map_err(at_row)
    }
}

impl Drop for ParquetSamples {
    fn drop(&mut self) {
        CACHE.forget(self.id);
    }
}

impl Samples for ParquetSamples {
    fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.as_ref()?.get(index).map(|label| *label as usize)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let total = self.len();
        let at = self.at(index);
        let at =
            at.ok_or_else(|| corrupt(Path::new("parquet files"), format!("asked for sample {index} of {total}")))?;
        let (_, file, row) = at;
        let read;
        let picture = self.picture(at)?;
        let bytes = match &picture {
            Some(Picture::Bytes(bytes)) => bytes.data(),
            Some(Picture::Place(start, length)) => {
                read = read_part(file.path(), *start, *length).map_err(io_error(file.path()))?;
                &read
            }
            None => {
                let reason = format!("row {row} has no picture: its bytes are not in the file");
                return Err(corrupt(file.path(), reason));
            }
        };
        let decoded = picture::decode_bytes(bytes, Path::new(""));
        decoded.map_err(|source| DatasetError::Image { path: file.path().join(format!("row {row}")), source })
    }

    fn has_image(&self, index: usize) -> bool {
        let Some(at) = self.at(index) else { return false };
        // A page that cannot be read is an error of `image`, and not a caption without a picture.
        at.1.surely_has_image(at.2) || self.picture(at).map_or(true, |picture| picture.is_some())
    }

    fn caption(&self, index: usize) -> Option<&str> {
        let (_, file, row) = self.at(index)?;
        file.caption(row)
    }

    fn source(&self, index: usize) -> Option<&Path> {
        self.at(index).map(|(_, file, _)| file.path())
    }

    fn place(&self, index: usize) -> Option<u64> {
        self.at(index).map(|(_, _, row)| row as u64)
    }
}
