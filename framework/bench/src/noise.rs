//! Images and texts of noise.

use std::sync::Arc;

use clf_core::{
    clip::TextConfig,
    data::{DatasetError, Samples},
    image::{DynamicImage, RgbImage},
    random::{Key, Purpose},
    task::Prompt,
};
use rand::Rng;

use crate::model::SEED;

/// Images start at this many different places of the noise.
const PLACES: usize = 4096;

/// Random images of one size with labels in turn; none is stored.
pub struct Images {
    count: usize,
    classes: usize,
    side: usize,
    bytes: Vec<u8>,
}

impl Images {
    /// `count` images of `side` x `side` pixels.
    pub fn new(count: usize, classes: usize, side: usize) -> Arc<Self> {
        let mut bytes = vec![0; 3 * side * side + PLACES];
        Key { seed: SEED, ..Key::default() }.stream(Purpose::Augment).fill(&mut bytes[..]);
        Arc::new(Self { count, classes, side, bytes })
    }
}

impl Samples for Images {
    fn len(&self) -> usize {
        self.count
    }

    fn label(&self, index: usize) -> Option<usize> {
        Some(index % self.classes)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let (side, first) = (self.side as u32, index % PLACES);
        let bytes = self.bytes[first..first + 3 * self.side * self.side].to_vec();
        let image = RgbImage::from_raw(side, side, bytes).ok_or_else(|| DatasetError::Corrupt {
            path: format!("noise {index}").into(),
            reason: "its bytes do not fill it".to_owned(),
        })?;
        Ok(DynamicImage::ImageRgb8(image))
    }
}

/// Shortest and, but for shorter tables, longest text; the end token counts.
const ENDS: std::ops::Range<usize> = 5..16;

/// `count` random texts, drawn as `torch_step.py` draws them: the end token stands at a position from 5 to 15, and before
/// `length`, in front of it are random ids.
pub fn texts(count: usize, length: usize, text: &TextConfig, key: Key) -> Vec<Vec<u32>> {
    let mut rng = key.stream(Purpose::Method);
    let vocabulary = text.vocab_size as u32;
    let last = ENDS.end.min(length).min(text.context_length).max(ENDS.start + 1);
    let mut text = || {
        let end = rng.random_range(ENDS.start..last);
        (0..end).map(|_| rng.random_range(1..vocabulary - 2)).chain([vocabulary - 1]).collect()
    };
    (0..count).map(|_| text()).collect()
}

/// The same as prompts.
pub fn prompts(count: usize, length: usize, text: &TextConfig, key: Key) -> Vec<Prompt> {
    texts(count, length, text, key).into_iter().map(Prompt::Tokens).collect()
}

#[cfg(test)]
mod tests {
    use clf_core::clip::{ClipConfig, TokenBatch};

    use super::*;

    #[test]
    fn texts_end_where_those_of_torch_step_end() {
        let text = ClipConfig::mini().text;
        for (length, longest) in [(77, 16), (10, 10)] {
            let texts = texts(500, length, &text, Key::default());
            let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
            assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&6), Some(&longest)));
            assert!(texts.iter().all(|text| text.last() == Some(&1023) && text.iter().all(|id| *id > 0)));
            assert_eq!(TokenBatch::new(&texts).length(), longest);
        }
    }

    #[test]
    fn images_differ_and_have_labels_in_turn() {
        let images = Images::new(5, 3, 8);
        assert_eq!((0..5).map(|i| images.label(i).unwrap()).collect::<Vec<_>>(), [0, 1, 2, 0, 1]);
        let image = images.image(1).unwrap();
        assert_eq!((image.width(), image.height()), (8, 8));
        assert_ne!(image, images.image(2).unwrap());
    }
}
