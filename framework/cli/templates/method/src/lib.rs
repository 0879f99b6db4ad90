//! new-method: cross entropy and one term more, a penalty on confident predictions. Put your own idea in its place.

use clf_core::{
    Error, LossTerm, Method, Step,
    burn::tensor::{Tensor, activation::log_softmax},
    erased_serde, losses,
};
use serde::{Deserialize, Serialize};

/// `ce - confidence-weight * H(p)`, with the entropy `H` of the predicted class probabilities `p` (Pereyra et al. 2017,
/// arXiv 1701.06548).
// A setting is a field here and a line in defaults.toml; `--set method.confidence-weight=0.2` changes it for a run.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NewMethod {
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f64,
    /// Factor on the penalty.
    pub confidence_weight: f64,
}

impl Method for NewMethod {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    // Every term is logged under its name; the engine adds them up, runs backward and the optimizer. `step` has the
    // features and the model too. `Method` has more to override: begin_task, streams, parameters, end_task, scores.
    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        let logits = step.logits();
        let ce = losses::cross_entropy(logits.clone(), step.labels(), self.label_smoothing);
        let confidence = LossTerm::new("confidence", negative_entropy(logits)).weighted(self.confidence_weight);
        Ok(vec![LossTerm::new("ce", ce), confidence])
    }
}

/// `mean over rows of sum_k p_k log p_k`; `logits` are `[batch, classes]`, the output is `[1]`.
// Your own term goes here: a function of tensors, so that a test can compute it by hand.
fn negative_entropy(logits: Tensor<2>) -> Tensor<1> {
    let log_probabilities = log_softmax(logits, 1);
    (log_probabilities.clone().exp() * log_probabilities).sum_dim(1).mean()
}

// What `list`, `show` and the run record say about it. `differences` is for a method that somebody has published.
clf_core::register_method! {
    name: "new-method",
    summary: "Fine-tunes with a penalty on confident predictions.",
    paper: "Pereyra et al. 2017, arXiv 1701.06548",
    defaults: [include_str!("defaults.toml")],
    differences: &[],
    method: NewMethod,
}

#[test]
fn two_equal_scores_have_the_entropy_of_a_coin() {
    let logits = Tensor::<2>::from_data([[3.0, 3.0]], &clf_core::burn::tensor::Device::flex());
    assert!((negative_entropy(logits).into_scalar::<f32>() + 2.0_f32.ln()).abs() < 1e-6);
}
