//! Images to the pixels that CLIP reads, equal to PIL and torchvision to the last grey level.
//!
//! The test transform is torchvision's `Resize(n, BICUBIC)` and `CenterCrop(n)`, the train transform
//! `RandomResizedCrop(n, scale=(0.9, 1.0))`, both on PIL images as in `OpenAI`'s CLIP and in ZSCL. As there, a grey image is
//! resized as one channel and expanded afterwards.
//!
//! # Differences from the reference
//!
//! Images with a palette or with transparency are converted to RGB before resizing, their alpha is dropped. (PIL resizes a
//! palette image by nearest neighbour, and weights colours by their alpha.)

mod crop;
mod resize;

use std::borrow::Cow;

use image::{DynamicImage, RgbImage};

pub use crop::Crop;

use resize::{Size, View, resize};

/// Mean of each channel (red, green, blue) of CLIP's training images, as a fraction of white (`OpenAI` CLIP, `clip.py`).
pub const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// Standard deviation of each channel, as a fraction of white (`OpenAI` CLIP, `clip.py`).
#[expect(clippy::excessive_precision, reason = "the digits as published")]
pub const STD: [f32; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// The image transforms of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preprocess {
    /// Side of the square image that the model reads, in pixels.
    pub size: u32,
}

impl Preprocess {
    /// The transforms of a model that reads images of `size` x `size` pixels.
    pub fn new(size: u32) -> Self {
        Self { size }
    }

    /// The test transform: the shorter side becomes `size` (bicubic, antialiased), then the square in the centre is kept.
    ///
    /// An image that has the right size already passes through unchanged.
    ///
    /// # Shapes
    ///
    /// - output: `size` x `size`
    pub fn test(&self, image: &DynamicImage) -> RgbImage {
        let source = Size::new(image.width(), image.height());
        let side = self.size as usize;
        let resized = source.with_short_side(side);
        let window = Crop::centred(resized, side);
        resize_part(image, Crop::whole(image.width(), image.height()), resized, window)
    }

    /// The train transform at a given place: cuts out `crop` and resizes it to `size` x `size`.
    ///
    /// `crop` is drawn by [`Preprocess::random_crop`]; it has to lie inside the image.
    ///
    /// # Shapes
    ///
    /// - output: `size` x `size`
    pub fn train_crop(&self, image: &DynamicImage, crop: Crop) -> RgbImage {
        resize_part(image, crop, Size::new(self.size, self.size), Crop::whole(self.size, self.size))
    }

    /// Draws the crop of the train transform for an image of `width` x `height` pixels: see [`Crop::random`].
    pub fn random_crop(&self, rng: &mut impl rand::Rng, width: u32, height: u32) -> Crop {
        Crop::random(rng, width, height)
    }
}

/// Writes an image as the model's input: each channel as a plane, every value `(v / 255 - mean) / std`.
///
/// # Shapes
///
/// - image: `[height, width, 3]`, flat
/// - out: `[3, height, width]`, flat
///
/// # Panics
///
/// If `out` has another length than `image`.
pub fn normalize_into(image: &[u8], out: &mut [f32]) {
    let pixels = image.len() / 3;
    assert_eq!(out.len(), 3 * pixels, "three planes of {pixels} pixels");
    let (red, rest) = out.split_at_mut(pixels);
    let (green, blue) = rest.split_at_mut(pixels);
    let planes = red.iter_mut().zip(green).zip(blue);
    for (((red, green), blue), pixel) in planes.zip(image.as_chunks::<3>().0) {
        *red = NORMALIZED[0][usize::from(pixel[0])];
        *green = NORMALIZED[1][usize::from(pixel[1])];
        *blue = NORMALIZED[2][usize::from(pixel[2])];
    }
}

/// What every value of each channel becomes: the same bits as the divisions at every pixel.
static NORMALIZED: [[f32; 256]; 3] = {
    let mut table = [[0.0; 256]; 3];
    let mut channel = 0;
    while channel < 3 {
        let mut value = 0;
        while value < 256 {
            table[channel][value] = (value as f32 / 255.0 - MEAN[channel]) / STD[channel];
            value += 1;
        }
        channel += 1;
    }
    table
};

