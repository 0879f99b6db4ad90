//! Noise in place of a dataset that is not there: what is planned or timed depends on numbers and sizes alone.

use std::sync::Arc;

use clf_core::{
    data::{Dataset, DatasetError, DatasetInfo, Samples, Split},
    image::{DynamicImage, RgbImage},
    random::{Key, Purpose},
};
use rand::Rng;

use super::{Descriptor, Reader};

/// Width and height of the pictures, about those of a photograph that was made small for a dataset.
const PICTURE: (u32, u32) = (320, 256);
/// Training images of a class where their number is not published, as in ImageNet.
const OF_A_CLASS: usize = 1281;
/// Captions of the validation split of Conceptual Captions (Sharma et al. 2018: 15840; the ZSCL paper found some 13000).
const CAPTIONS: usize = 13_000;
/// A caption of ten words, about the mean of that split.
const CAPTION: &str = "a photograph of some things beside a house by the sea";
/// Pictures start at this many places of the noise.
const PLACES: usize = 4096;

impl Descriptor {
    /// A dataset with the numbers, class names and prompts of this one and pictures of noise.
    pub fn stand_in(&self) -> Arc<dyn Dataset> {
        let of_captions = (self.reader == Reader::Captions).then_some(CAPTIONS);
        let train = self.images.train.or(of_captions).unwrap_or(OF_A_CLASS * self.class_names.len());
        Arc::new(StandIn {
            info: DatasetInfo {
                name: self.name.to_owned(),
                class_names: self.class_names.clone(),
                templates: self.templates.clone(),
                split_family: "stand-in".to_owned(),
            },
            train: Noise::new(train, self.class_names.len()),
            test: self.images.test.map(|test| Noise::new(test, self.class_names.len())),
        })
    }
}

struct StandIn {
    info: DatasetInfo,
    train: Arc<Noise>,
    test: Option<Arc<Noise>>,
}

impl Dataset for StandIn {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn split(&self, split: Split) -> Result<Arc<dyn Samples>, DatasetError> {
        let samples = match split {
            Split::Train => Some(self.train.clone()),
            Split::Test => self.test.clone(),
        };
        samples.map(|samples| samples as Arc<dyn Samples>).ok_or_else(|| DatasetError::Unsuitable {
            dataset: self.info.name.clone(),
            reason: format!("it has no {split} images"),
            hint: "it is for reference".to_owned(),
        })
    }
}

struct Noise {
    count: usize,
    classes: usize,
    bytes: Vec<u8>,
}

impl Noise {
    fn new(count: usize, classes: usize) -> Arc<Self> {
        let mut bytes = vec![0; 3 * (PICTURE.0 * PICTURE.1) as usize + PLACES];
        Key::default().stream(Purpose::Augment).fill(&mut bytes[..]);
        Arc::new(Self { count, classes, bytes })
    }
}

impl Samples for Noise {
    fn len(&self) -> usize {
        self.count
    }

    fn label(&self, index: usize) -> Option<usize> {
        index.checked_rem(self.classes)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let ((width, height), first) = (PICTURE, index % PLACES);
        let pixels = self.bytes[first..first + 3 * (width * height) as usize].to_vec();
        let image = RgbImage::from_raw(width, height, pixels).ok_or_else(|| DatasetError::Corrupt {
            path: format!("noise {index}").into(),
            reason: "its bytes do not fill it".to_owned(),
        })?;
        Ok(image.into())
    }

    fn caption(&self, _index: usize) -> Option<&str> {
        (self.classes == 0).then_some(CAPTION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_has_the_numbers_and_the_classes_of_the_dataset() {
        let dtd = Descriptor::named("dtd").unwrap().stand_in();
        let (train, test) = (dtd.split(Split::Train).unwrap(), dtd.split(Split::Test).unwrap());
        assert_eq!((train.len(), test.len(), dtd.info().class_names.len()), (1880, 1880, 47));
        assert_eq!((train.label(46), train.label(47), train.caption(0)), (Some(46), Some(0), None));
        assert_eq!(train.image(3).unwrap().width(), 320);
        assert_ne!(train.image(3).unwrap(), train.image(4).unwrap());
    }

    #[test]
    fn captions_have_texts_and_no_classes() {
        let captions = Descriptor::named("conceptual-captions").unwrap().stand_in();
        let train = captions.split(Split::Train).unwrap();
        assert_eq!((train.len(), train.label(0)), (CAPTIONS, None));
        assert!(train.caption(5).is_some() && captions.split(Split::Test).is_err());
    }
}
