use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets::UTF8_HORIZONTAL_ONLY};

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    Text,
    /// GitHub's Markdown.
    Markdown,
}

/// Cells of text under a header: the first column is set to the left, all others to the right.
pub(crate) struct Grid {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    pub fn render(&self, format: Format) -> String {
        self.aligned(format, 1)
    }

    /// As [`Grid::render`], for words: all columns are set to the left.
    pub fn render_left(&self, format: Format) -> String {
        self.aligned(format, self.header.len())
    }

    /// The first `left` columns are set to the left.
    fn aligned(&self, format: Format, left: usize) -> String {
        match format {
            Format::Text => self.text(left),
            Format::Markdown => self.markdown(left),
        }
    }

    fn text(&self, left: usize) -> String {
        let mut table = table();
        table.set_header(&self.header);
        for row in &self.rows {
            let align = |column| if column < left { CellAlignment::Left } else { CellAlignment::Right };
            table.add_row(row.iter().enumerate().map(|(column, text)| Cell::new(text).set_alignment(align(column))));
        }
        table.to_string()
    }

    fn markdown(&self, left: usize) -> String {
        let line = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |", cells.join(" | "))
        };
        let rule = format!("|{}{}", "---|".repeat(left), "---:|".repeat(self.header.len().saturating_sub(left)));
        let rows = self.rows.iter().map(line);
        [line(&self.header), rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    }
}

/// An empty table in the style of all tables.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    // Lines between the rows would double the height.
    table.remove_style(TableComponent::HorizontalLines).remove_style(TableComponent::MiddleIntersections);
    table
}

/// `value` with one decimal, rounded as NumPy does, which made the published tables; `-` where there is none.
pub(crate) fn decimal(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{:.1}", rounded(value)) }
}

/// As [`decimal`], with the sign.
pub(crate) fn signed_decimal(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{:+.1}", rounded(value)) }
}

/// Adding 0 turns -0 into 0.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round_ties_even() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_as_numpy_does() {
        // The nearest 64-bit number lies below 65.35, and NumPy prints 65.4 all the same.
        assert_eq!([65.35, 46.05, 0.25, 12.0, f64::NAN].map(decimal), ["65.4", "46.0", "0.2", "12.0", "-"]);
        assert_eq!([-0.01, 3.12, -20.0].map(signed_decimal), ["+0.0", "+3.1", "-20.0"]);
    }

    #[test]
    fn markdown_keeps_the_columns_apart() {
        let cells = |cells: [&str; 2]| cells.map(String::from).to_vec();
        let grid = Grid { header: cells(["method", "a|b"]), rows: vec![cells(["zscl", "1.0"])] };
        assert_eq!(grid.render(Format::Markdown), "| method | a\\|b |\n|---|---:|\n| zscl | 1.0 |");
    }
}
