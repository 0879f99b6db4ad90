use maud::{Markup, html};

use super::{
    drawing::{Drawing, text_width},
    plot::Style,
};

/// Distance between the parts of a figure.
const GAP: f64 = 14.0;
/// Widest row of panels in a file.
const WIDEST: f64 = 1000.0;

/// Drawings that belong together.
pub(crate) struct Figure {
    /// Name of its files: letters, digits and dashes.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The drawings.
    pub panels: Vec<Drawing>,
    /// What the lines or colours mean.
    pub legend: Legend,
}

/// The legend of a figure.
pub(crate) enum Legend {
    /// Lines.
    Lines(Vec<Key>),
    /// A drawing of its own.
    Drawn(Drawing),
}

/// A line of a legend.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// What the line is.
    pub label: String,
    /// Its look.
    pub style: Style,
}

impl Figure {
    /// The panels as part of a page, under their legend, on as many columns as fit.
    pub fn inline(&self) -> Markup {
        html! {
            (self.legend.inline())
            div.panels { @for panel in &self.panels { div.panel { (panel.inline()) } } }
        }
    }

    /// The whole figure as one drawing.
    pub fn drawing(&self) -> Drawing {
        let panel = self
            .panels
            .iter()
            .fold((1.0, 1.0), |size: (f64, f64), panel| (size.0.max(panel.width), size.1.max(panel.height)));
        let columns = ((WIDEST / (panel.0 + GAP)) as usize).clamp(1, self.panels.len().max(1));
        let width = (columns as f64 * (panel.0 + GAP) + GAP).max(text_width(&self.title, 15.0) + 2.0 * GAP);
        let legend = self.legend.drawing(width - 2.0 * GAP);
        let width = width.max(legend.width + 2.0 * GAP);
        let first = 28.0 + legend.height + GAP;
        let place =
            |i: usize| (GAP + (i % columns) as f64 * (panel.0 + GAP), first + (i / columns) as f64 * (panel.1 + GAP));
        let body = html! {
            text.heading x=(GAP) y="20" { (self.title) }
            (legend.placed(GAP, 28.0))
            @for (i, panel) in self.panels.iter().enumerate() { (panel.placed(place(i).0, place(i).1)) }
        };
        let height = first + self.panels.len().div_ceil(columns) as f64 * (panel.1 + GAP);
        Drawing { width, height, label: self.title.clone(), body }
    }
}

impl Legend {
    /// The legend as part of a page.
    pub fn inline(&self) -> Markup {
        match self {
            Self::Drawn(drawing) => html! { div.legend { (drawing.inline()) } },
            Self::Lines(keys) => html! {
                ul.legend {
                    @for key in keys {
                        li { svg.chart width="26" height="12" viewBox="0 0 26 12" aria-hidden="true" { (key.style.sample(0.0, 6.0)) } " " (key.label) }
                    }
                }
            },
        }
    }

    /// The legend as a drawing of at most this width, if its parts allow.
    fn drawing(&self, width: f64) -> Drawing {
        let keys = match self {
            Self::Drawn(drawing) => {
                let Drawing { width, height, .. } = *drawing;
                return Drawing { width, height, label: drawing.label.clone(), body: drawing.placed(0.0, 0.0) };
            }
            Self::Lines(keys) => keys,
        };
        let (mut x, mut y, mut widest) = (0.0, 0.0, 0.0_f64);
        let mut places = Vec::new();
        for key in keys {
            let length = 32.0 + text_width(&key.label, 11.0) + 16.0;
            if x > 0.0 && x + length > width {
                (x, y) = (0.0, y + 18.0);
            }
            places.push((x, y, key));
            x += length;
            widest = widest.max(x);
        }
        let body = html! {
            @for (x, y, key) in &places {
                (key.style.sample(*x, y + 8.0))
                text x=(x + 32.0) y=(y + 12.0) { (key.label) }
            }
        };
        Drawing { width: widest, height: if keys.is_empty() { 0.0 } else { y + 18.0 }, label: "legend".into(), body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(panels: usize, labels: &[&str]) -> Figure {
        let panel = || Drawing { width: 300.0, height: 200.0, label: "p".into(), body: html! { rect.ground {} } };
        let keys = labels.iter().enumerate().map(|(i, label)| Key { label: (*label).into(), style: Style::Series(i) });
        Figure {
            name: "f".into(),
            title: "Fig".into(),
            panels: (0..panels).map(|_| panel()).collect(),
            legend: Legend::Lines(keys.collect()),
        }
    }

    #[test]
    fn panels_stand_in_rows_of_three() {
        let drawing = figure(7, &["a", "<b>"]).drawing();
        assert_eq!(drawing.width, 3.0 * 314.0 + 14.0);
        assert_eq!(drawing.height, 28.0 + 18.0 + 14.0 + 3.0 * 214.0);
        assert!(drawing.standalone().contains("&lt;b&gt;"));
    }

    #[test]
    fn a_legend_that_is_too_wide_goes_on_below() {
        let long = "a method with quite a long name".repeat(2);
        let drawing = figure(1, &[&long, &long]).drawing();
        assert_eq!(drawing.height, 28.0 + 36.0 + 14.0 + 214.0);
        assert_eq!(figure(1, &[]).drawing().height, 28.0 + 14.0 + 214.0);
    }
}
