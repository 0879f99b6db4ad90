//! Tables of cells that others put together.

use crate::grid::{Format, Grid, decimal};

/// `rows` under `header`: the first column is set to the left, all others to the right.
pub fn plain_table(header: Vec<String>, rows: Vec<Vec<String>>, format: Format) -> String {
    Grid { header, rows }.render(format)
}

/// `value` with one decimal, as in all tables; `-` where there is none.
pub fn rounded_text(value: f64) -> String {
    decimal(value)
}
