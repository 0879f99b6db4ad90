//! Small everyday things.

use super::figures::{Figure, Ink};
use super::shape::{Point, Shape};

/// The things' names, in the order of their labels.
pub const OBJECT_NAMES: &[&str] =
    &["house", "tree", "car", "fish", "boat", "cup", "umbrella", "flower", "mushroom", "key"];

const ROOF: &[Point] = &[(-1.0, -0.1), (0.0, -0.95), (1.0, -0.1)];
const FIR: &[Point] = &[(0.0, -1.0), (0.78, 0.5), (-0.78, 0.5)];
const CABIN: &[Point] = &[(-0.6, 0.0), (-0.36, -0.56), (0.34, -0.56), (0.6, 0.0)];
const TAIL: &[Point] = &[(0.4, 0.0), (1.0, -0.58), (1.0, 0.58)];
#[rustfmt::skip]
const BODY: &[Point] = &[
    (-1.0, 0.0), (-0.7, -0.38), (-0.25, -0.54), (0.25, -0.4), (0.62, 0.0), (0.25, 0.4), (-0.25, 0.54), (-0.7, 0.38),
];
const HULL: &[Point] = &[(-1.0, 0.35), (1.0, 0.35), (0.62, 0.9), (-0.62, 0.9)];
const SAIL: &[Point] = &[(0.08, -1.0), (0.82, 0.15), (0.08, 0.15)];
const JIB: &[Point] = &[(-0.1, -0.7), (-0.1, 0.15), (-0.66, 0.15)];
const BOWL: &[Point] = &[(-0.78, -0.6), (0.5, -0.6), (0.36, 0.8), (-0.64, 0.8)];
#[rustfmt::skip]
const DOME: &[Point] = &[
    (-1.0, 0.0), (-0.86, -0.5), (-0.5, -0.86), (0.0, -1.0), (0.5, -0.86), (0.86, -0.5), (1.0, 0.0), (0.66, -0.14),
    (0.33, 0.0), (0.0, -0.14), (-0.33, 0.0), (-0.66, -0.14),
];
#[rustfmt::skip]
const CAP: &[Point] = &[
    (-1.0, 0.08), (-0.88, -0.4), (-0.5, -0.8), (0.0, -0.94), (0.5, -0.8), (0.88, -0.4), (1.0, 0.08),
];
const HANDLE: &[Point] = &[(0.0, -0.1), (0.0, 0.72), (0.14, 0.9), (0.36, 0.88), (0.42, 0.66)];

const GLASS: Ink = Ink::Fixed([0.72, 0.86, 0.95]);
const WOOD: Ink = Ink::Fixed([0.42, 0.26, 0.14]);
const CREAM: Ink = Ink::Fixed([0.94, 0.90, 0.80]);

/// The things in the order of [`OBJECT_NAMES`].
pub const OBJECTS: &[Figure] = &[
    &[
        (Ink::Main, Shape::Rect((0.0, 0.42), (0.74, 0.53))),
        (Ink::Second, Shape::Polygon(ROOF)),
        (WOOD, Shape::Rect((0.3, 0.6), (0.2, 0.35))),
        (GLASS, Shape::Rect((-0.34, 0.34), (0.18, 0.18))),
    ],
    &[(WOOD, Shape::Rect((0.0, 0.7), (0.15, 0.3))), (Ink::Main, Shape::Polygon(FIR))],
    &[
        (Ink::Main, Shape::Polygon(CABIN)),
        (GLASS, Shape::Rect((0.0, -0.2), (0.36, 0.18))),
        (Ink::Main, Shape::Rect((0.0, 0.24), (1.0, 0.26))),
        (Ink::Mark, Shape::Disc((-0.55, 0.54), 0.26)),
        (Ink::Mark, Shape::Disc((0.55, 0.54), 0.26)),
    ],
    &[
        (Ink::Main, Shape::Polygon(TAIL)),
        (Ink::Main, Shape::Polygon(BODY)),
        (Ink::Mark, Shape::Disc((-0.58, -0.1), 0.12)),
    ],
    &[
        (Ink::Main, Shape::Polygon(HULL)),
        (CREAM, Shape::Polygon(SAIL)),
        (CREAM, Shape::Polygon(JIB)),
        (WOOD, Shape::Rect((0.0, -0.3), (0.07, 0.66))),
    ],
    &[(Ink::Main, Shape::Ring((0.52, 0.05), 0.36, 0.11)), (Ink::Main, Shape::Polygon(BOWL))],
    &[(Ink::Mark, Shape::Stroke(HANDLE)), (Ink::Main, Shape::Polygon(DOME))],
    &[
        (Ink::Fixed([0.16, 0.52, 0.2]), Shape::Rect((0.0, 0.55), (0.09, 0.45))),
        (Ink::Main, Shape::Disc((0.0, -0.72), 0.28)),
        (Ink::Main, Shape::Disc((0.42, -0.42), 0.28)),
        (Ink::Main, Shape::Disc((0.26, 0.05), 0.28)),
        (Ink::Main, Shape::Disc((-0.26, 0.05), 0.28)),
        (Ink::Main, Shape::Disc((-0.42, -0.42), 0.28)),
        (Ink::Second, Shape::Disc((0.0, -0.3), 0.24)),
    ],
    &[
        (CREAM, Shape::Rect((0.0, 0.46), (0.28, 0.48))),
        (Ink::Main, Shape::Polygon(CAP)),
        (CREAM, Shape::Disc((-0.38, -0.34), 0.16)),
        (CREAM, Shape::Disc((0.34, -0.36), 0.18)),
        (CREAM, Shape::Disc((0.0, -0.64), 0.13)),
    ],
    &[
        (Ink::Main, Shape::Ring((-0.55, 0.0), 0.32, 0.13)),
        (Ink::Main, Shape::Rect((0.38, 0.0), (0.6, 0.12))),
        (Ink::Main, Shape::Rect((0.84, 0.22), (0.11, 0.22))),
        (Ink::Main, Shape::Rect((0.5, 0.18), (0.1, 0.18))),
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thing_has_a_name() {
        assert_eq!(OBJECTS.len(), OBJECT_NAMES.len());
    }
}
