use clf_clip::Weights;
use serde::{Deserialize, Serialize};

use crate::{
    capabilities::Capabilities,
    error::Error,
    hook::RegularizerHook,
    state::{Past, State},
    task::TaskContext,
};

/// Uniform mean of the weights at the start of a task and of snapshots along the way (WE).
///
/// After step 0 and then every `every` steps, with `n` counting from 1: `a = (n a + theta) / (n + 1)`, and with an `alpha`
/// below 1 (`we_wise` of the reference) `a = alpha a + (1 - alpha) theta_start` after that. The student trains on
/// undisturbed; the task leaves `a` behind, from which the next task starts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WeightEnsemble {
    /// Steps between snapshots.
    pub every: usize,
    /// Share of the mean after each snapshot; the rest is the start of the task.
    pub alpha: f64,
    #[serde(skip)]
    start: Weights,
    #[serde(skip)]
    average: Weights,
    #[serde(skip)]
    snapshots: usize,
}

impl RegularizerHook for WeightEnsemble {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { averages: true, ..Capabilities::default() }
    }

    fn check(&self) -> Result<(), Error> {
        if self.every == 0 {
            return Err(Error::config("hook.weight-ensemble.every", "must be 1 or more"));
        }
        if !(0.0..=1.0).contains(&self.alpha) {
            return Err(Error::config("hook.weight-ensemble.alpha", "must be from 0 to 1"));
        }
        Ok(())
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        self.start = task.weights.clone();
        self.average = task.weights.clone();
        self.snapshots = 0;
        Ok(())
    }

    fn after_step(&mut self, iteration: usize, weights: &mut Weights) -> Result<(), Error> {
        if iteration.is_multiple_of(self.every) {
            self.snapshots += 1;
            let n = self.snapshots as f64;
            self.average = self.average.zip(weights, |mean, now| (mean.clone() * n + now.clone()) / (n + 1.0));
            if self.alpha < 1.0 {
                self.average = self.average.interpolate(&self.start, self.alpha);
            }
        }
        Ok(())
    }

    fn end_task(&mut self, _task: &TaskContext<'_>, weights: &mut Weights) -> Result<(), Error> {
        *weights = std::mem::take(&mut self.average);
        self.start = Weights::default();
        Ok(())
    }

    fn save(&self) -> Result<State, Error> {
        State::default().with_weights("average", &self.average).with_value("snapshots", &self.snapshots)
    }

    fn load(&mut self, state: &State, past: &Past<'_>) -> Result<(), Error> {
        self.average = state.weights("average", past.device)?;
        self.snapshots = state.value("snapshots")?;
        Ok(())
    }
}

crate::register_hook! {
    name: "weight-ensemble",
    summary: "Leaves behind the mean of the weights along a task.",
    paper: "Zheng et al. 2023, arXiv 2303.06628, section 3.3 (weight ensemble)",
    defaults: "# ZSCL's scripts (--avg_freq 100).\nevery = 100\nalpha = 1.0\n",
    hook: WeightEnsemble,
}
