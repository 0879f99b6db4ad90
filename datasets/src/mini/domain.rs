//! The domains: seven small data sets, each with its own classes and its own look.

use image::RgbImage;

use super::dice::Dice;
use super::figures::{MOOD_NAMES, SHAPE_NAMES};
use super::flags::FLAG_NAMES;
use super::glyphs::DIGIT_NAMES;
use super::objects::OBJECT_NAMES;
use super::palette::COLOUR_NAMES;
use super::patterns::PATTERN_NAMES;
use super::picture::{self, Kind, Subject};
use super::style::{self, Style};

/// A small labelled image set.
#[derive(Clone, Copy, Debug)]
pub struct Domain {
    /// Kebab-case name.
    pub name: &'static str,
    /// One line on what it shows and how.
    pub summary: &'static str,
    /// The class names in the order of the labels.
    pub class_names: &'static [&'static str],
    /// Prompt templates with `{}` for the class name; the first one is for training.
    pub templates: &'static [&'static str],
    pub(super) kind: Kind,
    pub(super) style: Style,
}

/// All domains in their usual task order.
pub fn domains() -> &'static [Domain] {
    DOMAINS
}

impl Domain {
    /// Draws sample `index` of a stream (a split) as an example of class `label`.
    ///
    /// The picture depends on these three numbers and on the domain only, whatever was drawn before.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn draw(&self, stream: u64, index: u64, label: usize) -> RgbImage {
        assert!(label < self.class_names.len(), "{} has {} classes", self.name, self.class_names.len());
        // The caption set is place 0, so domains start at 1. The label is part of the place, so that two classes at
        // the same index do not share colours and noise.
        let place = 1 + self.kind as u64 + 256 * label as u64;
        let mut dice = Dice::keyed(place, stream, index);
        let subject = Subject::random(&mut dice, self.kind, label);
        picture::draw(&mut dice, &subject, &self.style)
    }
}

const DOMAINS: &[Domain] = &[
    Domain {
        name: "shapes",
        summary: "ten plane shapes, pencil outlines on ruled paper",
        class_names: SHAPE_NAMES,
        templates: &["a sketch of a {}.", "a drawing of a {}."],
        kind: Kind::Shape,
        style: style::SKETCH,
    },
    Domain {
        name: "colours",
        summary: "ten colours under a warm lamp",
        class_names: COLOUR_NAMES,
        templates: &["a {} thing under a lamp.", "a {} shape."],
        kind: Kind::Colour,
        style: style::LAMP,
    },
    Domain {
        name: "patterns",
        summary: "nine patterns on worn cloth",
        class_names: PATTERN_NAMES,
        templates: &["a cloth with {}.", "a pattern of {}."],
        kind: Kind::Pattern,
        style: style::CLOTH,
    },
    Domain {
        name: "digits",
        summary: "slanted handwritten digits among scribbles, as negatives",
        class_names: DIGIT_NAMES,
        templates: &["the handwritten number {}.", "the number {}."],
        kind: Kind::Digit,
        style: style::SCRIBBLE,
    },
    Domain {
        name: "objects",
        summary: "ten everyday things, dark before a bright sky",
        class_names: OBJECT_NAMES,
        templates: &["the silhouette of a {}.", "a picture of a {}."],
        kind: Kind::Object,
        style: style::SILHOUETTE,
    },
    Domain {
        name: "flags",
        summary: "ten flags in wind and fog",
        class_names: FLAG_NAMES,
        templates: &["the flag of {} in the wind.", "the flag of {}."],
        kind: Kind::Flag,
        style: style::FOG,
    },
    Domain {
        name: "faces",
        summary: "eight moods on grey masks",
        class_names: MOOD_NAMES,
        templates: &["a mask with a {} face.", "a {} face."],
        kind: Kind::Face,
        style: style::MASK,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mini::IMAGE_SIZE;

    #[test]
    fn a_sample_is_the_same_in_any_order() {
        for domain in domains() {
            let forward: Vec<_> = (0..4).map(|index| domain.draw(7, index, 1)).collect();
            let backward: Vec<_> = (0..4).rev().map(|index| domain.draw(7, index, 1)).collect();
            assert!(forward.iter().eq(backward.iter().rev()), "{}", domain.name);
        }
    }

    #[test]
    fn streams_indices_and_labels_give_different_pictures() {
        for domain in domains() {
            let picture = domain.draw(0, 0, 0);
            assert_eq!(picture.dimensions(), (IMAGE_SIZE, IMAGE_SIZE));
            assert_ne!(picture, domain.draw(1, 0, 0), "{}", domain.name);
            assert_ne!(picture, domain.draw(0, 1, 0), "{}", domain.name);
            assert_ne!(picture, domain.draw(0, 0, 1), "{}", domain.name);
        }
    }

    #[test]
    fn every_domain_has_six_classes_and_templates_with_a_place_for_the_name() {
        assert!(domains().len() >= 7);
        for domain in domains() {
            assert!(domain.class_names.len() >= 6, "{}", domain.name);
            assert!(domain.templates.iter().all(|template| template.contains("{}")), "{}", domain.name);
        }
    }
}
