//! The engine: the loop over tasks, the training step, the optimizer, evaluation.

mod evaluate;
mod observer;
mod optimizer;
mod pretrain;
mod run;
mod schedule;
mod settings;
mod train;

pub use evaluate::{Evaluator, Predictions, Row};
pub use observer::{Event, Observer, StepRecord};
pub use optimizer::AdamW;
pub use pretrain::{Pairs, Pretrain, PretrainRecord};
pub use run::{Outcome, Run, TaskSettingsRule};
pub use schedule::Schedule;
pub use settings::{EvalSettings, EvalTransform, TrainSettings};
pub(crate) use train::pixels;
