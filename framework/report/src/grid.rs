use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableComponent, presets::UTF8_HORIZONTAL_ONLY};

use crate::latex;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    Text,
    /// GitHub's Markdown.
    Markdown,
    /// LaTeX with booktabs.
    Latex,
}

/// Cells of text under a header: the first column is set to the left, all others to the right.
pub(crate) struct Grid {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    pub fn render(&self, format: Format) -> String {
        self.aligned(format, 1, &[])
    }

    /// As [`Grid::render`], with the best cells, by row and column, in bold in LaTeX.
    pub fn render_best(&self, format: Format, best: &[(usize, usize)]) -> String {
        self.aligned(format, 1, best)
    }

    /// As [`Grid::render`], for words: all columns are set to the left.
    pub fn render_left(&self, format: Format) -> String {
        self.aligned(format, self.header.len(), &[])
    }

    /// The first `left` columns are set to the left.
    fn aligned(&self, format: Format, left: usize, best: &[(usize, usize)]) -> String {
        match format {
            Format::Text => self.text(left),
            Format::Markdown => self.markdown(left),
            Format::Latex => latex::tabular(self, left, best),
        }
    }

    /// Whether the table is wider than the terminal that it would be printed on.
    pub fn is_too_wide(&self) -> bool {
        let table = self.table(1);
        let width = table.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        table.width().is_some_and(|most| width > usize::from(most))
    }

    /// Rows as columns; the first header stays.
    pub fn turned(&self) -> Self {
        let title = self.header.first().cloned();
        let header = title.into_iter().chain(self.rows.iter().map(|row| row[0].clone())).collect();
        let row = |column: usize| {
            std::iter::once(self.header[column].clone())
                .chain(self.rows.iter().map(|row| row[column].clone()))
                .collect()
        };
        Self { header, rows: (1..self.header.len()).map(row).collect() }
    }

    fn text(&self, left: usize) -> String {
        let mut table = self.table(left);
        // On a terminal, long cells are broken into lines rather than the table.
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.to_string()
    }

    fn table(&self, left: usize) -> Table {
        let mut table = table();
        table.set_header(&self.header);
        for row in &self.rows {
            let align = |column| if column < left { CellAlignment::Left } else { CellAlignment::Right };
            table.add_row(row.iter().enumerate().map(|(column, text)| Cell::new(text).set_alignment(align(column))));
        }
        table
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
pub(crate) fn rounded(value: f64) -> f64 {
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
    fn rows_become_columns() {
        let cells = |cells: [&str; 3]| cells.map(String::from).to_vec();
        let grid = Grid { header: cells(["on", "a", "b"]), rows: vec![cells(["zscl", "1", "2"])] };
        let turned = grid.turned();
        assert_eq!(turned.header, ["on", "zscl"]);
        assert_eq!(turned.rows, [["a", "1"], ["b", "2"]]);
        assert!(!grid.is_too_wide(), "a test has no terminal");
    }

    #[test]
    fn markdown_keeps_the_columns_apart() {
        let cells = |cells: [&str; 2]| cells.map(String::from).to_vec();
        let grid = Grid { header: cells(["method", "a|b"]), rows: vec![cells(["zscl", "1.0"])] };
        assert_eq!(grid.render(Format::Markdown), "| method | a\\|b |\n|---|---:|\n| zscl | 1.0 |");
    }
}
