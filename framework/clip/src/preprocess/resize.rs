//! Bicubic resizing with the integer arithmetic of PIL.
//!
//! PIL resizes by two passes, one along the rows and one along the columns, each with weights of 22 fractional bits and with
//! rounding to 8 bits in between (`Resample.c`). General resizing crates use other weights and stay several grey levels away
//! (6 for `fast_image_resize`), so the passes are done here. Only the part of the result that is kept is computed.
//!
//! Since version 13 Pillow takes the columns first where the height shrinks by far more than the width; so does this module.
//! Earlier versions always take the rows first, which differs by a few grey levels on such images.

use std::ops::Range;

use super::crop::Crop;

/// Sharpness of the cubic filter (PIL's `bicubic_filter`; Keys 1981 with a = -1/2).
const CUBIC: f64 = -0.5;
/// Reach of the cubic filter on each side, in pixels of the coarser image.
const SUPPORT: f64 = 2.0;
/// Fractional bits of a weight: 32 less 8 of the pixel and 2 of overshoot.
const PRECISION: u32 = 32 - 8 - 2;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Size {
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { width: width as usize, height: height as usize }
    }

    /// The size whose shorter side is `side`; the longer one keeps the ratio and is rounded down, as torchvision does.
    pub(super) fn with_short_side(self, side: usize) -> Self {
        let scaled = |long: usize, short: usize| (side * long) / short.max(1);
        if self.width <= self.height {
            Self { width: side, height: scaled(self.height, self.width) }
        } else {
            Self { width: scaled(self.width, self.height), height: side }
        }
    }
}

/// Resizes an image of `C` interleaved channels to `target` and returns `window` of the result.
///
/// # Shapes
///
/// - pixels: `[source.height, source.width, C]`
/// - output: `[window.height, window.width, C]`
pub(super) fn resize<const C: usize>(pixels: Vec<u8>, source: Size, target: Size, window: Crop) -> Vec<u8> {
    let columns = window.x as usize..(window.x + window.width) as usize;
    let rows = window.y as usize..(window.y + window.height) as usize;
    if source == target && columns.len() == source.width && rows.len() == source.height {
        return pixels;
    }
    let row_taps = taps(source.height, target.height, rows);
    let column_taps = taps(source.width, target.width, columns);
    let (rows, columns) = (needed(&row_taps), needed(&column_taps));
    let stride = source.width * C;
    if vertical_first(source, target) {
        let values = columns.start * C..columns.end * C;
        let low = vertical(&pixels, stride, values, &row_taps, 0);
        horizontal::<C>(&low, columns.len() * C, &column_taps, columns.start)
    } else {
        let strip = &pixels[rows.start * stride..rows.end * stride];
        let narrow = horizontal::<C>(strip, stride, &column_taps, 0);
        let stride = column_taps.len() * C;
        vertical(&narrow, stride, 0..stride, &row_taps, rows.start)
    }
}

/// Pillow's choice: columns first where the height loses more than twice the pixels that the width loses.
fn vertical_first(source: Size, target: Size) -> bool {
    let lost = |source: usize, target: usize| source as i64 - target as i64;
    let height = lost(source.height, target.height);
    height > 0 && height > 2 * lost(source.width, target.width)
}

/// The source pixels of one output pixel: the first one, and a weight for each.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Taps of the output pixels `outputs` when `source` pixels become `target`.
///
/// Where the image shrinks the filter is stretched by the same factor, which is what "antialias" means.
fn taps(source: usize, target: usize, outputs: Range<usize>) -> Vec<Taps> {
    let scale = source as f64 / target as f64;
    let stretch = scale.max(1.0);
    let reach = SUPPORT * stretch;
    outputs
        .map(|output| {
            let centre = (output as f64 + 0.5) * scale;
            // The casts truncate towards zero, negative values become zero.
            let first = (centre - reach + 0.5) as usize;
            let end = ((centre + reach + 0.5) as usize).min(source);
            let inverse = 1.0 / stretch;
            let weights = (first..end).map(|pixel| cubic((pixel as f64 - centre + 0.5) * inverse)).collect::<Vec<_>>();
            let sum = weights.iter().sum::<f64>();
            let weights = weights.into_iter().map(|weight| fixed(weight / sum)).collect();
            Taps { first, weights }
        })
        .collect()
}

/// The cubic filter at a distance of `x` pixels.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((CUBIC + 2.0) * x - (CUBIC + 3.0)) * x * x + 1.0
    } else if x < SUPPORT {
        (((x - 5.0) * x + 8.0) * x - 4.0) * CUBIC
    } else {
        0.0
    }
}

/// A weight in fixed point, rounded half away from zero.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1_u32 << PRECISION);
    (scaled + 0.5_f64.copysign(weight)) as i32
}

