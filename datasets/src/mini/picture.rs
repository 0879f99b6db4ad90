//! Draws a concept in a style.

use image::RgbImage;

use super::canvas::{Canvas, Colour, luma, mix};
use super::dice::Dice;
use super::figures::{FACES, Figure, Ink, SHAPES};
use super::flags::FLAGS;
use super::glyphs::{DIGITS, Glyph};
use super::objects::OBJECTS;
use super::palette;
use super::patterns;
use super::shape::{Pose, Shape, small_turn};
use super::style::{Ground, Hand, Inks, Style};

/// What kind of thing a picture shows; each kind is one domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A plane shape.
    Shape,
    /// Any shape in a given colour.
    Colour,
    /// A pattern over the whole picture.
    Pattern,
    /// A digit.
    Digit,
    /// An everyday thing.
    Object,
    /// A flag.
    Flag,
    /// A face with a mood.
    Face,
}

/// A concept with the colours that a caption may name.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The kind of thing.
    pub kind: Kind,
    /// Which of its kind.
    pub label: usize,
    /// The label of the figure's colour.
    pub colour: usize,
    /// The label of the ground's colour.
    pub ground: usize,
    /// For [`Kind::Colour`], which shape carries the colour.
    pub carrier: usize,
}

impl Subject {
    /// A concept with random colours.
    pub fn random(dice: &mut Dice, kind: Kind, label: usize) -> Self {
        let colour = if kind == Kind::Colour { label } else { dice.below(palette::COLOUR_NAMES.len()) };
        let ground = palette::another(dice, &[colour]);
        Self { kind, label, colour, ground, carrier: dice.below(SHAPES.len()) }
    }
}

/// The colours of one picture.
struct Paints {
    main: Colour,
    second: Colour,
    ground: Colour,
}

impl Paints {
    fn new(dice: &mut Dice, subject: &Subject, inks: Inks) -> Self {
        let second = palette::another(dice, &[subject.colour, subject.ground]);
        let [main, second, ground] = [subject.colour, second, subject.ground].map(|label| palette::shade(dice, label));
        let (dark, light) = (dice.between((0.05, 0.3)), dice.between((0.8, 1.0)));
        match inks {
            Inks::Any => Self { main, second, ground },
            Inks::Pencil => Self { main: [dark; 3], second: [dark; 3], ground: [light, light, light - 0.06] },
            Inks::Chalk => Self { main: [light; 3], second: [light; 3], ground: mix([0.12, 0.2, 0.16], ground, dark) },
        }
    }

    fn of(&self, ink: Ink) -> Colour {
        match ink {
            Ink::Main => self.main,
            Ink::Second => self.second,
            Ink::Mark if luma(self.main) > 0.4 => [0.08; 3],
            Ink::Mark => [0.92; 3],
            Ink::Fixed(colour) => colour,
        }
    }
}

/// Draws one subject.
pub fn draw(dice: &mut Dice, subject: &Subject, style: &Style) -> RgbImage {
    let mut canvas = backdrop(dice, subject, style);
    finish(dice, &mut canvas, style);
    canvas.finish()
}

/// Draws two subjects side by side; the ground is the first one's.
pub fn draw_pair(dice: &mut Dice, left: &Subject, right: &Subject, style: &Style) -> RgbImage {
    let paints = Paints::new(dice, left, style.inks);
    let mut canvas = ground(dice, &paints, style.ground);
    for (subject, x) in [(left, 8.5), (right, 23.5)] {
        let paints = Paints { ground: paints.ground, ..Paints::new(dice, subject, style.inks) };
        let pose = Pose::upright((x, 16.0 + dice.around(3.0)), dice.between((5.5, 7.2)));
        let pose = pose.loosened(dice, style.turn, style.slant);
        place(&mut canvas, dice, subject, &paints, style, pose);
    }
    finish(dice, &mut canvas, style);
    canvas.finish()
}

fn backdrop(dice: &mut Dice, subject: &Subject, style: &Style) -> Canvas {
    let paints = Paints::new(dice, subject, style.inks);
    let mut canvas = ground(dice, &paints, style.ground);
    let centre = (16.0 + dice.around(style.shift), 16.0 + dice.around(style.shift));
    let pose = Pose::upright(centre, dice.between(style.scale)).loosened(dice, style.turn, style.slant);
    let pose = Pose { wave: dice.around(style.wave), ..pose };
    place(&mut canvas, dice, subject, &paints, style, pose);
    canvas
}

