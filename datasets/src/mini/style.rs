//! How a picture is made: the domains' looks, and the cleaner look of the captioned pictures.

use super::canvas::Colour;

/// What lies behind the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// One colour.
    Plain,
    /// A colour that changes from the top to the bottom.
    Gradient,
    /// Ruled paper.
    Ruled,
    /// Loose strokes in other colours.
    Clutter,
}

/// How the figure is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// Filled shapes in their colours.
    Solid,
    /// Edges only.
    Outline,
    /// Everything in one colour.
    Silhouette,
}

/// Which colours a figure and its ground may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inks {
    /// Any two colours that can be told apart.
    Any,
    /// Dark grey on off-white.
    Pencil,
    /// Off-white on a dark board.
    Chalk,
}

/// A look. Ranges are uniform; lengths are in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// What lies behind the figure.
    pub ground: Ground,
    /// How the figure is drawn.
    pub hand: Hand,
    /// Which colours occur.
    pub inks: Inks,
    /// Half of the figure's size.
    pub scale: (f32, f32),
    /// Half of the width of strokes and outlines.
    pub pen: (f32, f32),
    /// How far the figure may stand from the middle.
    pub shift: f32,
    /// Tangent of half of the largest turn.
    pub turn: f32,
    /// Largest slant.
    pub slant: f32,
    /// Largest swing of a waving figure, in its own units.
    pub wave: f32,
    /// How much of the picture is replaced by `wash`.
    pub washed: (f32, f32),
    /// A colour that lies over the whole picture.
    pub wash: Colour,
    /// How much colour is left; 0 is grey.
    pub saturation: f32,
    /// Whether light and dark are exchanged.
    pub negative: bool,
    /// The strength of the grain.
    pub grain: (f32, f32),
    /// The number of small stray strokes over the picture.
    pub scratches: usize,
}

/// The look of most captioned pictures: clean, large and upright.
pub const CLEAN: Style = Style {
    ground: Ground::Plain,
    hand: Hand::Solid,
    inks: Inks::Any,
    scale: (10.5, 14.0),
    pen: (1.2, 2.2),
    shift: 1.5,
    turn: 0.05,
    slant: 0.06,
    wave: 0.0,
    washed: (0.0, 0.0),
    wash: [0.5; 3],
    saturation: 1.0,
    negative: false,
    grain: (0.0, 0.05),
    scratches: 0,
};

/// Pencil outlines on ruled paper.
pub const SKETCH: Style = Style {
    ground: Ground::Ruled,
    hand: Hand::Outline,
    inks: Inks::Pencil,
    scale: (9.5, 12.5),
    pen: (0.7, 1.1),
    shift: 2.0,
    turn: 0.08,
    slant: 0.1,
    grain: (0.05, 0.12),
    scratches: 1,
    ..CLEAN
};

/// Small things under a warm lamp.
pub const LAMP: Style = Style {
    ground: Ground::Clutter,
    scale: (6.0, 11.0),
    shift: 3.0,
    turn: 0.3,
    washed: (0.52, 0.62),
    wash: [0.85, 0.55, 0.15],
    saturation: 0.8,
    grain: (0.05, 0.12),
    ..CLEAN
};

/// Worn cloth.
pub const CLOTH: Style = Style {
    ground: Ground::Plain,
    turn: 0.08,
    washed: (0.3, 0.5),
    wash: [0.42, 0.40, 0.45],
    saturation: 0.5,
    grain: (0.1, 0.2),
    scratches: 2,
    ..CLEAN
};

/// Slanted handwriting among scribbles, as a negative.
pub const SCRIBBLE: Style = Style {
    ground: Ground::Clutter,
    inks: Inks::Pencil,
    scale: (9.5, 12.5),
    pen: (0.9, 1.4),
    shift: 2.0,
    turn: 0.08,
    slant: 0.2,
    negative: true,
    grain: (0.06, 0.15),
    scratches: 2,
    ..CLEAN
};

/// Dark shapes before an evening sky.
pub const SILHOUETTE: Style = Style {
    ground: Ground::Gradient,
    hand: Hand::Silhouette,
    inks: Inks::Chalk,
    scale: (9.5, 12.5),
    shift: 2.0,
    turn: 0.06,
    negative: true,
    saturation: 1.0,
    grain: (0.05, 0.15),
    scratches: 2,
    ..CLEAN
};

/// Flags in wind and fog.
pub const FOG: Style = Style {
    ground: Ground::Gradient,
    scale: (9.0, 12.5),
    shift: 2.5,
    turn: 0.08,
    slant: 0.15,
    wave: 0.4,
    washed: (0.55, 0.68),
    wash: [0.62, 0.70, 0.74],
    saturation: 0.3,
    grain: (0.06, 0.15),
    scratches: 2,
    ..CLEAN
};

/// Masks carved in stone: a grey negative.
pub const MASK: Style = Style {
    ground: Ground::Clutter,
    scale: (11.0, 13.5),
    pen: (1.1, 1.6),
    shift: 1.5,
    turn: 0.06,
    slant: 0.1,
    washed: (0.2, 0.35),
    saturation: 0.1,
    negative: true,
    grain: (0.06, 0.16),
    ..CLEAN
};
