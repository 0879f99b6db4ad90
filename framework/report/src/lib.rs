//! Tables from accuracy matrices and run folders; never trains.

mod comparison;
mod grid;
mod plain;
mod record;
mod settings;
mod tables;

pub use comparison::{Comparison, FinishedRun, MethodRuns, Spread};
pub use grid::Format;
pub use plain::plain_table;
pub use settings::{Difference, Settings};
pub use tables::{matrix_table, metrics_table, other_line, row_table, splits_line, sweep_table, tasks_table};
