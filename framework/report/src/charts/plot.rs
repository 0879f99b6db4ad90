use maud::{Markup, html};

use super::{
    colour::LINES,
    drawing::{Drawing, cut, number, text_width},
    scale::{Scale, tick},
};

/// Room for the title, the numbers and the axes.
const TOP: f64 = 26.0;
const RIGHT: f64 = 12.0;
const BOTTOM: f64 = 38.0;
/// Height of small texts.
const TEXT: f64 = 11.0;
/// From this many points on, marks would cover the line.
const MOST_MARKS: usize = 26;

/// From this many lines on, bands would cover each other.
const MOST_BANDS: usize = 5;

/// Lines over a common horizontal axis.
pub(crate) struct Plot {
    /// What is shown.
    pub title: String,
    /// Width of the paper.
    pub width: f64,
    /// Height of the paper.
    pub height: f64,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The lines, the last one on top.
    pub lines: Vec<Line>,
    /// Places that are marked on the horizontal axis.
    pub borders: Vec<Border>,
}

/// An axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// What it measures.
    pub label: String,
    /// Smallest and largest value.
    pub domain: (f64, f64),
    /// Values with a number.
    pub ticks: Vec<f64>,
    /// Whether it is logarithmic.
    pub log: bool,
}

/// A line with a band around it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// What it is, for whoever points at it.
    pub label: String,
    /// Its look.
    pub style: Style,
    /// Its points from left to right; one whose `y` is not a number interrupts it.
    pub points: Vec<Point>,
}

/// A point of a line.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    /// Place on the horizontal axis.
    pub x: f64,
    /// Value.
    pub y: f64,
    /// Lower and upper border of the band.
    pub band: Option<(f64, f64)>,
    /// Text for whoever points at it.
    pub tip: Option<String>,
}

/// A vertical line, and what begins there.
#[derive(Debug, Clone)]
pub(crate) struct Border {
    /// Place on the horizontal axis.
    pub x: f64,
    /// Where the next one is.
    pub end: f64,
    /// Name of what begins there.
    pub name: String,
}

/// The look of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// One of several things that are compared, by position.
    Series(usize),
    /// What they are compared with.
    Reference,
}

impl Style {
    /// Its class, which has the colour.
    pub fn class(self) -> String {
        match self {
            Self::Series(position) => format!("s{}", position % LINES),
            Self::Reference => "reference".to_owned(),
        }
    }

    /// Classes of its line. The first round of colours is solid, the second dashed, the third dotted.
    fn line(self) -> &'static str {
        match self {
            Self::Series(position) => ["line", "line dashed", "line dotted"][position / LINES % 3],
            Self::Reference => "line thin dashed",
        }
    }

    /// Outline of its mark around a place; the reference has none.
    fn mark(self, x: f64, y: f64) -> Option<String> {
        let Self::Series(position) = self else { return None };
        // Radii that give about equal areas.
        let shape: &[(f64, f64)] = match position % 4 {
            1 => &[(-2.8, -2.8), (2.8, -2.8), (2.8, 2.8), (-2.8, 2.8)],
            2 => &[(0.0, -4.0), (3.7, 2.8), (-3.7, 2.8)],
            3 => &[(0.0, -4.2), (4.2, 0.0), (0.0, 4.2), (-4.2, 0.0)],
            _ => return Some(circle(x, y, 3.2)),
        };
        let corners: Vec<String> =
            shape.iter().map(|(dx, dy)| format!("{} {}", number(x + dx), number(y + dy))).collect();
        Some(format!("M{}Z", corners.join("L")))
    }

    /// A short piece of the line with its mark, for a legend.
    pub fn sample(self, x: f64, y: f64) -> Markup {
        html! {
            g class=(self.class()) {
                path class=(self.line()) d=(format!("M{} {}h26", number(x), number(y))) {}
                @if let Some(mark) = self.mark(x + 13.0, y) { path.mark d=(mark) {} }
            }
        }
    }
}

fn circle(x: f64, y: f64, radius: f64) -> String {
    let (left, top, size) = (number(x - radius), number(y), number(2.0 * radius));
    format!("M{left} {top}a{radius} {radius} 0 1 0 {size} 0a{radius} {radius} 0 1 0 -{size} 0Z")
}

impl Plot {
    /// The plot as a drawing.
    pub fn draw(&self) -> Drawing {
        let widest = self.y.ticks.iter().map(|value| text_width(&tick(*value), TEXT)).fold(0.0, f64::max);
        let left = widest + 12.0;
        let x = Scale { domain: self.x.domain, range: (left, self.width - RIGHT), log: self.x.log };
        let y = Scale { domain: self.y.domain, range: (self.height - BOTTOM, TOP + 12.0), log: self.y.log };
        let body = html! {
            text.heading x="2" y="14" { (cut(&self.title, ((self.width - 8.0) / 7.4) as usize)) }
            (self.horizontal_lines(&x, &y))
            (self.borders(&x, &y))
            (self.horizontal_axis(&x, &y))
            @let band = if self.lines.len() > MOST_BANDS { "band faint" } else { "band" };
            @for line in &self.lines { (line.band(&x, &y, band)) }
            @for line in &self.lines { (line.draw(&x, &y)) }
        };
        let label = format!("{}: {} over {}", self.title, self.y.label, self.x.label);
        Drawing { width: self.width, height: self.height, label, body }
    }

    fn horizontal_lines(&self, x: &Scale, y: &Scale) -> Markup {
        let (left, right) = (number(x.range.0), number(x.range.1));
        html! {
            @for value in &self.y.ticks {
                @let place = y.at(*value);
                line.grid x1=(left) x2=(right) y1=(number(place)) y2=(number(place)) {}
                text.end x=(number(x.range.0 - 5.0)) y=(number(place + 3.8)) { (tick(*value)) }
            }
        }
    }

