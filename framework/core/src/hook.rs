use clf_clip::Weights;

use crate::{
    capabilities::Capabilities,
    cost::Kept,
    data::Stream,
    error::Error,
    state::{Past, State},
    step::{LossTerm, Step},
    task::TaskContext,
};

/// One composable ingredient of a method: a penalty, a gradient rule or a weight-space rule.
///
/// Hooks stack on any method, in the order in which they are listed. In every step the engine calls
/// [`RegularizerHook::loss`] before backward, [`RegularizerHook::gradient`] after it and
/// [`RegularizerHook::after_step`] after the optimizer; [`RegularizerHook::end_task`] decides which weights a task
/// leaves behind, and [`RegularizerHook::task_left`] sees them.
pub trait RegularizerHook: Send {
    /// The settings of this hook, as they were after all configuration layers.
    fn config(&self) -> &dyn erased_serde::Serialize;

    /// What the hook needs; checked before any weight is loaded.
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
    /// When the hook cannot work on this task; the run stops.
    fn begin_task(&mut self, _task: &TaskContext<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Images that come along with those of the task, asked for after [`RegularizerHook::begin_task`].
    ///
    /// # Errors
    ///
    /// When there are no such images; the run stops.
    fn streams(&self, _task: &TaskContext<'_>) -> Result<Vec<Stream>, Error> {
        Ok(Vec::new())
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

    /// Called after the last step of a task, with the student as it is then; may replace the weights that the task
    /// leaves behind, which other hooks may have replaced already. Hooks that leave behind an average of their own
    /// ([`Capabilities::averages`]) come first, then the others, in the order of the list.
    ///
    /// # Errors
    ///
    /// When the rule cannot be applied; the run stops.
    fn end_task(&mut self, _task: &TaskContext<'_>, _weights: &mut Weights) -> Result<(), Error> {
        Ok(())
    }

    /// Called when it is settled what the task leaves behind: the student and the weights of `task`.
    ///
    /// # Errors
    ///
    /// When the hook cannot finish this task; the run stops.
    fn task_left(&mut self, _task: &TaskContext<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// What [`RegularizerHook::load`] needs to go on from here; may be asked after any step and between tasks.
    ///
    /// # Errors
    ///
    /// When the state cannot be put into words.
    fn save(&self) -> Result<State, Error> {
        Ok(State::default())
    }

    /// What the hook keeps from task to task, counted for the cost of a run; by default the tensors of
    /// [`RegularizerHook::save`].
    ///
    /// # Errors
    ///
    /// When the state cannot be put into words.
    fn kept(&self) -> Result<Kept, Error> {
        Ok(Kept::of(&self.save()?))
    }

    /// Goes on from a saved state: called on a new hook, within a task after [`RegularizerHook::begin_task`] and between
    /// tasks before it.
    ///
    /// # Errors
    ///
    /// When the state does not belong to this hook.
    fn load(&mut self, _state: &State, _past: &Past<'_>) -> Result<(), Error> {
        Ok(())
    }
}
