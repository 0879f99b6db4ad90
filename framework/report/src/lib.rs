//! Tables and reports from accuracy matrices and run folders; never trains.

mod charts;
mod comparison;
mod facts;
mod fairness;
mod grid;
mod html;
mod record;
mod settings;
mod tables;

pub use comparison::{Comparison, FinishedRun, MethodRuns, Spread};
pub use fairness::{Fairness, FairnessCell, FairnessRow};
pub use grid::Format;
pub use html::{Figures, Report};
pub use settings::{Difference, Settings};
pub use tables::{matrix_table, metrics_table, other_line, row_table, splits_line, sweep_table, tasks_table};