    fn horizontal_axis(&self, x: &Scale, y: &Scale) -> Markup {
        let bottom = y.range.0;
        html! {
            line.axis x1=(number(x.range.0)) x2=(number(x.range.1)) y1=(number(bottom)) y2=(number(bottom)) {}
            @for value in &self.x.ticks {
                text.middle x=(number(x.at(*value))) y=(number(bottom + 14.0)) { (tick(*value)) }
            }
            text.middle x=(number(f64::midpoint(x.range.0, x.range.1))) y=(number(bottom + 30.0)) { (self.x.label) }
        }
    }

    /// Vertical lines, with their names where all of them have room.
    fn borders(&self, x: &Scale, y: &Scale) -> Markup {
        let fits = |border: &Border| text_width(&border.name, 9.0) <= x.at(border.end) - x.at(border.x);
        let named = self.borders.iter().all(fits);
        html! {
            @for border in &self.borders {
                @let place = x.at(border.x);
                line.border x1=(number(place)) x2=(number(place)) y1=(number(y.range.1 - 14.0)) y2=(number(y.range.0)) {
                    title { (border.name) }
                }
                @if named {
                    text.small.middle x=(number(f64::midpoint(place, x.at(border.end)))) y=(number(y.range.1 - 6.0)) { (border.name) }
                }
            }
        }
    }
}

impl Line {
    /// Runs of points without a gap.
    fn pieces(&self) -> impl Iterator<Item = &[Point]> {
        self.points.split(|point| !point.y.is_finite()).filter(|piece| !piece.is_empty())
    }

    fn band(&self, x: &Scale, y: &Scale, class: &str) -> Markup {
        // A mean plus a deviation may leave the axis.
        let place =
            |at: f64, value: f64| format!("{} {}", number(x.at(at)), number(y.at(value.clamp(y.domain.0, y.domain.1))));
        let outline = |piece: &[Point]| {
            let upper = piece.iter().filter_map(|point| Some(place(point.x, point.band?.1)));
            let lower = piece.iter().rev().filter_map(|point| Some(place(point.x, point.band?.0)));
            upper.chain(lower).collect::<Vec<_>>()
        };
        html! {
            @for outline in self.pieces().map(outline).filter(|outline| outline.len() > 2) {
                path class=(format!("{class} {}", self.style.class())) d=(format!("M{}Z", outline.join("L"))) {}
            }
        }
    }

    fn draw(&self, x: &Scale, y: &Scale) -> Markup {
        let place = |point: &Point| format!("{} {}", number(x.at(point.x)), number(y.at(point.y)));
        let path = |piece: &[Point]| format!("M{}", piece.iter().map(place).collect::<Vec<_>>().join("L"));
        let known = || self.points.iter().filter(|point| point.y.is_finite());
        // A piece of one point would be invisible.
        let marks = known().count() <= MOST_MARKS && self.points.iter().any(|point| point.tip.is_some());
        html! {
            g class=(self.style.class()) {
                @for piece in self.pieces() {
                    path class=(self.style.line()) d=(path(piece)) { title { (self.label) } }
                }
                @for point in known().filter(|point| point.tip.is_some()) {
                    g {
                        @if let (true, Some(mark)) = (marks, self.style.mark(x.at(point.x), y.at(point.y))) { path.mark d=(mark) {} }
                        circle.hit cx=(number(x.at(point.x))) cy=(number(y.at(point.y))) r="6" {}
                        @if let Some(tip) = &point.tip { title { (tip) } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, y: f64) -> Point {
        Point { x, y, band: Some((y - 1.0, y + 1.0)), tip: Some(format!("{y} < 100")) }
    }

    fn plot(points: Vec<Point>) -> String {
        let axis = Axis { label: "<x>".into(), domain: (0.0, 10.0), ticks: vec![0.0, 10.0], log: false };
        let line = Line { label: "a & b".into(), style: Style::Series(9), points };
        let border = |name: &str| Border { x: 0.0, end: 10.0, name: name.into() };
        let plot = Plot {
            title: "t".into(),
            width: 200.0,
            height: 100.0,
            x: axis.clone(),
            y: axis,
            lines: vec![line],
            borders: vec![border("first \"task\"")],
        };
        plot.draw().standalone()
    }

    #[test]
    fn a_value_that_is_not_a_number_interrupts_line_and_band() {
        let text = plot(vec![point(0.0, 1.0), point(1.0, 2.0), point(2.0, f64::NAN), point(3.0, 3.0), point(4.0, 4.0)]);
        assert_eq!(text.matches("class=\"line dashed\"").count(), 2, "{text}");
        assert_eq!(text.matches("class=\"band s1\"").count(), 2, "{text}");
        assert_eq!(text.matches("class=\"hit\"").count(), 4, "{text}");
        assert!(!text.contains("NaN"), "{text}");
    }

    #[test]
    fn everything_from_outside_is_escaped() {
        let text = plot(vec![point(0.0, 1.0)]);
        for part in ["&lt;x&gt;", "a &amp; b", "1 &lt; 100", "first &quot;task&quot;"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        resvg::usvg::Tree::from_str(&text, &resvg::usvg::Options::default()).unwrap();
    }

    #[test]
    fn styles_repeat_their_colours_with_other_lines() {
        let styles = [0, 8, 16].map(Style::Series);
        assert!(styles.iter().all(|style| style.class() == "s0"));
        assert_eq!(styles.map(Style::line), ["line", "line dashed", "line dotted"]);
        assert_eq!(Style::Reference.mark(0.0, 0.0), None);
    }
}