fn place(canvas: &mut Canvas, dice: &mut Dice, subject: &Subject, paints: &Paints, style: &Style, pose: Pose) {
    let pen = dice.between(style.pen) / pose.scale;
    match subject.kind {
        Kind::Shape => figure(canvas, SHAPES[subject.label], paints, style, pose, pen),
        Kind::Colour => figure(canvas, SHAPES[subject.carrier], paints, style, pose, pen),
        Kind::Object => figure(canvas, OBJECTS[subject.label], paints, style, pose, pen),
        Kind::Flag => figure(canvas, FLAGS[subject.label], paints, style, pose, pen),
        Kind::Face => figure(canvas, FACES[subject.label], paints, style, pose, pen),
        Kind::Digit => glyph(canvas, DIGITS[subject.label], paints.main, pose, pen),
        Kind::Pattern => pattern(canvas, dice, subject.label, paints.main, pose),
    }
}

fn figure(canvas: &mut Canvas, figure: Figure, paints: &Paints, style: &Style, pose: Pose, pen: f32) {
    for &(ink, ref shape) in figure {
        let colour = if style.hand == Hand::Silhouette { paints.main } else { paints.of(ink) };
        if style.hand == Hand::Outline && !shape.is_line() {
            canvas.fill(shape, pose, pen, paints.ground);
            canvas.outline(shape, pose, pen, paints.main);
        } else {
            canvas.fill(shape, pose, pen, colour);
        }
    }
}

fn glyph(canvas: &mut Canvas, glyph: Glyph, colour: Colour, pose: Pose, pen: f32) {
    for shape in glyph {
        canvas.fill(shape, pose, pen, colour);
    }
}

fn pattern(canvas: &mut Canvas, dice: &mut Dice, label: usize, colour: Colour, pose: Pose) {
    let period = dice.between((7.0, 10.0));
    let mirror = dice.pick(&[-1.0, 1.0]);
    let pose = Pose { scale: period, slant: 0.0, stretch: 1.0, ..pose };
    canvas.each(|pixel, under| {
        let (u, v) = pose.to_figure(pixel);
        let coverage = 0.5 - patterns::distance(label, (u * mirror, v)) * period;
        mix(under, colour, coverage.clamp(0.0, 1.0))
    });
}

fn ground(dice: &mut Dice, paints: &Paints, kind: Ground) -> Canvas {
    let mut canvas = Canvas::plain(paints.ground);
    let darker = mix(paints.ground, [0.35, 0.45, 0.6], 0.4);
    match kind {
        Ground::Plain => {}
        Ground::Gradient => canvas.each(|(_, y), under| mix(under, darker, y / 32.0)),
        Ground::Ruled => {
            let (gap, start) = (dice.between((4.5, 7.0)), dice.between((0.0, 5.0)));
            for line in 0..6 {
                let shape = Shape::Rect((16.0, start + gap * line as f32), (16.0, 0.35));
                canvas.fill(&shape, PIXELS, 0.0, darker);
            }
        }
        Ground::Clutter => {
            for _ in 0..5 {
                let colour = mix(paints.ground, random_colour(dice), dice.between((0.15, 0.5)));
                scratch(&mut canvas, dice, 7.0, colour);
            }
        }
    }
    canvas
}

/// Figure coordinates that are pixels.
const PIXELS: Pose = Pose { centre: (0.0, 0.0), scale: 1.0, turn: (1.0, 0.0), slant: 0.0, wave: 0.0, stretch: 1.0 };

fn random_colour(dice: &mut Dice) -> Colour {
    [dice.unit(), dice.unit(), dice.unit()]
}

fn scratch(canvas: &mut Canvas, dice: &mut Dice, reach: f32, colour: Colour) {
    let centre = (dice.between((0.0, 32.0)), dice.between((0.0, 32.0)));
    let half = (dice.between((0.3, 1.0)) * reach, dice.between((0.3, 0.7)));
    let pose = Pose::upright(centre, 1.0).turned(small_turn(dice.around(1.0)));
    canvas.fill(&Shape::Rect((0.0, 0.0), half), pose, 0.0, colour);
}

fn finish(dice: &mut Dice, canvas: &mut Canvas, style: &Style) {
    for _ in 0..style.scratches {
        let colour = random_colour(dice);
        scratch(canvas, dice, 3.5, colour);
    }
    let washed = dice.between(style.washed);
    canvas.each(|_, colour| {
        let toned = mix([luma(colour); 3], colour, style.saturation);
        let seen = if style.negative { toned.map(|channel| 1.0 - channel) } else { toned };
        mix(seen, style.wash, washed)
    });
    let strength = dice.between(style.grain);
    canvas.grain(dice, strength);
}