/// Resizes the part `crop` of `image` to `target` and keeps `window` of the result.
fn resize_part(image: &DynamicImage, crop: Crop, target: Size, window: Crop) -> RgbImage {
    let size = Size::new(image.width(), image.height());
    let mut out = RgbImage::new(window.width, window.height);
    if image.color().has_color() {
        let pixels = image.as_rgb8().map_or_else(|| Cow::Owned(image.to_rgb8()), Cow::Borrowed);
        let source = View::<3>::new(&pixels, size).part(&crop.rows(), &crop.columns());
        resize(source, target, window, &mut out);
    } else {
        let pixels = image.as_luma8().map_or_else(|| Cow::Owned(image.to_luma8()), Cow::Borrowed);
        let source = View::<1>::new(&pixels, size).part(&crop.rows(), &crop.columns());
        let mut grey = vec![0; out.len() / 3];
        resize(source, target, window, &mut grey);
        for (pixel, value) in out.chunks_exact_mut(3).zip(grey) {
            pixel.fill(value);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use image::GrayImage;
    use safetensors::SafeTensors;
    use safetensors::tensor::TensorView;

    use super::*;

    /// Source images and what PIL and torchvision make of them.
    struct Golden(Vec<u8>);

    /// One source: its index, the model's size, and the train crops as `[top, left, height, width]`.
    const SOURCES: [(usize, u32, [[u32; 4]; 2]); 7] = [
        (0, 32, [[2, 2, 38, 46], [0, 1, 40, 46]]),
        (1, 32, [[6, 0, 49, 37], [6, 0, 49, 37]]),
        (2, 32, [[0, 0, 27, 26], [0, 0, 28, 25]]),
        (3, 32, [[1, 1, 31, 31], [0, 1, 32, 31]]),
        (4, 32, [[0, 7, 101, 135], [0, 7, 101, 135]]),
        (5, 32, [[3, 0, 27, 20], [3, 0, 27, 20]]),
        (6, 64, [[0, 4, 30, 36], [0, 0, 30, 36]]),
    ];

    impl Golden {
        fn read() -> Self {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/preprocess.safetensors");
            Self(std::fs::read(path).unwrap())
        }

        fn image(&self, name: &str) -> DynamicImage {
            let file = SafeTensors::deserialize(&self.0).unwrap();
            let tensor: TensorView<'_> = file.tensor(name).unwrap();
            let [height, width, channels] = *tensor.shape() else { panic!("{name} is no image") };
            let (width, height, raw) = (width as u32, height as u32, tensor.data().to_vec());
            if channels == 1 {
                GrayImage::from_raw(width, height, raw).unwrap().into()
            } else {
                RgbImage::from_raw(width, height, raw).unwrap().into()
            }
        }
    }

    #[test]
    fn the_test_transform_equals_pil() {
        let golden = Golden::read();
        for (index, size, _) in SOURCES {
            let made = Preprocess::new(size).test(&golden.image(&format!("src{index}")));
            let expected = golden.image(&format!("test_u8_{index}"));
            assert!(DynamicImage::from(made) == expected, "source {index}");
        }
    }

    #[test]
    fn the_train_crops_equal_pil() {
        let golden = Golden::read();
        for (index, size, crops) in SOURCES {
            let source = golden.image(&format!("src{index}"));
            for (number, [y, x, height, width]) in crops.into_iter().enumerate() {
                let crop = Crop { x, y, width, height };
                let made = Preprocess::new(size).train_crop(&source, crop);
                let expected = golden.image(&format!("train_u8_{index}_{number}"));
                assert!(DynamicImage::from(made) == expected, "crop {number} of source {index}");
            }
        }
    }

    #[test]
    fn an_image_of_the_right_size_passes_through() {
        let image = RgbImage::from_fn(9, 9, |x, y| image::Rgb([x as u8 * 28, y as u8 * 28, 7]));
        assert_eq!(Preprocess::new(9).test(&image.clone().into()), image);
    }

    #[test]
    fn alpha_is_dropped() {
        let image = image::RgbaImage::from_pixel(5, 4, image::Rgba([10, 20, 30, 0]));
        let made = Preprocess::new(3).test(&image.into());
        assert_eq!(made, RgbImage::from_pixel(3, 3, image::Rgb([10, 20, 30])));
    }

    #[test]
    fn a_thin_image_costs_no_more_than_its_crop() {
        let image = GrayImage::from_pixel(20_000, 1, image::Luma([9]));
        let made = Preprocess::new(224).test(&image.into());
        assert_eq!(made, RgbImage::from_pixel(224, 224, image::Rgb([9; 3])));
    }

    #[test]
    fn normalized_pixels_are_planes_in_the_stated_order_of_operations() {
        let image = RgbImage::from_fn(2, 1, |x, _| image::Rgb([x as u8 * 255, 100, 7]));
        let mut out = [0.0; 6];
        normalize_into(&image, &mut out);
        let value = |value: f32, channel: usize| (value / 255.0 - MEAN[channel]) / STD[channel];
        let expected = [value(0.0, 0), value(255.0, 0), value(100.0, 1), value(100.0, 1), value(7.0, 2), value(7.0, 2)];
        assert_eq!(out.map(f32::to_bits), expected.map(f32::to_bits));
    }
}
