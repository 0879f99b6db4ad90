//! Bicubic resizing with the integer arithmetic of PIL.
//!
//! PIL resizes by two passes, one along the rows and one along the columns, each with weights of 22 fractional bits and with
//! rounding to 8 bits in between (`Resample.c`). General resizing crates use other weights and stay several grey levels away
//! (6 for `fast_image_resize`), so the passes are done here. Only the part of the result that is kept is computed.
//!
//! Since version 13 Pillow takes the columns first where the height shrinks by far more than the width; so does this module.
//! Earlier versions always take the rows first, which differs by a few grey levels on such images.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that is found")]

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

/// A rectangle of an image of `C` interleaved channels; its first pixel is the first of `pixels`.
#[derive(Clone, Copy)]
pub(super) struct View<'a, const C: usize> {
    pixels: &'a [u8],
    /// Bytes from one row to the next.
    stride: usize,
    size: Size,
}

impl<'a, const C: usize> View<'a, C> {
    /// The whole of an image, `[size.height, size.width, C]`.
    pub(super) fn new(pixels: &'a [u8], size: Size) -> Self {
        Self { pixels, stride: size.width * C, size }
    }

    /// Some rows and columns of this one.
    pub(super) fn part(self, rows: &Range<usize>, columns: &Range<usize>) -> Self {
        let pixels = &self.pixels[rows.start * self.stride + columns.start * C..];
        Self { pixels, size: Size { width: columns.len(), height: rows.len() }, ..self }
    }

    fn rows(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.size.height).map(move |y| &self.pixels[y * self.stride..][..self.size.width * C])
    }
}

/// Resizes `source` to `target` and writes `window` of the result.
///
/// # Shapes
///
/// - out: `[window.height, window.width, C]`
pub(super) fn resize<const C: usize>(source: View<'_, C>, target: Size, window: Crop, out: &mut [u8]) {
    let (rows, columns) = (window.rows(), window.columns());
    if source.size == target {
        let rows = source.part(&rows, &columns).rows();
        out.chunks_exact_mut(columns.len() * C).zip(rows).for_each(|(out, row)| out.copy_from_slice(row));
        return;
    }
    let vertical_first = vertical_first(source.size, target);
    let mut row_taps = Taps::new(source.size.height, target.height, rows);
    let mut column_taps = Taps::new(source.size.width, target.width, columns);
    let source = source.part(&row_taps.rebase(), &column_taps.rebase());
    pulp::Arch::new().dispatch(Passes { source, row_taps, column_taps, vertical_first, out });
}

/// Both passes: plain loops, compiled for the widest vectors of the processor that is found.
struct Passes<'a, const C: usize> {
    source: View<'a, C>,
    row_taps: Taps,
    column_taps: Taps,
    vertical_first: bool,
    out: &'a mut [u8],
}

impl<const C: usize> pulp::WithSimd for Passes<'_, C> {
    type Output = ();

    #[expect(
        clippy::inline_always,
        reason = "what is not inlined is compiled without the machine's vector instructions"
    )]
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { source, row_taps, column_taps, vertical_first, out } = self;
        if vertical_first {
            let size = Size { height: row_taps.len(), ..source.size };
            let mut low = vec![0; size.height * size.width * C];
            vertical(source, &row_taps, &mut low);
            horizontal(View::<C>::new(&low, size), &column_taps, out);
        } else {
            let size = Size { width: column_taps.len(), ..source.size };
            let mut narrow = vec![0; size.height * size.width * C];
            horizontal(source, &column_taps, &mut narrow);
            vertical(View::<C>::new(&narrow, size), &row_taps, out);
        }
    }
}

/// Pillow's choice: columns first where the height loses more than twice the pixels that the width loses.
fn vertical_first(source: Size, target: Size) -> bool {
    let lost = |source: usize, target: usize| source as i64 - target as i64;
    let height = lost(source.height, target.height);
    height > 0 && height > 2 * lost(source.width, target.width)
}

/// Which source pixels make each output pixel, and how much of each.
struct Taps {
    /// The source pixels of every output pixel.
    sources: Vec<Range<usize>>,
    /// Their weights, `reach` for every output pixel; zeros follow where there are fewer pixels.
    weights: Vec<i32>,
    reach: usize,
}

impl Taps {
    /// Taps of the output pixels `outputs` when `source` pixels become `target`.
    ///
    /// Where the image shrinks the filter is stretched by the same factor, which is what "antialias" means.
    fn new(source: usize, target: usize, outputs: Range<usize>) -> Self {
        let scale = source as f64 / target as f64;
        let stretch = scale.max(1.0);
        let inverse = 1.0 / stretch;
        let half = SUPPORT * stretch;
        let reach = 2 * half.ceil() as usize + 1;
        let mut taps = Self { sources: Vec::new(), weights: vec![0; outputs.len() * reach], reach };
        let mut exact = Vec::with_capacity(reach);
        for (output, fixed_weights) in outputs.zip(taps.weights.chunks_exact_mut(reach)) {
            let centre = (output as f64 + 0.5) * scale;
            // The casts truncate towards zero, negative values become zero.
            let pixels = (centre - half + 0.5) as usize..((centre + half + 0.5) as usize).min(source);
            exact.clear();
            exact.extend(pixels.clone().map(|pixel| cubic((pixel as f64 - centre + 0.5) * inverse)));
            let sum = exact.iter().sum::<f64>();
            for (to, weight) in fixed_weights.iter_mut().zip(&exact) {
                *to = fixed(weight / sum);
            }
            taps.sources.push(pixels);
        }
        taps
    }

