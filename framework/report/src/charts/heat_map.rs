use maud::{Markup, html};

use super::{
    colour::heat,
    drawing::{Drawing, cut, number, text_width},
};
use crate::grid::decimal;

const TEXT: f64 = 11.0;
const LONGEST_NAME: usize = 20;
/// Sine and cosine of the angle of column names that do not fit across.
const SLANT: (f64, f64) = (0.643, 0.766);

/// An accuracy matrix: a row after every task, a column for every test set.
pub(crate) struct HeatMap<'a> {
    /// What is shown.
    pub title: String,
    /// Task names.
    pub tasks: &'a [String],
    /// Values in percent; the first row is that of the untouched model.
    pub rows: &'a [Vec<f64>],
    /// Values of the lightest and of the darkest colour.
    pub domain: (f64, f64),
}

/// Sizes that depend on the number of tasks.
struct Cells {
    width: f64,
    height: f64,
    /// Class of the numbers, where cells have room for them.
    numbers: Option<&'static str>,
    /// Every how many rows and columns have a name.
    every: usize,
}

impl Cells {
    fn of(tasks: usize) -> Self {
        match tasks {
            0..=14 => Self { width: 38.0, height: 24.0, numbers: Some("middle"), every: 1 },
            15..=24 => Self { width: 30.0, height: 19.0, numbers: Some("middle small"), every: 1 },
            _ => Self { width: 11.0, height: 11.0, numbers: None, every: tasks.div_ceil(25).max(2) },
        }
    }
}

impl HeatMap<'_> {
    /// The matrix as a drawing.
    pub fn draw(&self) -> Drawing {
        let cells = Cells::of(self.tasks.len());
        let names: Vec<String> = self.tasks.iter().map(|name| cut(name, LONGEST_NAME)).collect();
        let mut widths = names.iter().map(|name| text_width(name, TEXT));
        let widest = widths.clone().fold(0.0, f64::max);
        let slanted = widest > cells.width * cells.every as f64;
        let last = widths.next_back().unwrap_or(0.0);
        let longest = widest.max(text_width("zero-shot", TEXT));
        let left = longest + 10.0;
        let (over, beyond) = if slanted { (widest * SLANT.0 + 14.0, last * SLANT.1) } else { (16.0, 0.0) };
        let top = 22.0 + over;
        let origin = (left, top);
        let body = html! {
            text.heading x="2" y="14" { (cut(&self.title, 60)) }
            (column_names(&names, origin, &cells, slanted))
            @for row in 0..self.rows.len() {
                @if row == 0 || (row - 1) % cells.every == 0 {
                    text.end x=(number(left - 6.0)) y=(number(top + (row as f64 + 0.5) * cells.height + 3.8)) {
                        @if row == 0 { "zero-shot" } @else { (names[row - 1]) }
                    }
                }
                @for column in 0..self.tasks.len() { (self.cell(row, column, origin, &cells)) }
            }
            (self.borders(origin, &cells))
        };
        let width = left + self.tasks.len() as f64 * cells.width + beyond.max(4.0);
        let width = width.max(text_width(&self.title, 13.0) + 8.0);
        let height = top + self.rows.len() as f64 * cells.height + 4.0;
        Drawing { width, height, label: format!("accuracy matrix: {}", self.title), body }
    }

    fn cell(&self, row: usize, column: usize, (left, top): (f64, f64), cells: &Cells) -> Markup {
        let value = self.rows[row][column];
        let (x, y) = (left + column as f64 * cells.width, top + row as f64 * cells.height);
        let gap = if cells.numbers.is_some() { 1.0 } else { 0.5 };
        let (low, high) = self.domain;
        let (ground, ink) = heat((value - low) / (high - low).max(f64::MIN_POSITIVE));
        let place =
            (number(x + gap), number(y + gap), number(cells.width - 2.0 * gap), number(cells.height - 2.0 * gap));
        html! {
            @if value.is_nan() {
                rect.blank x=(place.0) y=(place.1) width=(place.2) height=(place.3) { title { (self.tip(row, column)) } }
            } @else {
                g {
                    rect x=(place.0) y=(place.1) width=(place.2) height=(place.3) rx="2" fill=(ground) {}
                    @if let Some(class) = cells.numbers {
                        @let class = if column >= row { format!("{class} transfer") } else { class.to_owned() };
                        text class=(class) x=(number(x + cells.width / 2.0)) y=(number(y + cells.height / 2.0 + 3.8))
                            style=(format!("fill:{ink}")) { (decimal(value)) }
                    }
                    title { (self.tip(row, column)) }
                }
            }
        }
    }

    fn tip(&self, row: usize, column: usize) -> String {
        let after = row
            .checked_sub(1)
            .map_or_else(|| "untouched model".to_owned(), |task| format!("after {}", self.tasks[task]));
        let state = match (row, column + 1) {
            (row, learned) if row == learned => "just learned",
            (row, learned) if row > learned => "learned before",
            _ => "not learned yet",
        };
        let value = self.rows[row][column];
        let value = if value.is_nan() { "not scored".to_owned() } else { format!("{value:.2} %") };
        format!("{after}, on {} ({state}): {value}", self.tasks[column])
    }

    /// The task just learned in every row, and the border to what is not learned yet.
    fn borders(&self, (left, top): (f64, f64), cells: &Cells) -> Markup {
        let rows = self.rows.len();
        let x = |column: usize| number(left + column as f64 * cells.width);
        let y = |row: usize| number(top + row as f64 * cells.height);
        let stairs: Vec<String> = (0..rows).map(|row| format!("H{}V{}", x(row), y(row + 1))).collect();
        let stairs = format!("M{} {}{}", x(0), y(0), stairs.concat());
        html! {
            @if cells.numbers.is_none() {
                path class="stairs fine" d=(stairs) {}
            } @else {
                @for row in 1..rows { @for class in ["halo", "learned"] {
                    rect class=(class) x=(x(row - 1)) y=(y(row)) width=(number(cells.width)) height=(number(cells.height)) rx="2" {}
                } }
                path.halo d=(stairs) {}
                path.stairs d=(stairs) {}
            }
        }
    }
}

