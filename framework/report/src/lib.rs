//! Tables from accuracy matrices and run folders; never trains.

mod grid;
mod tables;

pub use grid::Format;
pub use tables::{matrix_table, metrics_table, row_table, tasks_table};
