//! The samples of several files.

use std::path::Path;

use clf_core::data::{DatasetError, Samples};
use image::DynamicImage;
use parquet::data_type::ByteArray;

use super::{
    super::{files::corrupt, picture},
    cache::PageCache,
    classes::Classes,
    file::ParquetFile,
};

/// Rows of parquet files.
pub(super) struct ParquetSamples {
    files: Vec<ParquetFile>,
    /// First sample of every file, and the number of samples.
    starts: Vec<usize>,
    labels: Option<Vec<u32>>,
    cache: PageCache,
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
        Ok(Self { files, starts, labels, cache: PageCache::default() })
    }

    /// Number of the file, the file, and the row in it.
    fn at(&self, index: usize) -> Option<(usize, &ParquetFile, usize)> {
        let number = self.starts.partition_point(|start| *start <= index).checked_sub(1)?;
        Some((number, self.files.get(number)?, index - self.starts[number]))
    }

    /// What `take` makes of the encoded picture of a row.
    fn with_bytes<T>(
        &self,
        (number, file, row): (usize, &ParquetFile, usize),
        take: impl FnOnce(Option<&ByteArray>) -> T,
    ) -> Result<T, DatasetError> {
        let at_row = |reason: String| corrupt(file.path(), format!("row {row}: {reason}"));
        let position = file.position(row).map_err(at_row)?;
        let key = (number, position.group, position.page);
        // A picture shares memory with its page and is decoded without the cache being locked.
        let picture = self.cache.with(
            key,
            || file.read_page(position),
            |page| match page {
                Ok(pictures) => Ok(pictures.get(position.row).cloned().flatten()),
                Err(reason) => Err(reason.clone()),
            },
        );
        Ok(take(picture.map_err(at_row)?.as_ref()))
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
        let decoded = self.with_bytes(at, |bytes| {
            let bytes = bytes.filter(|bytes| !bytes.is_empty())?;
            Some(picture::decode_bytes(bytes.data(), Path::new("")))
        })?;
        let (_, file, row) = at;
        match decoded {
            Some(Ok(image)) => Ok(image),
            Some(Err(source)) => Err(DatasetError::Image { path: file.path().join(format!("row {row}")), source }),
            None => Err(corrupt(file.path(), format!("row {row} has no picture: its bytes are not in the file"))),
        }
    }

    fn has_image(&self, index: usize) -> bool {
        let Some(at) = self.at(index) else { return false };
        // A page that cannot be read is an error of `image`, and not a caption without a picture.
        at.1.surely_has_image(at.2)
            || self.with_bytes(at, |bytes| bytes.is_some_and(|it| !it.is_empty())).unwrap_or(true)
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