fn column_names(names: &[String], (left, top): (f64, f64), cells: &Cells, slanted: bool) -> Markup {
    let shown = names.iter().enumerate().filter(|(column, _)| column % cells.every == 0);
    html! {
        @for (column, name) in shown {
            @let x = number(left + (column as f64 + 0.5) * cells.width + if slanted { 3.0 } else { 0.0 });
            @let y = number(top - 5.0);
            @if slanted {
                text x=(x) y=(y) transform=(format!("rotate(-40 {x} {y})")) { (name) }
            } @else {
                text.middle x=(x) y=(y) { (name) }
            }
        }
    }
}

/// What the colours and borders of heat maps mean.
pub(crate) fn heat_legend(domain: (f64, f64)) -> Drawing {
    let (low, high) = domain;
    // Whole pixels, so that no seam shows.
    let (steps, piece) = (44, 3.0);
    let body = html! {
        text.end x="32" y="14" { (decimal(low)) }
        @for step in 0..steps {
            @let (ground, _) = heat((f64::from(step) + 0.5) / f64::from(steps));
            rect x=(number(38.0 + f64::from(step) * piece)) y="4" width=(number(piece)) height="12" fill=(ground) {}
        }
        text x="176" y="14" { (decimal(high)) " %" }
        rect.learned x="3" y="25" width="18" height="12" rx="2" {}
        text x="28" y="35" { "task just learned" }
        path.stairs d="M140 25V37" {}
        text.transfer x="147" y="35" { "right of it: not learned yet" }
    };
    Drawing { width: 330.0, height: 42.0, label: "colours and borders of the accuracy matrices".into(), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(tasks: usize, rows: usize) -> String {
        let names: Vec<String> = (0..tasks).map(|task| format!("task <{task}>")).collect();
        let rows: Vec<Vec<f64>> = (0..rows).map(|row| vec![row as f64; tasks]).collect();
        HeatMap { title: "m".into(), tasks: &names, rows: &rows, domain: (0.0, 100.0) }.draw().standalone()
    }

    #[test]
    fn cells_have_their_values_and_what_they_mean() {
        let names = ["a".to_owned(), "<b>".to_owned()];
        let rows = [vec![50.0, 60.04], vec![90.0, 40.0], vec![80.0, f64::NAN]];
        let map = HeatMap { title: "zscl".into(), tasks: &names, rows: &rows, domain: (40.0, 90.0) };
        let text = map.draw().standalone();
        for part in [
            ">60.0<",
            "untouched model, on &lt;b&gt; (not learned yet): 60.04 %",
            "after a, on a (just learned): 90.00 %",
            "after &lt;b&gt;, on a (learned before): 80.00 %",
            "after &lt;b&gt;, on &lt;b&gt; (just learned): not scored",
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        assert_eq!(text.matches("class=\"blank\"").count(), 1);
        assert_eq!(text.matches("class=\"middle transfer\"").count(), 3, "two zero-shot and one after a");
        assert!(!text.contains(">NaN<"));
    }

    #[test]
    fn an_unfinished_matrix_has_the_rows_that_there_are() {
        let text = draw(7, 3);
        assert_eq!(text.matches("<g><rect").count(), 21);
        assert_eq!(text.matches("class=\"learned\"").count(), 2);
    }

    #[test]
    fn a_large_matrix_has_colours_without_numbers() {
        let text = draw(50, 51);
        assert_eq!(text.matches("<g><rect").count(), 50 * 51);
        assert!(!text.contains("class=\"middle transfer\""));
        resvg::usvg::Tree::from_str(&text, &resvg::usvg::Options::default()).unwrap();
    }
}
