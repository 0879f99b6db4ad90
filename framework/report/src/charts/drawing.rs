use maud::{Markup, PreEscaped, html};

use super::colour::without_variables;

/// Rules for the classes that drawings use.
pub(crate) const STYLE: &str = include_str!("chart.css");
/// Width of a letter as a share of its height, on the wide side: what fits by this fits with every font.
const LETTER: f64 = 0.6;

/// Shapes and texts on a paper of a given size, in pixels.
pub(crate) struct Drawing {
    /// Width of the paper.
    pub width: f64,
    /// Height of the paper.
    pub height: f64,
    /// What a reader who cannot see it is told.
    pub label: String,
    /// The elements.
    pub body: Markup,
}

impl Drawing {
    /// The drawing as part of a page, in the colours of the page.
    pub fn inline(&self) -> Markup {
        let (width, height) = (number(self.width), number(self.height));
        html! {
            svg.chart role="img" aria-label=(self.label) viewBox=(format!("0 0 {width} {height}"))
                width=(width) height=(height) { (self.body) }
        }
    }

    /// The drawing as a part of a larger one.
    pub fn placed(&self, x: f64, y: f64) -> Markup {
        html! { g transform=(format!("translate({} {})", number(x), number(y))) { (self.body) } }
    }

    /// The drawing as a file of its own, on light ground.
    pub fn standalone(&self) -> String {
        let (width, height) = (number(self.width), number(self.height));
        let svg = html! {
            svg.chart xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}"))
                width=(width) height=(height) {
                title { (self.label) }
                // The rules are ours and hold nothing that would need escaping.
                style { (PreEscaped(without_variables(STYLE))) }
                rect.ground width=(width) height=(height) {}
                (self.body)
            }
        };
        format!("{}\n", svg.into_string())
    }
}

/// A coordinate with a tenth of a pixel.
pub(crate) fn number(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0 + 0.0;
    rounded.to_string()
}

/// About how wide `text` is at a height of `size`.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * LETTER
}

/// `text`, cut where it is longer than `most` characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        let name = "<script>\"&'";
        let drawing = Drawing { width: 10.0, height: 5.25, label: name.into(), body: html! { text { (name) } } };
        for text in [drawing.inline().into_string(), drawing.standalone()] {
            assert!(!text.contains("<script>"), "{text}");
            assert!(text.contains("<text>&lt;script&gt;"), "{text}");
        }
        assert!(drawing.inline().into_string().contains("viewBox=\"0 0 10 5.3\""));
    }

    #[test]
    fn a_file_of_its_own_is_xml_without_variables() {
        let drawing = Drawing { width: 10.0, height: 5.0, label: "a & b".into(), body: html! { rect.grid {} } };
        let text = drawing.standalone();
        assert!(!text.contains("var("), "{text}");
        resvg::usvg::Tree::from_str(&text, &resvg::usvg::Options::default()).unwrap();
    }

    #[test]
    fn long_names_are_cut_between_letters() {
        assert_eq!([cut("zebra", 5), cut("zebras", 5), cut("äöüßé", 3)], ["zebra", "zebr…", "äö…"]);
    }
}
