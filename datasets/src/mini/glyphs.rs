//! Digits as pen strokes.

use super::shape::{Point, Shape};

/// The digits' names, in the order of their labels.
pub const DIGIT_NAMES: &[&str] = &["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// A glyph: its strokes within a box of half width 0.6 and half height 0.95.
pub type Glyph = &'static [Shape];

#[rustfmt::skip]
const ZERO: &[Point] = &[
    (0.0, -0.95), (0.38, -0.78), (0.56, -0.35), (0.56, 0.35), (0.38, 0.78), (0.0, 0.95),
    (-0.38, 0.78), (-0.56, 0.35), (-0.56, -0.35), (-0.38, -0.78), (0.0, -0.95),
];
const ONE: &[Point] = &[(-0.3, -0.6), (0.08, -0.95), (0.08, 0.95)];
#[rustfmt::skip]
const TWO: &[Point] = &[
    (-0.52, -0.55), (-0.4, -0.83), (0.0, -0.95), (0.4, -0.83), (0.52, -0.5), (0.38, -0.1), (-0.54, 0.93), (0.58, 0.93),
];
#[rustfmt::skip]
const THREE: &[Point] = &[
    (-0.5, -0.72), (-0.2, -0.93), (0.22, -0.93), (0.48, -0.7), (0.48, -0.36), (0.24, -0.1), (-0.12, -0.06),
    (0.28, 0.0), (0.54, 0.26), (0.54, 0.62), (0.26, 0.92), (-0.2, 0.94), (-0.54, 0.7),
];
const FOUR: &[Point] = &[(0.3, 0.95), (0.3, -0.95), (-0.6, 0.4), (0.62, 0.4)];
#[rustfmt::skip]
const FIVE: &[Point] = &[
    (0.5, -0.93), (-0.42, -0.93), (-0.48, -0.1), (0.0, -0.28), (0.4, -0.12), (0.56, 0.3), (0.4, 0.76), (0.0, 0.95),
    (-0.5, 0.74),
];
#[rustfmt::skip]
const SIX: &[Point] = &[
    (0.38, -0.93), (-0.1, -0.65), (-0.44, -0.1), (-0.54, 0.4), (-0.36, 0.8), (0.0, 0.95), (0.38, 0.8), (0.54, 0.45),
    (0.38, 0.1), (0.0, -0.04), (-0.38, 0.12), (-0.52, 0.4),
];
const SEVEN: &[Point] = &[(-0.55, -0.93), (0.55, -0.93), (-0.12, 0.95)];
#[rustfmt::skip]
const EIGHT: &[Point] = &[
    (0.0, -0.06), (0.38, -0.26), (0.44, -0.58), (0.26, -0.87), (0.0, -0.95), (-0.26, -0.87), (-0.44, -0.58),
    (-0.38, -0.26), (0.0, -0.06), (0.46, 0.2), (0.54, 0.54), (0.34, 0.86), (0.0, 0.95), (-0.34, 0.86), (-0.54, 0.54),
    (-0.46, 0.2), (0.0, -0.06),
];
#[rustfmt::skip]
const NINE: &[Point] = &[
    (-0.3, 0.95), (0.16, 0.66), (0.46, 0.1), (0.54, -0.4), (0.36, -0.8), (0.0, -0.95), (-0.38, -0.8), (-0.54, -0.45),
    (-0.38, -0.1), (0.0, 0.04), (0.38, -0.12), (0.52, -0.4),
];

/// The digits in the order of [`DIGIT_NAMES`].
pub const DIGITS: &[Glyph] = &[
    &[Shape::Stroke(ZERO)],
    &[Shape::Stroke(ONE)],
    &[Shape::Stroke(TWO)],
    &[Shape::Stroke(THREE)],
    &[Shape::Stroke(FOUR)],
    &[Shape::Stroke(FIVE)],
    &[Shape::Stroke(SIX)],
    &[Shape::Stroke(SEVEN)],
    &[Shape::Stroke(EIGHT)],
    &[Shape::Stroke(NINE)],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_glyph_has_a_name() {
        assert_eq!(DIGITS.len(), DIGIT_NAMES.len());
    }
}