/// A sum of weighted pixels as a pixel.
fn pixel(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Start of every sum, so that the shift in [`pixel`] rounds to the nearest.
const HALF: i32 = 1 << (PRECISION - 1);

/// The source rows that any of `taps` reads.
fn needed(taps: &[Taps]) -> Range<usize> {
    let start = taps.iter().map(|tap| tap.first).min().unwrap_or(0);
    let end = taps.iter().map(|tap| tap.first + tap.weights.len()).max();
    start..end.unwrap_or(start)
}

/// Resizes every row.
///
/// # Shapes
///
/// - pixels: `[rows, stride / C, C]`, its first column is number `first_column` of the source
/// - output: `[rows, taps, C]`
fn horizontal<const C: usize>(pixels: &[u8], stride: usize, taps: &[Taps], first_column: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() / stride * taps.len() * C);
    for row in pixels.chunks_exact(stride) {
        for tap in taps {
            let mut sums = [HALF; C];
            let source = row[(tap.first - first_column) * C..].chunks_exact(C);
            for (weight, values) in tap.weights.iter().zip(source) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += weight * i32::from(*value);
                }
            }
            out.extend(sums.map(pixel));
        }
    }
    out
}

/// Resizes the columns that hold `values` of every row.
///
/// # Shapes
///
/// - pixels: `[rows, stride]`, its first row is number `first_row` of the source
/// - output: `[taps, values]`
fn vertical(pixels: &[u8], stride: usize, values: Range<usize>, taps: &[Taps], first_row: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(taps.len() * values.len());
    let mut sums = vec![HALF; values.len()];
    for tap in taps {
        sums.fill(HALF);
        let source = pixels[(tap.first - first_row) * stride..].chunks_exact(stride);
        for (weight, row) in tap.weights.iter().zip(source) {
            for (sum, value) in sums.iter_mut().zip(&row[values.clone()]) {
                *sum += weight * i32::from(*value);
            }
        }
        out.extend(sums.iter().map(|sum| pixel(*sum)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(tap: &Taps) -> i32 {
        tap.weights.iter().sum()
    }

    #[test]
    fn the_longer_side_is_rounded_down() {
        let size = |width, height| Size { width, height };
        assert_eq!(size(48, 40).with_short_side(32), size(38, 32));
        assert_eq!(size(37, 61).with_short_side(32), size(32, 52));
        assert_eq!(size(5, 5).with_short_side(7), size(7, 7));
    }

    #[test]
    fn weights_sum_to_one_within_rounding() {
        for (source, target) in [(7, 3), (3, 7), (500, 224), (1, 5)] {
            for tap in taps(source, target, 0..target) {
                let off = (sum(&tap) - (1 << PRECISION)).unsigned_abs() as usize;
                assert!(off <= tap.weights.len(), "{source} to {target}: {off}");
            }
        }
    }

    #[test]
    fn a_copy_has_one_weight_of_one() {
        for (output, tap) in taps(6, 6, 0..6).iter().enumerate() {
            let weight = tap.weights[output - tap.first];
            assert_eq!((weight, sum(tap)), (1 << PRECISION, 1 << PRECISION));
        }
    }

    #[test]
    fn doubling_a_step_by_hand() {
        // At distances of 1/4, 3/4, 5/4 and 7/4 pixels the filter is 111, 29, -9 and -3 of 128.
        let pixels = vec![0, 0, 128, 128];
        let source = Size::new(4, 1);
        let target = Size::new(8, 1);
        let out = resize::<1>(pixels, source, target, Crop::whole(8, 1));
        assert_eq!(out[3..5], [26, 102]);
    }

    #[test]
    fn columns_go_first_where_the_height_shrinks_far_more() {
        let first = |width, height| vertical_first(Size::new(width, height), Size::new(32, 32));
        assert!(first(37, 49) && first(38, 46) && first(20, 33));
        assert!(!first(40, 46) && !first(40, 48) && !first(20, 32) && !first(20, 27));
    }

    #[test]
    fn a_window_is_the_same_part_of_the_whole_in_either_order() {
        for (width, height) in [(7, 5), (9, 14)] {
            let values = 0..width * height * 3;
            let pixels = values.map(|value| (value * 37 % 251) as u8).collect::<Vec<_>>();
            let (source, target) = (Size::new(width, height), Size::new(11, 4));
            let whole = resize::<3>(pixels.clone(), source, target, Crop::whole(11, 4));
            let window = Crop { x: 2, y: 1, width: 6, height: 2 };
            let part = resize::<3>(pixels, source, target, window);
            for y in 0..2 {
                let from = ((y + 1) * 11 + 2) * 3;
                assert_eq!(part[y * 18..][..18], whole[from..][..18]);
            }
        }
    }
}
