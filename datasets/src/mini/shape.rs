//! The drawing primitives: shapes known by their signed distance, and the pose that places them in a picture.
//!
//! Only `+ - * /`, `sqrt` and comparisons are used on the way to a pixel. All of them are correctly rounded, so that
//! the pictures are the same bytes on every machine; `sin` and `cos` of the platform would not be.

use super::dice::Dice;

/// A place in the plane: x to the right, y downwards.
pub type Point = (f32, f32);

/// A shape in its own coordinates, in which a figure fills about the square from -1 to 1.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A filled circle: centre and radius.
    Disc(Point, f32),
    /// A circle line: centre, radius and half the line's width.
    Ring(Point, f32, f32),
    /// An axis-parallel rectangle: centre and half its sides.
    Rect(Point, Point),
    /// The first circle without the second: centres and radii.
    Crescent(Point, f32, Point, f32),
    /// An open stroke through the points.
    Stroke(&'static [Point]),
    /// A closed polygon.
    Polygon(&'static [Point]),
}

impl Shape {
    /// Signed distance of `p` to the edge, negative inside; strokes are `half_width` to each side.
    pub fn distance(&self, p: Point, half_width: f32) -> f32 {
        match *self {
            Self::Disc(centre, radius) => length(minus(p, centre)) - radius,
            Self::Ring(centre, radius, half) => (length(minus(p, centre)) - radius).abs() - half,
            Self::Rect(centre, half) => rect(minus(p, centre), half),
            Self::Crescent(centre, radius, bite, bitten) => {
                (length(minus(p, centre)) - radius).max(bitten - length(minus(p, bite)))
            }
            Self::Stroke(points) => stroke(points, p) - half_width,
            Self::Polygon(points) => polygon(points, p),
        }
    }

    /// Whether the shape is a line already, so that an outline of it would be two lines.
    pub fn is_line(&self) -> bool {
        matches!(self, Self::Stroke(_) | Self::Ring(..))
    }
}

/// Where and how a figure stands in the picture.
#[derive(Clone, Copy, Debug)]
pub struct Pose {
    /// The middle of the figure in pixels.
    pub centre: Point,
    /// Pixels per unit of the figure.
    pub scale: f32,
    /// Cosine and sine of the rotation.
    pub turn: Point,
    /// How far x moves per unit of y, as in italics.
    pub slant: f32,
    /// How far y swings along x, as in a flag in the wind.
    pub wave: f32,
    /// Height by width.
    pub stretch: f32,
}

impl Pose {
    /// An upright figure.
    pub fn upright(centre: Point, scale: f32) -> Self {
        Self { centre, scale, turn: (1.0, 0.0), slant: 0.0, wave: 0.0, stretch: 1.0 }
    }

    /// The same pose, turned clockwise on top of its own turn; `by` is the cosine and sine of the angle.
    pub fn turned(self, by: Point) -> Self {
        let (cosine, sine) = self.turn;
        Self { turn: (cosine * by.0 - sine * by.1, sine * by.0 + cosine * by.1), ..self }
    }

    /// The figure's coordinates of a pixel's centre.
    pub fn to_figure(self, pixel: Point) -> Point {
        let (dx, dy) = minus(pixel, self.centre);
        let (cosine, sine) = self.turn;
        let x = (cosine * dx + sine * dy) / self.scale;
        let y = (cosine * dy - sine * dx) / (self.scale * self.stretch);
        (x + self.slant * y, y + self.wave * swing(x))
    }

    /// A small random turn, slant and stretch on top of this pose.
    pub fn loosened(self, dice: &mut Dice, half_tangent: f32, slant: f32) -> Self {
        let turned = self.turned(small_turn(dice.around(half_tangent)));
        Self { slant: dice.around(slant), stretch: dice.between((0.88, 1.14)), ..turned }
    }
}

/// Cosine and sine of the angle whose half has the given tangent, without a call of either.
pub fn small_turn(half_tangent: f32) -> Point {
    let square = half_tangent * half_tangent;
    ((1.0 - square) / (1.0 + square), 2.0 * half_tangent / (1.0 + square))
}

/// A smooth wave of period 2 and height 1 made of parabolas.
fn swing(x: f32) -> f32 {
    let phase = x - 2.0 * (x * 0.5 + 0.5).floor();
    4.0 * phase * (1.0 - phase.abs())
}

fn minus(a: Point, b: Point) -> Point {
    (a.0 - b.0, a.1 - b.1)
}

fn dot(a: Point, b: Point) -> f32 {
    a.0 * b.0 + a.1 * b.1
}

/// The length of a vector.
pub fn length(p: Point) -> f32 {
    dot(p, p).sqrt()
}

fn rect(p: Point, half: Point) -> f32 {
    let outside = (p.0.abs() - half.0, p.1.abs() - half.1);
    length((outside.0.max(0.0), outside.1.max(0.0))) + outside.0.max(outside.1).min(0.0)
}

fn squared_to_segment(p: Point, a: Point, b: Point) -> f32 {
    let (along, to) = (minus(b, a), minus(p, a));
    let share = (dot(to, along) / dot(along, along).max(1e-9)).clamp(0.0, 1.0);
    let gap = (to.0 - share * along.0, to.1 - share * along.1);
    dot(gap, gap)
}

fn stroke(points: &[Point], p: Point) -> f32 {
    let squared = points.windows(2).map(|pair| squared_to_segment(p, pair[0], pair[1]));
    squared.fold(f32::MAX, f32::min).sqrt()
}

/// The nearest edge gives the distance, the parity of the edges crossed to the right of `p` the sign.
fn polygon(points: &[Point], p: Point) -> f32 {
    let (mut nearest, mut inside) = (f32::MAX, false);
    let mut previous = points[points.len() - 1];
    for &point in points {
        nearest = nearest.min(squared_to_segment(p, previous, point));
        if (point.1 > p.1) != (previous.1 > p.1) {
            let crossing = point.0 + (p.1 - point.1) * (previous.0 - point.0) / (previous.1 - point.1);
            inside ^= p.0 < crossing;
        }
        previous = point;
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: &[Point] = &[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];

    fn close(a: f32, b: f32) {
        assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    }

    #[test]
    fn a_rectangle_and_a_polygon_agree() {
        for p in [(0.0, 0.0), (0.5, 0.2), (3.0, 0.0), (2.0, 2.0), (-1.5, 0.3)] {
            let rect = Shape::Rect((0.0, 0.0), (1.0, 1.0)).distance(p, 0.0);
            close(Shape::Polygon(SQUARE).distance(p, 0.0), rect);
        }
    }

    #[test]
    fn distances_are_those_on_paper() {
        close(Shape::Disc((0.0, 0.0), 1.0).distance((3.0, 4.0), 0.0), 4.0);
        close(Shape::Ring((0.0, 0.0), 1.0, 0.25).distance((0.0, 0.0), 0.0), 0.75);
        close(Shape::Stroke(&[(0.0, 0.0), (2.0, 0.0)]).distance((1.0, 1.0), 0.25), 0.75);
    }

    #[test]
    fn a_quarter_turn_brings_right_to_down() {
        let (x, y) = Pose::upright((16.0, 16.0), 2.0).turned(small_turn(1.0)).to_figure((16.0, 18.0));
        close(x, 1.0);
        close(y, 0.0);
    }
}
