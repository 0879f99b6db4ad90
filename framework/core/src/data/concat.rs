use std::{path::Path, sync::Arc};

use image::DynamicImage;

use super::dataset::{DatasetError, Samples};

/// Several sets one after the other.
pub struct Concat {
    parts: Vec<Arc<dyn Samples>>,
}

impl Concat {
    /// All samples of `parts`, in order.
    pub fn new(parts: Vec<Arc<dyn Samples>>) -> Self {
        Self { parts }
    }

    fn at(&self, mut index: usize) -> (&dyn Samples, usize) {
        for part in &self.parts {
            if index < part.len() {
                return (&**part, index);
            }
            index -= part.len();
        }
        panic!("sample {index} is behind the last one");
    }
}

impl Samples for Concat {
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    fn label(&self, index: usize) -> Option<usize> {
        let (part, index) = self.at(index);
        part.label(index)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let (part, index) = self.at(index);
        part.image(index)
    }

    fn caption(&self, index: usize) -> Option<&str> {
        let (part, index) = self.at(index);
        part.caption(index)
    }

    fn source(&self, index: usize) -> Option<&Path> {
        let (part, index) = self.at(index);
        part.source(index)
    }

    fn place(&self, index: usize) -> Option<u64> {
        let (part, index) = self.at(index);
        part.place(index)
    }

    fn prepared(&self, index: usize, size: usize) -> Result<Option<&[u8]>, DatasetError> {
        let (part, index) = self.at(index);
        part.prepared(index, size)
    }
}
