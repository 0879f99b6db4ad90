//! Samples that are picture files with labels.

use std::path::{Path, PathBuf};

use clf_core::data::{DatasetError, Samples};
use image::DynamicImage;

use super::{files::corrupt, picture};

/// Picture files with one label each, decoded when they are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSamples {
    items: Vec<(PathBuf, usize)>,
}

impl FileSamples {
    /// Samples in the order of `items`.
    pub fn new(items: Vec<(PathBuf, usize)>) -> Self {
        Self { items }
    }

    /// The file of sample `index`.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.items.get(index).map(|(path, _)| path.as_path())
    }
}

impl Samples for FileSamples {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.items.get(index).map(|&(_, label)| label)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        match self.path(index) {
            Some(path) => picture::decode(path),
            None => {
                Err(corrupt(Path::new("list of images"), format!("asked for image {index} of {}", self.items.len())))
            }
        }
    }

    fn source(&self, index: usize) -> Option<&Path> {
        self.path(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_went_away_after_opening_is_an_error_that_names_it() {
        let samples = FileSamples::new(vec![(PathBuf::from("gone/cat.jpg"), 3)]);
        let error = samples.image(0).unwrap_err();
        assert!(matches!(error, DatasetError::Io { .. }));
        assert!(error.to_string().contains("gone/cat.jpg"));
        assert_eq!(samples.label(0), Some(3));
        assert!(samples.image(1).is_err());
    }
}
