use clf_clip::{
    Lookup, Weights,
    kernels::{Squares, pull},
};
use serde::{Deserialize, Serialize};

use crate::{config::at_least_zero, error::Error, hook::RegularizerHook, step::LossTerm, task::TaskContext};

/// Squared distance of the weights to those at the start of the task, summed over all parameters with a gradient.
///
/// This is the weight consolidation (WC) of the ZSCL paper, section 3.3. The gradient `2 weight (theta - theta_start)`
/// is added in closed form; the value is reported and counted in the total.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct L2 {
    /// Factor on the sum of squares.
    pub weight: f64,
    #[serde(skip)]
    start: Weights,
}

impl RegularizerHook for L2 {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn check(&self) -> Result<(), Error> {
        at_least_zero("hook.l2.weight", self.weight)
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        self.start = task.weights.clone();
        Ok(())
    }

    fn gradient(&mut self, weights: &Weights, gradients: &mut Weights) -> Result<Vec<LossTerm>, Error> {
        let mut start = Lookup::new(&self.start);
        let mut squares = Squares::default();
        *gradients = std::mem::take(gradients).update(weights, |name, gradient, weight| {
            let Some(start) = start.get(name) else { return gradient };
            pull(gradient, weight, start, 2.0 * self.weight, &mut squares)
        });
        Ok(squares.total().map(|value| LossTerm::new("l2", value).weighted(self.weight)).into_iter().collect())
    }
}

crate::register_hook! {
    name: "l2",
    summary: "Pulls the weights towards those at the start of the task.",
    paper: "Zheng et al. 2023, arXiv 2303.06628, section 3.3 (weight consolidation)",
    defaults: "# ZSCL's scripts (--l2 1).\nweight = 1.0\n",
    hook: L2,
}
