use burn::tensor::Tensor;
use clf_clip::Weights;

use crate::{
    capabilities::Capabilities,
    cost::Kept,
    data::Stream,
    error::Error,
    state::{Past, State},
    step::{LossTerm, Step},
    task::{Scoring, TaskContext},
};

/// What is learned in a task: the first of the four contracts.
///
/// The engine owns the loop. For every task it calls, in this order:
///
/// 1. [`Method::begin_task`], [`Method::parameters`] and [`Method::streams`], once;
/// 2. [`Method::loss`], once a step. The engine adds the terms of all hooks, runs backward and the optimizer;
/// 3. [`Method::end_task`], once.
///
/// Where neither the model nor parameters of its own are trained, there are no steps. [`Method::scores`] is asked in
/// between, for test images. [`Method::save`] and [`Method::load`] carry a method from one process to the next.
///
/// A method never steps an optimizer and never sees the scenario, only the current task. Most methods are a
/// classification loss and a list of hooks in their `defaults.toml`; see [`crate::methods::Classification`].
///
/// ```
/// use clf_core::{Capabilities, Error, LossTerm, Method, Step, losses};
/// use serde::{Deserialize, Serialize};
///
/// /// Fine-tuning with plain cross entropy.
/// #[derive(Serialize, Deserialize)]
/// #[serde(rename_all = "kebab-case", deny_unknown_fields)]
/// struct Plain {}
///
/// impl Method for Plain {
///     fn config(&self) -> &dyn erased_serde::Serialize {
///         self
///     }
///
///     fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
///         Ok(vec![LossTerm::new("ce", losses::cross_entropy(step.logits(), step.labels(), 0.0))])
///     }
/// }
///
/// clf_core::register_method! {
///     name: "plain",
///     summary: "Fine-tuning with plain cross entropy.",
///     paper: "ours",
///     defaults: ["hooks = []\n[method]\n"],
///     differences: &[],
///     method: Plain,
/// }
/// # fn main() {}
/// ```
pub trait Method: Send {
    /// The settings of this method, as they were after all configuration layers.
    fn config(&self) -> &dyn erased_serde::Serialize;

    /// What the method needs and what it trains; checked before any weight is loaded.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Refuses settings that cannot be used; called before anything else happens.
    ///
    /// # Errors
    ///
    /// Names the setting.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Called before the first step of a task.
    ///
    /// # Errors
    ///
    /// When the method cannot learn this task; the run stops.
    fn begin_task(&mut self, _task: &TaskContext<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Parameters of the method's own, trained in this task beside those of the model, for example a classifier head.
    ///
    /// Asked for after [`Method::begin_task`]. They are in [`Step::parameter`] on the autodiff device and, at the end of
    /// the task, in [`TaskContext::weights`]. Hooks treat them as they treat the parameters of the model.
    ///
    /// # Shapes
    ///
    /// - every value: `[length]`, on [`TaskContext::device`]
    ///
    /// # Errors
    ///
    /// When they cannot be made; the run stops.
    fn parameters(&self, _task: &TaskContext<'_>) -> Result<Weights, Error> {
        Ok(Weights::default())
    }

    /// Images that come along with those of the task, asked for after [`Method::begin_task`].
    ///
    /// # Errors
    ///
    /// When there are no such images; the run stops.
    fn streams(&self, _task: &TaskContext<'_>) -> Result<Vec<Stream>, Error> {
        Ok(Vec::new())
    }

    /// The named terms of this step's loss.
    ///
    /// # Errors
    ///
    /// When the loss cannot be computed; the run stops.
    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error>;

    /// Called after the last step of a task.
    ///
    /// # Errors
    ///
    /// When the method cannot finish this task; the run stops.
    fn end_task(&mut self, _task: &TaskContext<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Class scores of test images; the default is CLIP's zero-shot classifier, 100 times the cosine.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, classes]`
    ///
    /// # Errors
    ///
    /// When the scores cannot be computed; the run stops.
    fn scores(&self, scoring: &Scoring<'_>) -> Result<Tensor<2>, Error> {
        Ok(scoring.cosine_scores())
    }

    /// What [`Method::load`] needs to go on from here; may be asked after any step and between tasks.
    ///
    /// # Errors
    ///
    /// When the state cannot be put into words.
    fn save(&self) -> Result<State, Error> {
        Ok(State::default())
    }

    /// What the method keeps from task to task beside the weights, counted for the cost of a run; by default the tensors of
    /// [`Method::save`].
    ///
    /// # Errors
    ///
    /// When the state cannot be put into words.
    fn kept(&self) -> Result<Kept, Error> {
        Ok(Kept::of(&self.save()?))
    }

    /// Goes on from a saved state: called on a new method, within a task after [`Method::begin_task`] and between tasks
    /// before it.
    ///
    /// # Errors
    ///
    /// When the state does not belong to this method.
    fn load(&mut self, _state: &State, _past: &Past<'_>) -> Result<(), Error> {
        Ok(())
    }
}
