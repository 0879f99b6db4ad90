//! Tables and reports from accuracy matrices and run folders; never trains.

mod charts;
mod comparison;
mod facts;
mod fairness;
mod grid;
mod groups;
mod html;
mod latex;
mod method_tables;
mod origins;
mod plain;
mod published;
mod record;
mod settings;
mod significance;
mod tables;
mod tidy;
mod why;

pub use comparison::{Comparison, FinishedRun, MethodRuns, Spread};
pub use fairness::{Fairness, FairnessCell, FairnessRow};
pub use grid::Format;
pub use html::{Figures, Report};
pub use latex::comment as latex_comment;
pub use plain::plain_table;
pub use published::{PublishedRow, PublishedScenario};
pub use settings::{Difference, Settings};
pub use significance::{PairedTest, Significance};
pub use tables::{matrix_table, metrics_table, other_line, row_table, splits_line, sweep_table, tasks_table};
pub use why::{Change, Curves, Field, FileState, Gap, Parting, Place, SharedFile, Side, Why};
