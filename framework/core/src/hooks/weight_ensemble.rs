use clf_clip::Weights;
use serde::{Deserialize, Serialize};

use crate::{error::Error, hook::RegularizerHook, task::TaskContext};

/// Uniform mean of the weights at the start of a task and of snapshots along the way (WE).
///
/// After step 0 and then every `every` steps, with `n` counting from 1: `a = (n a + theta) / (n + 1)`. The student
/// trains on undisturbed; the task leaves `a` behind, from which the next task starts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WeightEnsemble {
    /// Steps between snapshots.
    pub every: usize,
    #[serde(skip)]
    average: Weights,
    #[serde(skip)]
    snapshots: usize,
}

impl RegularizerHook for WeightEnsemble {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        if self.every == 0 {
            return Err(Error::config("hook.weight-ensemble.every", "must be at least 1"));
        }
        self.average = Weights::of(task.student);
        self.snapshots = 0;
        Ok(())
    }

    fn after_step(&mut self, iteration: usize, weights: &mut Weights) -> Result<(), Error> {
        if iteration.is_multiple_of(self.every) {
            self.snapshots += 1;
            let n = self.snapshots as f64;
            self.average = self.average.zip(weights, |mean, now| (mean.clone() * n + now.clone()) / (n + 1.0));
        }
        Ok(())
    }

    fn end_task(&mut self, weights: &mut Weights) -> Result<(), Error> {
        *weights = std::mem::take(&mut self.average);
        Ok(())
    }
}

crate::register_hook! {
    name: "weight-ensemble",
    summary: "Leaves behind the mean of the weights along a task.",
    paper: "Zheng et al. 2023, arXiv 2303.06628, section 3.3 (weight ensemble)",
    defaults: "# ZSCL's scripts (--avg_freq 100).\nevery = 100\n",
    hook: WeightEnsemble,
}
