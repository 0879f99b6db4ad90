//! All tasks at once: what a method could reach that need not learn one after another.

use clf_core::{Capabilities, Error, LossTerm, Method, Step, erased_serde, methods::Classification, task::TaskContext};
use serde::{Deserialize, Serialize};

/// Cross entropy over the classes of all tasks, on the images of all tasks in one shuffle.
///
/// It takes as many steps as all tasks one after the other; learning rates of single tasks do not count. The matrix has
/// values before training and after the last task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Joint {
    classification: Classification,
}

impl Method for Joint {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { joint: true, ..self.classification.capabilities() }
    }

    fn check(&self) -> Result<(), Error> {
        self.classification.check()
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        self.classification.begin_task(task)
    }

    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        self.classification.loss(step)
    }
}

clf_core::register_method! {
    name: "joint",
    summary: "Learns all tasks at once; an upper bound, not a continual method.",
    paper: "baseline of the field",
    defaults: [Classification::DEFAULTS],
    differences: &[],
    method: Joint,
}
