use clf_clip::Weights;
use serde::{Deserialize, Serialize};

use crate::{cost::Kept, error::Error, hook::RegularizerHook, passes, task::TaskContext};

/// What the trained weights are merged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MergeWith {
    /// The weights at the start of the task (reference, `wise_ft_model n`).
    TaskStart,
    /// The untouched model.
    ZeroShot,
}

/// Interpolation of the weights at the end of a task (WiSE-FT, Wortsman et al. 2022, arXiv 2109.01903, eq. 1).
///
/// `theta = alpha theta + (1 - alpha) b`. With `fisher`, every parameter is weighted by its Fisher information in both
/// models, estimated on images of the task (Matena and Raffel 2022, arXiv 2111.09832):
/// `theta = (alpha F theta + (1 - alpha) G b) / (alpha F + (1 - alpha) G)`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Wise {
    /// Share of the trained weights.
    pub alpha: f64,
    /// The other side.
    pub with: MergeWith,
    /// Weighs every parameter by its Fisher information.
    pub fisher: bool,
    /// Images that the Fisher information is estimated on.
    pub fisher_images: usize,
    /// What every Fisher value is at least, in shares of the mean.
    pub fisher_floor: f64,
    #[serde(skip)]
    other: Weights,
}

impl RegularizerHook for Wise {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn check(&self) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&self.alpha) {
            return Err(Error::config("hook.wise.alpha", "must be from 0 to 1"));
        }
        if !(self.fisher_floor.is_finite() && self.fisher_floor > 0.0) {
            return Err(Error::config("hook.wise.fisher-floor", "must be positive"));
        }
        if self.fisher_images == 0 {
            return Err(Error::config("hook.wise.fisher-images", "must be 1 or more"));
        }
        Ok(())
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        self.other = match self.with {
            MergeWith::TaskStart => task.weights.clone(),
            MergeWith::ZeroShot => Weights::of(task.zero_shot),
        };
        Ok(())
    }

    fn end_task(&mut self, task: &TaskContext<'_>, weights: &mut Weights) -> Result<(), Error> {
        let other = std::mem::take(&mut self.other);
        let merged = if self.fisher {
            self.fisher_merge(task, weights, &other)?
        } else {
            weights.interpolate(&other, self.alpha)
        };
        *weights = weights.updated(&merged);
        Ok(())
    }

    fn kept(&self) -> Result<Kept, Error> {
        Ok(Kept { untouched_model: self.with == MergeWith::ZeroShot, ..Kept::default() })
    }
}

impl Wise {
    fn fisher_merge(&self, task: &TaskContext<'_>, ours: &Weights, other: &Weights) -> Result<Weights, Error> {
        let information = |weights: &Weights| -> Result<Weights, Error> {
            let model = weights.clone().load_into(task.student.clone());
            let fisher = passes::fisher(task, &model, self.fisher_images)?;
            Ok(self.relative(&fisher))
        };
        let (f, g) = (information(ours)?, information(other)?);
        // A parameter without Fisher information, such as one of a method's own, is merged plainly.
        Ok(ours.interpolate(other, self.alpha).updated(&weighted((ours, &f), (other, &g), self.alpha)))
    }

    /// Fisher values in shares of their mean over all parameters, at least the floor.
    fn relative(&self, fisher: &Weights) -> Weights {
        let count: usize = fisher.iter().map(|(_, value)| value.dims()[0]).sum();
        let sum: f64 = fisher.iter().map(|(_, value)| f64::from(value.clone().sum().into_scalar::<f32>())).sum();
        // Nothing matters where a single class leaves no doubt; the smallest number keeps 0 / 0 away.
        let mean = (sum / count as f64).max(f64::from(f32::MIN_POSITIVE));
        fisher.map(|value| (value.clone() / mean).clamp_min(self.fisher_floor))
    }
}

/// `(alpha F a + (1 - alpha) G b) / (alpha F + (1 - alpha) G)` for weights `a`, `b` with Fisher information `F`, `G`.
fn weighted((a, f): (&Weights, &Weights), (b, g): (&Weights, &Weights), alpha: f64) -> Weights {
    let (f, g) = (f.map(|f| f.clone() * alpha), g.map(|g| g.clone() * (1.0 - alpha)));
    let product = |values: &Weights, by: &Weights| values.zip(by, |value, by| value.clone() * by.clone());
    let sum = product(a, &f).zip(&product(b, &g), |a, b| a.clone() + b.clone());
    let total = f.zip(&g, |f, g| f.clone() + g.clone());
    sum.zip(&total, |sum, total| sum.clone() / total.clone())
}

crate::register_hook! {
    name: "wise",
    summary: "Interpolates the weights with those at the start of the task, or of the untouched model, at its end.",
    paper: "Wortsman et al. 2022, arXiv 2109.01903; Fisher weights: Matena and Raffel 2022, arXiv 2111.09832",
    defaults: "# Reference script WiSE_finetune.sh.\nalpha = 0.8\n# task-start or zero-shot.\nwith = \"task-start\"\n\
               # Ours.\nfisher = false\nfisher-images = 256\nfisher-floor = 1e-6\n",
    hook: Wise,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use burn::tensor::{Device, Tensor};

    use super::*;

    fn weights(values: [f32; 2]) -> Weights {
        [(Arc::from("w"), Tensor::<1>::from_data(values, &Device::flex()))].into_iter().collect()
    }

    fn values(weights: &Weights) -> Vec<f32> {
        weights.get("w").unwrap().to_data().iter::<f32>().collect()
    }

    #[test]
    fn a_parameter_that_matters_more_in_one_model_stays_closer_to_it() {
        let (a, b) = (weights([1.0, 1.0]), weights([5.0, 5.0]));
        let merged = weighted((&a, &weights([1.0, 3.0])), (&b, &weights([1.0, 1.0])), 0.5);
        assert_eq!(values(&merged), [3.0, 2.0]);
    }

    #[test]
    fn fisher_values_are_shares_of_their_mean_with_a_floor() {
        let hook = Wise {
            alpha: 0.5,
            with: MergeWith::TaskStart,
            fisher: true,
            fisher_images: 1,
            fisher_floor: 0.25,
            other: Weights::default(),
        };
        assert_eq!(values(&hook.relative(&weights([0.0, 8.0]))), [0.25, 2.0]);
        assert_eq!(values(&hook.relative(&weights([0.0, 0.0]))), [0.25, 0.25]);
    }
}
