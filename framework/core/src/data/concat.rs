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

    fn has_image(&self, index: usize) -> bool {
        let (part, index) = self.at(index);
        part.has_image(index)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// So many captions, of which the last has no image.
    struct Captions(usize);

    impl Samples for Captions {
        fn len(&self) -> usize {
            self.0
        }

        fn label(&self, _index: usize) -> Option<usize> {
            None
        }

        fn has_image(&self, index: usize) -> bool {
            index + 1 < self.0
        }

        fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
            Ok(DynamicImage::new_luma8(index as u32 + 1, 1))
        }
    }

    #[test]
    fn every_part_says_which_of_its_samples_have_an_image() {
        let all = Concat::new(vec![Arc::new(Captions(2)), Arc::new(Captions(3))]);
        let there: Vec<bool> = (0..all.len()).map(|index| all.has_image(index)).collect();
        assert_eq!(there, [true, false, true, true, false]);
    }
}
