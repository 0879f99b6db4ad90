use std::collections::BTreeMap;

use clf_clip::Weights;
use serde::Serialize;

use super::evaluate::Row;
use crate::{capabilities::Trains, cost::Kept, error::Error, task::Task};

/// What is recorded of one training step; a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepRecord {
    /// 0-based task.
    pub task: usize,
    /// 0-based iteration within the task.
    pub step: usize,
    /// Weighted sum of all terms.
    pub loss: f64,
    /// Every term before weighting.
    pub terms: BTreeMap<&'static str, f64>,
    /// Learning rate of this step.
    pub lr: f64,
    /// Euclidean norm of the whole gradient.
    pub grad_norm: f64,
    /// Images of the task and of the reference set, per second of this step.
    pub images_per_second: f64,
    /// Seconds of this step in which training waited for images.
    pub data_seconds: f64,
}

/// What happens in a run, in order.
pub enum Event<'a> {
    /// Training of a task begins.
    TaskStarted {
        /// 0-based task.
        task_id: usize,
        /// The task.
        task: &'a Task,
        /// Iterations it will take.
        steps: usize,
    },
    /// The gradients of a step are complete, hooks included.
    Gradients {
        /// 0-based iteration.
        step: usize,
        /// The gradients.
        gradients: &'a Weights,
    },
    /// A step is done.
    Step(&'a StepRecord),
    /// The last step of a task is done.
    TaskFinished {
        /// 0-based task.
        task_id: usize,
        /// Weights of the student after the last step.
        student: &'a Weights,
        /// Weights that the task leaves behind, hooks included.
        weights: &'a Weights,
    },
    /// Scoring begins, after `learned` tasks.
    EvaluationStarted {
        /// Tasks learned so far.
        learned: usize,
        /// Test images that will be scored.
        images: usize,
    },
    /// Some test images are scored.
    Scored {
        /// How many.
        images: usize,
    },
    /// All tasks are learned.
    Kept {
        /// Which parameters of the model the run trained.
        trains: Trains,
        /// What the method and its hooks keep for another task.
        kept: Kept,
    },
    /// The untouched model is scored as if after 0, 1, ... tasks; what a model that never changes would reach.
    Untouched(&'a [Row]),
    /// All test sets are scored.
    Evaluated(&'a Row),
}

/// Watches a run: the run store, progress bars, tests.
pub trait Observer {
    /// Called on the engine's thread, in order.
    ///
    /// # Errors
    ///
    /// Stops the run.
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error>;
}
