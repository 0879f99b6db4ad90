//! Where an image is cut, by the rules of torchvision.

use std::ops::Range;

use rand::Rng;

use super::resize::Size;

/// Smallest and largest share of the image's area that a train crop covers (ZSCL, `finetune.py`; `OpenAI` CLIP section 2.4
/// uses a random square of the resized image).
const SCALE: [f64; 2] = [0.9, 1.0];
/// Smallest and largest width over height of a train crop (torchvision, `RandomResizedCrop`).
const RATIO: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];
/// Draws before the crop in the centre is taken (torchvision, `RandomResizedCrop.get_params`).
const TRIES: usize = 10;

/// A rectangle of an image, in pixels from its top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Extent to the right.
    pub width: u32,
    /// Extent downwards.
    pub height: u32,
}

impl Crop {
    /// The whole of an image.
    pub fn whole(width: u32, height: u32) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    pub(super) fn rows(&self) -> Range<usize> {
        self.y as usize..(self.y + self.height) as usize
    }

    pub(super) fn columns(&self) -> Range<usize> {
        self.x as usize..(self.x + self.width) as usize
    }

    /// The square of `side` pixels in the centre of an image of `size`; half pixels are rounded to the even one.
    pub(super) fn centred(size: Size, side: usize) -> Self {
        let margin = |length: usize| ((length.saturating_sub(side)) as f64 / 2.0).round_ties_even() as u32;
        Self { x: margin(size.width), y: margin(size.height), width: side as u32, height: side as u32 }
    }

    /// Draws a crop of an image of `width` x `height` pixels: 90% to 100% of the area, width over height log-uniform in 3/4 to
    /// 4/3, anywhere inside. If ten draws do not fit, the largest crop in the centre whose ratio is allowed.
    pub fn random(rng: &mut impl Rng, width: u32, height: u32) -> Self {
        (0..TRIES).find_map(|_| Self::draw(rng, width, height)).unwrap_or_else(|| Self::fallback(width, height))
    }

    fn draw(rng: &mut impl Rng, width: u32, height: u32) -> Option<Self> {
        let mut uniform = |[low, high]: [f64; 2]| low + (high - low) * rng.random::<f64>();
        let area = f64::from(width) * f64::from(height) * uniform(SCALE);
        let ratio = uniform(RATIO.map(f64::ln)).exp();
        let crop_width = (area * ratio).sqrt().round_ties_even() as u32;
        let crop_height = (area / ratio).sqrt().round_ties_even() as u32;
        let fits = (1..=width).contains(&crop_width) && (1..=height).contains(&crop_height);
        // The place is only drawn for a size that fits, as in torchvision.
        fits.then(|| Self {
            y: rng.random_range(0..=height - crop_height),
            x: rng.random_range(0..=width - crop_width),
            width: crop_width,
            height: crop_height,
        })
    }

    fn fallback(width: u32, height: u32) -> Self {
        let (wide, high) = (f64::from(width), f64::from(height));
        let ratio = wide / high;
        let (crop_width, crop_height) = if ratio < RATIO[0] {
            (width, (wide / RATIO[0]).round_ties_even() as u32)
        } else if ratio > RATIO[1] {
            ((high * RATIO[1]).round_ties_even() as u32, height)
        } else {
            (width, height)
        };
        Self { x: (width - crop_width) / 2, y: (height - crop_height) / 2, width: crop_width, height: crop_height }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn half_pixel_margins_go_to_the_even_pixel() {
        let left = |width| Crop::centred(Size::new(width, 32), 32).x;
        assert_eq!([32, 33, 34, 35, 37].map(left), [0, 0, 1, 2, 2]);
    }

    #[test]
    fn random_crops_keep_area_ratio_and_borders() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..2000 {
            let crop = Crop::random(&mut rng, 100, 90);
            let (width, height) = (f64::from(crop.width), f64::from(crop.height));
            assert!(crop.x + crop.width <= 100 && crop.y + crop.height <= 90);
            assert!((0.88..=1.0).contains(&(width * height / 9000.0)), "{crop:?}");
            assert!((0.73..=1.36).contains(&(width / height)), "{crop:?}");
        }
    }

    #[test]
    fn equal_streams_draw_equal_crops() {
        let draw = || Crop::random(&mut ChaCha8Rng::seed_from_u64(7), 640, 480);
        assert_eq!(draw(), draw());
    }

    #[test]
    fn a_thin_image_falls_back_to_its_centre() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let crop = |x, y, width, height| Crop { x, y, width, height };
        assert_eq!(Crop::random(&mut rng, 300, 30), crop(130, 0, 40, 30));
        assert_eq!(Crop::random(&mut rng, 30, 300), crop(0, 130, 30, 40));
        assert_eq!(Crop::random(&mut rng, 1, 1), crop(0, 0, 1, 1));
    }
}
