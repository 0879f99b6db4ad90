use std::{path::Path, sync::Arc};

use image::DynamicImage;

use super::dataset::{DatasetError, Samples};

/// Some samples of a set: those of some classes, with labels counted anew, those that have an image, or a selection.
pub struct Subset {
    samples: Arc<dyn Samples>,
    /// Index in the full set and new label.
    kept: Vec<(usize, Option<usize>)>,
}

impl Subset {
    /// The samples of `classes`; the new label is the position in `classes`.
    pub fn of_classes(samples: Arc<dyn Samples>, classes: &[usize]) -> Self {
        let kept = (0..samples.len())
            .filter_map(|index| {
                let label = samples.label(index)?;
                Some((index, Some(classes.iter().position(|class| *class == label)?)))
            })
            .collect();
        Self { samples, kept }
    }

    /// The samples that have an image.
    pub fn with_images(samples: Arc<dyn Samples>) -> Self {
        let indices: Vec<usize> = (0..samples.len()).filter(|index| samples.has_image(*index)).collect();
        Self::of_indices(samples, &indices)
    }

    /// The samples at `indices`, in that order; an index may be repeated.
    pub fn of_indices(samples: Arc<dyn Samples>, indices: &[usize]) -> Self {
        let kept = indices.iter().map(|index| (*index, samples.label(*index))).collect();
        Self { samples, kept }
    }

    /// The same samples with `first` added to every label.
    #[must_use]
    pub fn with_labels_from(mut self, first: usize) -> Self {
        for (_, label) in &mut self.kept {
            *label = label.map(|label| label + first);
        }
        self
    }
}

impl Samples for Subset {
    fn len(&self) -> usize {
        self.kept.len()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.kept[index].1
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        self.samples.image(self.kept[index].0)
    }

    fn has_image(&self, index: usize) -> bool {
        self.samples.has_image(self.kept[index].0)
    }

    fn caption(&self, index: usize) -> Option<&str> {
        self.samples.caption(self.kept[index].0)
    }

    fn source(&self, index: usize) -> Option<&Path> {
        self.samples.source(self.kept[index].0)
    }

    fn place(&self, index: usize) -> Option<u64> {
        self.samples.place(self.kept[index].0)
    }

    fn prepared(&self, index: usize, size: usize) -> Result<Option<&[u8]>, DatasetError> {
        self.samples.prepared(self.kept[index].0, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ramp;

    impl Samples for Ramp {
        fn len(&self) -> usize {
            9
        }

        fn label(&self, index: usize) -> Option<usize> {
            Some(index % 3)
        }

        fn has_image(&self, index: usize) -> bool {
            !index.is_multiple_of(2)
        }

        fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
            Ok(DynamicImage::new_luma8(index as u32 + 1, 1))
        }
    }

    fn indices(subset: &Subset) -> Vec<u32> {
        (0..subset.len()).map(|i| subset.image(i).unwrap().width() - 1).collect()
    }

    #[test]
    fn labels_follow_the_order_of_the_classes() {
        let subset = Subset::of_classes(Arc::new(Ramp), &[2, 0]);
        assert_eq!(indices(&subset), [0, 2, 3, 5, 6, 8]);
        let labels: Vec<_> = (0..subset.len()).map(|i| subset.label(i).unwrap()).collect();
        assert_eq!(labels, [1, 0, 1, 0, 1, 0]);
    }

    #[test]
    fn captions_without_an_image_are_left_out() {
        assert_eq!(indices(&Subset::with_images(Arc::new(Ramp))), [1, 3, 5, 7]);
    }

    #[test]
    fn a_selection_knows_which_of_its_samples_have_an_image() {
        let subset = Subset::of_indices(Arc::new(Ramp), &[4, 1, 3]);
        assert_eq!([0, 1, 2].map(|index| subset.has_image(index)), [false, true, true]);
        assert_eq!(indices(&Subset::with_images(Arc::new(subset))), [1, 3]);
    }

    #[test]
    fn a_selection_keeps_its_order_and_its_repetitions() {
        let subset = Subset::of_indices(Arc::new(Ramp), &[4, 1, 4]).with_labels_from(10);
        assert_eq!(indices(&subset), [4, 1, 4]);
        assert_eq!(subset.label(0), Some(11));
    }
}
