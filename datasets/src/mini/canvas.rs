//! The picture while it is drawn: linear blending in floats, rounded to bytes once at the end.

use image::{Rgb, RgbImage};

use super::dice::Dice;
use super::shape::{Point, Pose, Shape};

/// Width and height of every picture of the world.
pub const IMAGE_SIZE: u32 = 32;

const SIZE: usize = IMAGE_SIZE as usize;

/// Red, green and blue between 0 and 1.
pub type Colour = [f32; 3];

/// A mix of two colours: all of `a` at 0, all of `b` at 1.
pub fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * share)
}

/// How bright a colour looks.
pub fn luma(colour: Colour) -> f32 {
    0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
}

/// A picture of [`IMAGE_SIZE`] squared pixels.
pub struct Canvas {
    pixels: Vec<Colour>,
}

impl Canvas {
    /// A picture of one colour.
    pub fn plain(colour: Colour) -> Self {
        Self { pixels: vec![colour; SIZE * SIZE] }
    }

    /// Replaces every pixel by a function of its centre, in pixels, and its colour.
    pub fn each(&mut self, paint: impl Fn(Point, Colour) -> Colour) {
        for (row, line) in self.pixels.chunks_exact_mut(SIZE).enumerate() {
            for (column, pixel) in line.iter_mut().enumerate() {
                *pixel = paint((column as f32 + 0.5, row as f32 + 0.5), *pixel);
            }
        }
    }

    /// Fills a shape. The coverage of a pixel on the edge follows from its distance, which smooths the edge.
    pub fn fill(&mut self, shape: &Shape, pose: Pose, half_width: f32, colour: Colour) {
        self.cover(pose, colour, |p| shape.distance(p, half_width));
    }

    /// Draws only the edge of a shape, `half_width` to each side.
    pub fn outline(&mut self, shape: &Shape, pose: Pose, half_width: f32, colour: Colour) {
        self.cover(pose, colour, |p| shape.distance(p, half_width).abs() - half_width);
    }

    fn cover(&mut self, pose: Pose, colour: Colour, distance: impl Fn(Point) -> f32) {
        self.each(|pixel, under| {
            let coverage = 0.5 - distance(pose.to_figure(pixel)) * pose.scale;
            if coverage > 0.0 { mix(under, colour, coverage.min(1.0)) } else { under }
        });
    }

    /// Adds grain: each pixel is shifted by up to `strength`, each channel by a third of that on its own.
    pub fn grain(&mut self, dice: &mut Dice, strength: f32) {
        for pixel in &mut self.pixels {
            let [all, red, green, blue] = dice.bits().to_le_bytes().map(|byte| f32::from(byte) / 127.5 - 1.0);
            for (channel, own) in pixel.iter_mut().zip([red, green, blue]) {
                *channel += strength * (all + own / 3.0);
            }
        }
    }

    /// The finished picture.
    pub fn finish(self) -> RgbImage {
        RgbImage::from_fn(IMAGE_SIZE, IMAGE_SIZE, |x, y| {
            let colour = self.pixels[y as usize * SIZE + x as usize];
            Rgb(colour.map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disc_covers_its_middle_and_not_the_corner() {
        let mut canvas = Canvas::plain([0.0; 3]);
        canvas.fill(&Shape::Disc((0.0, 0.0), 1.0), Pose::upright((16.0, 16.0), 8.0), 0.0, [1.0; 3]);
        let image = canvas.finish();
        assert_eq!(image.get_pixel(16, 16).0, [255; 3]);
        assert_eq!(image.get_pixel(0, 0).0, [0; 3]);
        let edge = image.get_pixel(23, 16).0[0];
        assert!(0 < edge && edge < 255, "the edge is smooth, not {edge}");
    }

    #[test]
    fn grain_keeps_the_mean() {
        let mut canvas = Canvas::plain([0.5; 3]);
        canvas.grain(&mut Dice::keyed(0, 0, 0), 0.2);
        let image = canvas.finish();
        let mean = image.as_raw().iter().map(|&byte| f32::from(byte)).sum::<f32>() / 3072.0;
        assert!((mean - 127.5).abs() < 2.0, "mean {mean}");
    }
}
