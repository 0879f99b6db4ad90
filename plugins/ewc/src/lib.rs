//! Elastic weight consolidation: a penalty on moving parameters that mattered for earlier tasks, as hook and method.

use clf_core::{
    Error, LossTerm, Past, RegularizerHook, State, clip::Weights, config::at_least_zero, erased_serde,
    methods::Classification, passes, task::TaskContext,
};
use serde::{Deserialize, Serialize};

/// `weight / 2 * sum_i F_i (theta_i - theta*_i)^2`, with the Fisher information `F` of the tasks so far and the weights
/// `theta*` that the last of them left behind (online EWC, Schwarz et al. 2018, arXiv 1805.06370).
///
/// After each task `F = gamma F + F_task`. The gradient is added in closed form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ewc {
    /// Factor on the penalty.
    pub weight: f64,
    /// How much of the earlier Fisher information stays.
    pub gamma: f64,
    /// Images of a task that its Fisher information is estimated on.
    pub images: usize,
    #[serde(skip)]
    fisher: Weights,
    #[serde(skip)]
    anchor: Weights,
}

impl RegularizerHook for Ewc {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn check(&self) -> Result<(), Error> {
        if self.images == 0 {
            return Err(Error::config("hook.ewc.images", "must be 1 or more"));
        }
        at_least_zero("hook.ewc.weight", self.weight)?;
        at_least_zero("hook.ewc.gamma", self.gamma)
    }

    fn gradient(&mut self, weights: &Weights, gradients: &mut Weights) -> Result<Vec<LossTerm>, Error> {
        let moved = weights.zip(&self.anchor, |now, anchor| now.clone() - anchor.clone());
        let pull = self.fisher.zip(&moved, |fisher, moved| fisher.clone() * moved.clone());
        *gradients = gradients.updated(&gradients.zip(&pull, |g, pull| g.clone() + pull.clone() * self.weight));
        let value = pull.zip(&moved, |pull, moved| pull.clone() * moved.clone()).sum();
        Ok(value.map(|value| LossTerm::new("ewc", value).weighted(self.weight / 2.0)).into_iter().collect())
    }

    fn task_left(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        let fisher = passes::fisher(task, task.student, self.images)?;
        let sum = self.fisher.zip(&fisher, |old, new| old.clone() * self.gamma + new.clone());
        self.fisher = fisher.updated(&sum);
        // Parameters of a method's own are those of one task.
        self.anchor = self.fisher.zip(task.weights, |_, weight| weight.clone());
        Ok(())
    }

    fn save(&self) -> Result<State, Error> {
        Ok(State::default().with_weights("fisher", &self.fisher).with_weights("anchor", &self.anchor))
    }

    fn load(&mut self, state: &State, past: &Past<'_>) -> Result<(), Error> {
        self.fisher = state.weights("fisher", past.device)?;
        self.anchor = state.weights("anchor", past.device)?;
        Ok(())
    }
}

clf_core::register_hook! {
    name: "ewc",
    summary: "Holds parameters in place that mattered for earlier tasks, by Fisher information.",
    paper: "Kirkpatrick et al. 2017, arXiv 1612.00796; online form: Schwarz et al. 2018, arXiv 1805.06370",
    defaults: include_str!("hook.toml"),
    hook: Ewc,
}

clf_core::register_method! {
    name: "ewc",
    summary: "Fine-tunes with elastic weight consolidation.",
    paper: "Kirkpatrick et al. 2017, arXiv 1612.00796",
    defaults: [Classification::DEFAULTS, "hooks = ['ewc']\n"],
    differences: &["online form: one Fisher matrix and one anchor, whatever the number of tasks (arXiv 1805.06370)"],
    method: Classification,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clf_core::burn::tensor::{Device, Tensor};

    use super::*;

    fn weights(values: [f32; 2]) -> Weights {
        [(Arc::from("w"), Tensor::<1>::from_data(values, &Device::flex()))].into_iter().collect()
    }

    #[test]
    fn penalty_and_gradient_equal_values_computed_by_hand() {
        let mut hook =
            Ewc { weight: 10.0, gamma: 1.0, images: 1, fisher: weights([2.0, 0.5]), anchor: weights([1.0, 1.0]) };
        let mut gradients = weights([0.5, 0.5]);
        let terms = hook.gradient(&weights([2.0, 3.0]), &mut gradients).unwrap();
        // F d = (2, 1), so the gradient grows by 10 F d and the penalty is 10 / 2 (2 * 1 + 0.5 * 4).
        let values: Vec<f32> = gradients.get("w").unwrap().to_data().iter::<f32>().collect();
        assert_eq!(values, [20.5, 10.5]);
        assert_eq!(terms[0].value.clone().into_scalar::<f32>() * terms[0].weight as f32, 20.0);
    }

    #[test]
    fn the_first_task_is_free() {
        let mut hook =
            Ewc { weight: 10.0, gamma: 1.0, images: 1, fisher: Weights::default(), anchor: Weights::default() };
        let mut gradients = weights([0.5, 0.5]);
        assert!(hook.gradient(&weights([2.0, 3.0]), &mut gradients).unwrap().is_empty());
    }
}
