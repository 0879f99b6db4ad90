//! Samples whose pixels are held in memory.

use std::path::{Path, PathBuf};

use clf_core::data::{DatasetError, Samples};
use image::{DynamicImage, GrayImage, RgbImage};

use super::files::corrupt;

/// The size that all images of an [`InMemory`] share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// Rows of pixels.
    pub height: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Bytes of a pixel: 1 for grey, 3 for red, green, blue.
    pub channels: u32,
}

impl ImageShape {
    /// Bytes of one image; `None` when that is zero or too large to count.
    pub fn bytes(self) -> Option<usize> {
        let pixels = u64::from(self.height).checked_mul(u64::from(self.width))?;
        let bytes = pixels.checked_mul(u64::from(self.channels))?;
        usize::try_from(bytes).ok().filter(|&bytes| bytes > 0)
    }
}

/// Images of one size as bytes, image by image, row by row, the channels of a pixel side by side, with their labels.
pub struct InMemory {
    source: PathBuf,
    shape: ImageShape,
    image_bytes: usize,
    pixels: Vec<u8>,
    labels: Vec<usize>,
}

impl InMemory {
    /// Checks that `pixels` is as long as `labels` and `shape` demand; `source` is what errors name.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Corrupt`] when the lengths disagree or the shape is not one of an image.
    pub fn new(
        source: impl Into<PathBuf>,
        shape: ImageShape,
        pixels: Vec<u8>,
        labels: Vec<usize>,
    ) -> Result<Self, DatasetError> {
        let source = source.into();
        if !matches!(shape.channels, 1 | 3) {
            let reason = format!("{} channels a pixel; only 1 and 3 are read", shape.channels);
            return Err(corrupt(&source, reason));
        }
        let image_bytes = shape.bytes().ok_or_else(|| corrupt(&source, format!("impossible image size {shape:?}")))?;
        if labels.len().checked_mul(image_bytes) != Some(pixels.len()) {
            return Err(length_error(&source, &labels, image_bytes, &pixels));
        }
        Ok(Self { source, shape, image_bytes, pixels, labels })
    }
}

fn length_error(source: &Path, labels: &[usize], each: usize, pixels: &[u8]) -> DatasetError {
    let (count, have) = (labels.len(), pixels.len());
    corrupt(source, format!("{count} labels need {count} x {each} bytes of pixels, but there are {have}"))
}

impl Samples for InMemory {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(index).copied()
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let ImageShape { height, width, .. } = self.shape;
        let start = index.saturating_mul(self.image_bytes);
        let bytes = self.pixels.get(start..start.saturating_add(self.image_bytes)).map(<[u8]>::to_vec);
        let image = bytes.and_then(|bytes| {
            if self.shape.channels == 1 {
                GrayImage::from_raw(width, height, bytes).map(DynamicImage::ImageLuma8)
            } else {
                RgbImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8)
            }
        });
        image.ok_or_else(|| {
            let reason = format!("asked for image {index} of {}", self.labels.len());
            corrupt(&self.source, reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 2, width: 3, channels: 3 };

    #[test]
    fn pixels_come_back_row_by_row_with_channels_side_by_side() {
        let samples = InMemory::new("toy", SHAPE, (0..36).collect(), vec![4, 5]).unwrap();
        let image = samples.image(1).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (3, 2));
        assert_eq!(image.get_pixel(2, 1).0, [33, 34, 35]);
        assert_eq!((samples.len(), samples.label(1)), (2, Some(5)));
    }

    #[test]
    fn lengths_that_disagree_are_an_error_with_both_numbers() {
        let error = InMemory::new("toy", SHAPE, vec![0; 35], vec![0, 1]).err().unwrap().to_string();
        assert!(error.contains("2 x 18") && error.contains("35"), "{error}");
    }

    #[test]
    fn an_index_past_the_end_is_an_error_and_not_a_panic() {
        let samples = InMemory::new("toy", SHAPE, vec![0; 18], vec![0]).unwrap();
        assert!(samples.image(1).is_err() && samples.image(usize::MAX).is_err());
        assert_eq!(samples.label(1), None);
    }
}
