//! Plane shapes and faces, each a list of inked layers from back to front.

use super::canvas::Colour;
use super::shape::{Point, Shape};

/// Which colour a layer takes.
#[derive(Clone, Copy, Debug)]
pub enum Ink {
    /// The figure's own colour, which a caption names.
    Main,
    /// A second colour.
    Second,
    /// Nearly black on light figures, nearly white on dark ones.
    Mark,
    /// Always this colour.
    Fixed(Colour),
}

/// One shape of a figure and its colour.
pub type Layer = (Ink, Shape);

/// A drawing in the square from -1 to 1.
pub type Figure = &'static [Layer];

/// The plane shapes' names, in the order of their labels.
pub const SHAPE_NAMES: &[&str] =
    &["circle", "square", "triangle", "star", "heart", "cross", "diamond", "ring", "moon", "arch"];

const TRIANGLE: &[Point] = &[(0.0, -0.95), (0.95, 0.8), (-0.95, 0.8)];
#[rustfmt::skip]
const STAR: &[Point] = &[
    (0.0, -1.0), (0.26, -0.32), (0.98, -0.3), (0.4, 0.14), (0.61, 0.84), (0.0, 0.42), (-0.61, 0.84), (-0.4, 0.14),
    (-0.98, -0.3), (-0.26, -0.32),
];
#[rustfmt::skip]
const HEART: &[Point] = &[
    (0.0, -0.42), (0.18, -0.74), (0.5, -0.88), (0.82, -0.74), (0.96, -0.4), (0.88, -0.06), (0.6, 0.34), (0.0, 0.92),
    (-0.6, 0.34), (-0.88, -0.06), (-0.96, -0.4), (-0.82, -0.74), (-0.5, -0.88), (-0.18, -0.74),
];
#[rustfmt::skip]
const CROSS: &[Point] = &[
    (-0.32, -0.95), (0.32, -0.95), (0.32, -0.32), (0.95, -0.32), (0.95, 0.32), (0.32, 0.32), (0.32, 0.95),
    (-0.32, 0.95), (-0.32, 0.32), (-0.95, 0.32), (-0.95, -0.32), (-0.32, -0.32),
];
const DIAMOND: &[Point] = &[(0.0, -1.0), (0.72, 0.0), (0.0, 1.0), (-0.72, 0.0)];
#[rustfmt::skip]
const ARCH: &[Point] = &[
    (-0.9, 0.85), (-0.9, -0.1), (-0.62, -0.64), (0.0, -0.88), (0.62, -0.64), (0.9, -0.1), (0.9, 0.85), (0.42, 0.85),
    (0.42, 0.0), (0.26, -0.28), (0.0, -0.38), (-0.26, -0.28), (-0.42, 0.0), (-0.42, 0.85),
];

/// The plane shapes in the order of [`SHAPE_NAMES`].
pub const SHAPES: &[Figure] = &[
    &[(Ink::Main, Shape::Disc((0.0, 0.0), 0.92))],
    &[(Ink::Main, Shape::Rect((0.0, 0.0), (0.82, 0.82)))],
    &[(Ink::Main, Shape::Polygon(TRIANGLE))],
    &[(Ink::Main, Shape::Polygon(STAR))],
    &[(Ink::Main, Shape::Polygon(HEART))],
    &[(Ink::Main, Shape::Polygon(CROSS))],
    &[(Ink::Main, Shape::Polygon(DIAMOND))],
    &[(Ink::Main, Shape::Ring((0.0, 0.0), 0.7, 0.22))],
    &[(Ink::Main, Shape::Crescent((-0.1, 0.0), 0.95, (0.42, -0.1), 0.78))],
    &[(Ink::Main, Shape::Polygon(ARCH))],
];

/// The faces' moods, in the order of their labels.
pub const MOOD_NAMES: &[&str] = &["happy", "sad", "angry", "surprised", "sleepy", "winking", "laughing", "calm"];

const SMILE: &[Point] = &[(-0.5, 0.2), (-0.28, 0.5), (0.0, 0.6), (0.28, 0.5), (0.5, 0.2)];
const FROWN: &[Point] = &[(-0.46, 0.64), (-0.26, 0.4), (0.0, 0.32), (0.26, 0.4), (0.46, 0.64)];
const FLAT: &[Point] = &[(-0.42, 0.44), (0.42, 0.44)];
const GRIN: &[Point] = &[(-0.62, 0.1), (0.62, 0.1), (0.42, 0.56), (0.0, 0.74), (-0.42, 0.56)];
const LEFT_LID: &[Point] = &[(-0.58, -0.22), (-0.2, -0.22)];
const RIGHT_LID: &[Point] = &[(0.2, -0.22), (0.58, -0.22)];
const LEFT_BROW: &[Point] = &[(-0.66, -0.62), (-0.16, -0.34)];
const RIGHT_BROW: &[Point] = &[(0.66, -0.62), (0.16, -0.34)];
const LEFT_JOY: &[Point] = &[(-0.62, -0.12), (-0.4, -0.42), (-0.18, -0.12)];
const RIGHT_JOY: &[Point] = &[(0.62, -0.12), (0.4, -0.42), (0.18, -0.12)];

const HEAD: Layer = (Ink::Main, Shape::Disc((0.0, 0.0), 0.98));
const LEFT_EYE: Layer = (Ink::Mark, Shape::Disc((-0.38, -0.24), 0.16));
const RIGHT_EYE: Layer = (Ink::Mark, Shape::Disc((0.38, -0.24), 0.16));

/// The faces in the order of [`MOOD_NAMES`].
pub const FACES: &[Figure] = &[
    &[HEAD, LEFT_EYE, RIGHT_EYE, (Ink::Mark, Shape::Stroke(SMILE))],
    &[HEAD, LEFT_EYE, RIGHT_EYE, (Ink::Mark, Shape::Stroke(FROWN))],
    &[
        HEAD,
        (Ink::Mark, Shape::Stroke(LEFT_BROW)),
        (Ink::Mark, Shape::Stroke(RIGHT_BROW)),
        (Ink::Mark, Shape::Stroke(FROWN)),
    ],
    &[HEAD, LEFT_EYE, RIGHT_EYE, (Ink::Mark, Shape::Disc((0.0, 0.44), 0.28))],
    &[
        HEAD,
        (Ink::Mark, Shape::Stroke(LEFT_LID)),
        (Ink::Mark, Shape::Stroke(RIGHT_LID)),
        (Ink::Mark, Shape::Disc((0.0, 0.48), 0.16)),
    ],
    &[HEAD, LEFT_EYE, (Ink::Mark, Shape::Stroke(RIGHT_LID)), (Ink::Mark, Shape::Stroke(SMILE))],
    &[
        HEAD,
        (Ink::Mark, Shape::Stroke(LEFT_JOY)),
        (Ink::Mark, Shape::Stroke(RIGHT_JOY)),
        (Ink::Mark, Shape::Polygon(GRIN)),
    ],
    &[HEAD, LEFT_EYE, RIGHT_EYE, (Ink::Mark, Shape::Stroke(FLAT))],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_a_name() {
        assert_eq!(SHAPES.len(), SHAPE_NAMES.len());
        assert_eq!(FACES.len(), MOOD_NAMES.len());
    }
}
