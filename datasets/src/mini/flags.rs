//! Flags of ten countries.

use super::canvas::Colour;
use super::figures::{Figure, Ink, Layer};
use super::palette::exact;
use super::shape::Shape;

/// The countries, in the order of their labels.
pub const FLAG_NAMES: &[&str] =
    &["france", "italy", "belgium", "germany", "russia", "japan", "sweden", "ukraine", "poland", "switzerland"];

const RED: Colour = exact(0);
const YELLOW: Colour = exact(2);
const GREEN: Colour = exact(3);
const BLUE: Colour = exact(4);
const BLACK: Colour = exact(8);
const WHITE: Colour = exact(9);

const fn part(colour: Colour, centre: (f32, f32), half: (f32, f32)) -> Layer {
    (Ink::Fixed(colour), Shape::Rect(centre, half))
}

const fn whole(colour: Colour) -> Layer {
    part(colour, (0.0, 0.0), (1.0, 0.72))
}

const fn left(colour: Colour) -> Layer {
    part(colour, (-0.667, 0.0), (0.333, 0.72))
}

const fn right(colour: Colour) -> Layer {
    part(colour, (0.667, 0.0), (0.333, 0.72))
}

const fn top(colour: Colour) -> Layer {
    part(colour, (0.0, -0.48), (1.0, 0.24))
}

const fn bottom(colour: Colour) -> Layer {
    part(colour, (0.0, 0.48), (1.0, 0.24))
}

/// The flags in the order of [`FLAG_NAMES`].
pub const FLAGS: &[Figure] = &[
    &[whole(WHITE), left(BLUE), right(RED)],
    &[whole(WHITE), left(GREEN), right(RED)],
    &[whole(YELLOW), left(BLACK), right(RED)],
    &[whole(RED), top(BLACK), bottom(YELLOW)],
    &[whole(BLUE), top(WHITE), bottom(RED)],
    &[whole(WHITE), (Ink::Fixed(RED), Shape::Disc((0.0, 0.0), 0.42))],
    &[whole(BLUE), part(YELLOW, (-0.3, 0.0), (0.15, 0.72)), part(YELLOW, (0.0, 0.0), (1.0, 0.14))],
    &[whole(YELLOW), part(BLUE, (0.0, -0.36), (1.0, 0.36))],
    &[whole(RED), part(WHITE, (0.0, -0.36), (1.0, 0.36))],
    &[whole(RED), part(WHITE, (0.0, 0.0), (0.14, 0.5)), part(WHITE, (0.0, 0.0), (0.5, 0.15))],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_country() {
        assert_eq!(FLAGS.len(), FLAG_NAMES.len());
    }
}
