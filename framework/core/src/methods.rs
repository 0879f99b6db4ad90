//! Methods that several plugins share.

use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    losses,
    method::Method,
    step::{LossTerm, Step},
    task::TaskContext,
};

/// Cross entropy over the classes of the current task; everything else is done by hooks.
///
/// Fine-tuning, ZSCL and LwF are this method with different hooks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Classification {
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f64,
}

impl Method for Classification {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn begin_task(&mut self, _task: &TaskContext<'_>) -> Result<(), Error> {
        if (0.0..1.0).contains(&self.label_smoothing) {
            return Ok(());
        }
        Err(Error::config("method.label-smoothing", "must be at least 0 and below 1"))
    }

    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        let value = losses::cross_entropy(step.logits(), step.labels(), self.label_smoothing);
        Ok(vec![LossTerm::new("ce", value)])
    }
}
