use clf_clip::Weights;

use crate::{
    capabilities::Capabilities,
    error::Error,
    step::{LossTerm, Step},
    task::TaskContext,
};

/// One composable ingredient of a method: a penalty, a gradient rule or a weight-space rule.
///
/// Hooks stack on any method, in the order in which they are listed. In every step the engine calls
/// [`RegularizerHook::loss`] before backward, [`RegularizerHook::gradient`] after it and
/// [`RegularizerHook::after_step`] after the optimizer; [`RegularizerHook::end_task`] decides which weights a task
/// leaves behind.
pub trait RegularizerHook: Send {
    /// The settings of this hook, as they were after all configuration layers.
    fn config(&self) -> &dyn erased_serde::Serialize;

    /// What the hook needs; checked before any weight is loaded.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Called before the first step of a task.
    ///
    /// # Errors
    ///
    /// When the hook cannot work on this task; the run stops.
    fn begin_task(&mut self, _task: &TaskContext<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Differentiable terms to add to the loss of this step.
    ///
    /// # Errors
    ///
    /// When a term cannot be computed; the run stops.
    fn loss(&mut self, _step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        Ok(Vec::new())
    }

    /// Changes the gradients directly; a term returned here is reported and counted in the total, nothing more.
    ///
    /// A penalty in weight space whose gradient is known in closed form belongs here: it costs no graph.
    ///
    /// # Errors
    ///
    /// When the rule cannot be applied; the run stops.
    fn gradient(&mut self, _weights: &Weights, _gradients: &mut Weights) -> Result<Vec<LossTerm>, Error> {
        Ok(Vec::new())
    }

    /// Called after the optimizer, with the 0-based iteration; may change the weights of the student.
    ///
    /// # Errors
    ///
    /// When the rule cannot be applied; the run stops.
    fn after_step(&mut self, _iteration: usize, _weights: &mut Weights) -> Result<(), Error> {
        Ok(())
    }

    /// Called after the last step of a task; may replace the weights that the task leaves behind.
    ///
    /// # Errors
    ///
    /// When the rule cannot be applied; the run stops.
    fn end_task(&mut self, _weights: &mut Weights) -> Result<(), Error> {
        Ok(())
    }
}
