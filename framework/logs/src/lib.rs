//! What a run logs, for other programs: live as TensorBoard event files, afterwards as CSV.
//!
//! `metrics.jsonl` stays the record of a run; everything here is a view of it.

mod csv;
mod export;
mod figures;
mod steps;
mod tensorboard;

pub use csv::write_csv;
pub use export::export_tensorboard;
pub use steps::{StepLine, Timing, damaged_line, read_steps};
pub use tensorboard::{Position, TensorBoard};
