//! The engine: the loop over tasks, the training step, the optimizer, evaluation.

mod checkpoint;
mod evaluate;
mod observer;
mod optimizer;
mod pretrain;
mod run;
mod schedule;
mod settings;
mod train;

pub use checkpoint::{Checkpoint, Saving, TaskProgress};
pub use evaluate::{Evaluator, Predictions, Row};
pub use observer::{Event, Observer, StepRecord, StepTiming};
pub use optimizer::{AdamW, AdamWMoments};
pub use pretrain::{Pairs, Pretrain, PretrainRecord};
pub use run::{Outcome, Run, TaskSettingsRule};
pub use schedule::Schedule;
pub use settings::{EvalSettings, EvalTransform, TrainSettings};
pub(crate) use train::pixels;
