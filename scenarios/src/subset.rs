use std::sync::Arc;

use clf_core::{
    data::{DatasetError, Samples},
    image::DynamicImage,
};

/// Some samples of a set: those of some classes, with labels counted anew, or those that have an image.
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
        let kept =
            (0..samples.len()).filter(|index| samples.has_image(*index)).map(|index| (index, samples.label(index)));
        let kept = kept.collect();
        Self { samples, kept }
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

    fn caption(&self, index: usize) -> Option<&str> {
        self.samples.caption(self.kept[index].0)
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

        fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
            Ok(DynamicImage::new_luma8(index as u32 + 1, 1))
        }
    }

    #[test]
    fn labels_follow_the_order_of_the_classes() {
        let subset = Subset::of_classes(Arc::new(Ramp), &[2, 0]);
        let found: Vec<_> =
            (0..subset.len()).map(|i| (subset.image(i).unwrap().width() - 1, subset.label(i).unwrap())).collect();
        assert_eq!(found, [(0, 1), (2, 0), (3, 1), (5, 0), (6, 1), (8, 0)]);
    }

    struct Gaps;

    impl Samples for Gaps {
        fn len(&self) -> usize {
            5
        }

        fn label(&self, _index: usize) -> Option<usize> {
            None
        }

        fn has_image(&self, index: usize) -> bool {
            !index.is_multiple_of(2)
        }

        fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
            Ramp.image(index)
        }
    }

    #[test]
    fn captions_without_an_image_are_left_out() {
        let subset = Subset::with_images(Arc::new(Gaps));
        assert_eq!((0..subset.len()).map(|i| subset.image(i).unwrap().width() - 1).collect::<Vec<_>>(), [1, 3]);
    }
}
