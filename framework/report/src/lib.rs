//! Tables from accuracy matrices and run folders; never trains.

mod tables;

pub use tables::{matrix_table, metrics_table, row_table};
