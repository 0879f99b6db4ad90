//! Tables of cells that others put together.

use crate::grid::{Format, Grid};

/// `rows` under `header`: the first column is set to the left, all others to the right.
pub fn plain_table(header: Vec<String>, rows: Vec<Vec<String>>, format: Format) -> String {
    Grid { header, rows }.render(format)
}