    /// Number of output pixels.
    fn len(&self) -> usize {
        self.sources.len()
    }

    /// The source pixels of every output pixel, and a weight for each.
    fn iter(&self) -> impl Iterator<Item = (&Range<usize>, &[i32])> {
        self.sources
            .iter()
            .zip(self.weights.chunks_exact(self.reach))
            .map(|(pixels, all)| (pixels, &all[..pixels.len()]))
    }

    /// Counts source pixels from the first one that is read; all that are read, counted as before.
    fn rebase(&mut self) -> Range<usize> {
        // Both ends grow with the output pixel.
        let read = match (self.sources.first(), self.sources.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        };
        for pixels in &mut self.sources {
            *pixels = pixels.start - read.start..pixels.end - read.start;
        }
        read
    }
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

/// Products side by side: a vector of AVX-512, or several of a smaller set.
const LANES: usize = 16;

/// Resizes every row.
///
/// As many rows as there are lanes are interleaved, pixel by pixel, so that a vector holds the same column of several rows
/// and one weight serves it whole.
///
/// # Shapes
///
/// - out: `[source.height, taps, C]`
#[inline(always)]
fn horizontal<const C: usize>(source: View<'_, C>, taps: &Taps, out: &mut [u8]) {
    let mut columns = vec![[[0; C]; LANES]; source.size.width];
    let stride = taps.len() * C;
    for (tile, out) in out.chunks_mut(stride * LANES).enumerate() {
        for (lane, row) in source.rows().skip(tile * LANES).take(LANES).enumerate() {
            for (column, pixel) in columns.iter_mut().zip(row.as_chunks().0) {
                column[lane] = *pixel;
            }
        }
        for (x, (pixels, weights)) in taps.iter().enumerate() {
            let mut sums = [[0; C]; LANES];
            let column = columns[pixels.start..].as_flattened().as_flattened();
            weighted_sum(column, LANES * C, weights, sums.as_flattened_mut());
            for (pixel, row) in sums.iter().zip(out.chunks_exact_mut(stride)) {
                row[x * C..(x + 1) * C].copy_from_slice(pixel);
            }
        }
    }
}

/// Resizes every column.
///
/// # Shapes
///
/// - out: `[taps, source.width, C]`
#[inline(always)]
fn vertical<const C: usize>(source: View<'_, C>, taps: &Taps, out: &mut [u8]) {
    for (out, (rows, weights)) in out.chunks_exact_mut(source.size.width * C).zip(taps.iter()) {
        weighted_sum(&source.pixels[rows.start * source.stride..], source.stride, weights, out);
    }
}

/// Rows that lie `stride` bytes apart, weighted and summed.
#[inline(always)]
fn weighted_sum(rows: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
    let (wide, rest) = out.as_chunks_mut::<LANES>();
    let done = wide.len() * LANES;
    for (out, at) in wide.iter_mut().zip((0..).step_by(LANES)) {
        weighted_vector(&rows[at..], stride, weights, out);
    }
    for (out, at) in rest.as_chunks_mut::<1>().0.iter_mut().zip(done..) {
        weighted_vector(&rows[at..], stride, weights, out);
    }
}

#[inline(always)]
fn weighted_vector<const N: usize>(rows: &[u8], stride: usize, weights: &[i32], out: &mut [u8; N]) {
    let mut sums = [HALF; N];
    for (weight, row) in weights.iter().zip(rows.chunks(stride)) {
        for (sum, value) in sums.iter_mut().zip(&row[..N]) {
            *sum += weight * i32::from(*value);
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = pixel(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(source: usize, target: usize) -> Taps {
        Taps::new(source, target, 0..target)
    }

    fn resized<const C: usize>(pixels: &[u8], source: Size, target: Size, window: Crop) -> Vec<u8> {
        let mut out = vec![0; window.width as usize * window.height as usize * C];
        resize::<C>(View::new(pixels, source), target, window, &mut out);
        out
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
            for (_, weights) in taps(source, target).iter() {
                let off = (weights.iter().sum::<i32>() - (1 << PRECISION)).unsigned_abs() as usize;
                assert!(off <= weights.len(), "{source} to {target}: {off}");
            }
        }
    }

    #[test]
    fn a_copy_has_one_weight_of_one() {
        for (output, (pixels, weights)) in taps(6, 6).iter().enumerate() {
            let weight = weights[output - pixels.start];
            assert_eq!((weight, weights.iter().sum::<i32>()), (1 << PRECISION, 1 << PRECISION));
        }
    }

    #[test]
    fn doubling_a_step_by_hand() {
        // At distances of 1/4, 3/4, 5/4 and 7/4 pixels the filter is 111, 29, -9 and -3 of 128.
        let out = resized::<1>(&[0, 0, 128, 128], Size::new(4, 1), Size::new(8, 1), Crop::whole(8, 1));
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
            let whole = resized::<3>(&pixels, source, target, Crop::whole(11, 4));
            let window = Crop { x: 2, y: 1, width: 6, height: 2 };
            let part = resized::<3>(&pixels, source, target, window);
            for y in 0..2 {
                let from = ((y + 1) * 11 + 2) * 3;
                assert_eq!(part[y * 18..][..18], whole[from..][..18]);
            }
        }
    }
}
