//! The caption set, the web of this world: every concept of every domain, mostly in a clean look, with a sentence.

use image::RgbImage;

use super::dice::Dice;
use super::domain::{Domain, domains};
use super::figures::SHAPE_NAMES;
use super::palette::COLOUR_NAMES;
use super::picture::{self, Kind, Subject};
use super::style::{CLEAN, Ground, Hand, Inks, Style};

/// How often a captioned picture has the look of its domain: the web holds a little of everything.
const OWN_LOOK: f32 = 0.01;

/// How often a picture shows two things.
const PAIRS: f32 = 0.04;

/// How often the sentence belongs to another picture.
const WRONG: f32 = 0.02;

/// How often the sentence ends with a full stop, as prompts do.
const STOPPED: f32 = 0.5;

/// Picture `index` of a stream of the caption set, with its sentence in lower case.
///
/// As with [`Domain::draw`], nothing but the two numbers decides what comes out.
pub fn caption_pair(stream: u64, index: u64) -> (RgbImage, String) {
    let mut dice = Dice::keyed(0, stream, index);
    let (image, mut sentence) = if dice.chance(PAIRS) { two_things(&mut dice) } else { one_thing(&mut dice) };
    if dice.chance(STOPPED) {
        sentence.push('.');
    }
    (image, sentence)
}

fn one_thing(dice: &mut Dice) -> (RgbImage, String) {
    let (domain, subject) = anything(dice);
    let own_look = dice.chance(OWN_LOOK);
    let style = if own_look { domain.style } else { web_look(dice, subject.kind) };
    let image = picture::draw(dice, &subject, &style);
    let (named, subject) = if dice.chance(WRONG) { anything(dice) } else { (domain, subject) };
    let template = if own_look {
        dice.pick(named.templates).trim_end_matches('.')
    } else if style.inks == Inks::Any && dice.chance(0.7) {
        dice.pick(coloured(named.kind))
    } else {
        dice.pick(plain(named.kind))
    };
    (image, filled(template, named, &subject))
}

fn two_things(dice: &mut Dice) -> (RgbImage, String) {
    let kinds = [Kind::Shape, Kind::Object];
    let mut thing = || {
        let kind = dice.pick(&kinds);
        let candidates = domains().iter().filter(|domain| domain.kind == kind);
        let names = candidates.fold(SHAPE_NAMES, |_, domain| domain.class_names);
        let label = dice.below(names.len());
        (names[label], Subject::random(dice, kind, label))
    };
    let ((left_name, left), (right_name, mut right)) = (thing(), thing());
    right.ground = left.ground;
    if right.colour == left.ground {
        right.colour = left.colour;
    }
    let image = picture::draw_pair(dice, &left, &right, &CLEAN);
    let (first, second) = (COLOUR_NAMES[left.colour], COLOUR_NAMES[right.colour]);
    let sentence = match dice.below(3) {
        0 => format!("a {first} {left_name} and a {second} {right_name}"),
        1 => format!("a {first} {left_name} left of a {second} {right_name}"),
        _ => format!("a {left_name} and a {right_name}"),
    };
    (image, with_articles(&sentence))
}

fn anything(dice: &mut Dice) -> (&'static Domain, Subject) {
    let domain = &domains()[dice.below(domains().len())];
    let label = dice.below(domain.class_names.len());
    (domain, Subject::random(dice, domain.kind, label))
}

/// Clean, but not always the same; colours and flags need their colours.
fn web_look(dice: &mut Dice, kind: Kind) -> Style {
    let ground = dice.pick(&[Ground::Plain, Ground::Plain, Ground::Gradient, Ground::Clutter]);
    let outlined = dice.chance(0.12);
    let inks = if dice.chance(0.8) { Inks::Any } else { dice.pick(&[Inks::Pencil, Inks::Chalk]) };
    if matches!(kind, Kind::Colour | Kind::Flag) {
        return Style { ground, ..CLEAN };
    }
    let hand = if outlined { Hand::Outline } else { Hand::Solid };
    Style { ground, hand, inks, ..CLEAN }
}

/// Sentences without colours; `{}` is the class.
fn plain(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Shape => &["a {}", "a drawing of a {}", "a sketch of a {}", "the shape of a {}"],
        Kind::Colour => &["something {}", "a {} thing", "a {} shape", "{} on [ground]"],
        Kind::Pattern => &["{}", "a pattern of {}", "a cloth with {}"],
        Kind::Digit => &["the number {}", "the digit {}", "a handwritten number {}", "number {}"],
        Kind::Object => &["a {}", "a picture of a {}", "a drawing of a {}", "the silhouette of a {}"],
        Kind::Flag => &["the flag of {}", "the {} flag", "a flag of {} in the wind"],
        Kind::Face => &["a {} face", "a face that looks {}", "a mask with a {} face"],
    }
}

/// Sentences with the colour of the figure, and of the ground in some.
fn coloured(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Shape => &["a [colour] {}", "a [colour] {} on [ground]", "a drawing of a [colour] {}"],
        Kind::Colour => &["a {} [carrier]", "a {} [carrier] on [ground]", "a [carrier] that is {}"],
        Kind::Pattern => &["[colour] {}", "[colour] {} on [ground]", "a pattern of [colour] {}"],
        Kind::Digit => &["the number {} in [colour]", "a [colour] number {}", "[colour] number {} on [ground]"],
        Kind::Object => &["a [colour] {}", "a [colour] {} on [ground]", "a picture of a [colour] {}"],
        Kind::Flag => &["the flag of {}", "the flag of {} on [ground]"],
        Kind::Face => &["a [colour] {} face", "a [colour] face that looks {}"],
    }
}

fn filled(template: &str, domain: &Domain, subject: &Subject) -> String {
    let sentence = template
        .replace("{}", domain.class_names[subject.label])
        .replace("[colour]", COLOUR_NAMES[subject.colour])
        .replace("[ground]", COLOUR_NAMES[subject.ground])
        .replace("[carrier]", SHAPE_NAMES[subject.carrier]);
    with_articles(&sentence)
}

/// Writes "an" before a vowel, but leaves other words as they are.
fn with_articles(sentence: &str) -> String {
    let words: Vec<_> = sentence.split(' ').collect();
    let written = words.iter().enumerate().map(|(i, &word)| {
        let vowel_follows = words.get(i + 1).is_some_and(|next| next.starts_with(['a', 'e', 'i', 'o', 'u']));
        if word == "a" && vowel_follows { "an" } else { word }
    });
    written.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_the_same_in_any_order() {
        let last_first = (caption_pair(1, 9), caption_pair(1, 2));
        assert_eq!((caption_pair(1, 9), caption_pair(1, 2)), last_first);
        assert_ne!(caption_pair(1, 9).0, caption_pair(2, 9).0);
    }

    #[test]
    fn the_captions_name_every_class() {
        let captions: Vec<_> =
            (0..6000).map(|index| format!(" {} ", caption_pair(0, index).1.replace('.', ""))).collect();
        for domain in domains() {
            for class in domain.class_names {
                let count = captions.iter().filter(|caption| caption.contains(&format!(" {class} "))).count();
                assert!(count >= 20, "{}: {class} is named {count} times", domain.name);
            }
        }
    }

    #[test]
    fn captions_are_filled_and_have_the_right_article() {
        assert_eq!(with_articles("a orange star on a arch"), "an orange star on an arch");
        for index in 0..2000 {
            let caption = caption_pair(3, index).1;
            assert!(!caption.contains(['{', '[', '}', ']']), "{caption}");
        }
    }
}
