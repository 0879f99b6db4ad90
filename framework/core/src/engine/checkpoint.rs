use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use clf_clip::Weights;

use super::optimizer::AdamWMoments;
use crate::state::State;

/// Everything that a run needs to go on as if it had never stopped, on the CPU to the last bit.
///
/// What follows from it is left out: what `begin_task` computes, features of texts, what a frozen teacher says. Nothing is
/// drawn from a generator that has a state, see [`crate::random`].
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Rows of the accuracy matrix so far, in percent.
    pub rows: Vec<Vec<f64>>,
    /// Whether the student has learned what the next row is about, and is to be scored.
    pub learned: bool,
    /// Weights of the student; those that the task found where one is under way.
    pub student: Weights,
    /// The task that is under way.
    pub task: Option<TaskProgress>,
    /// States of the method and its hooks, by `method` and `hook.NAME`.
    pub states: BTreeMap<String, State>,
}

/// A task in the midst of its training.
#[derive(Debug, Clone)]
pub struct TaskProgress {
    /// Steps that are done.
    pub step: usize,
    /// Parameters of the method's own at the start of the task.
    pub own: Weights,
    /// The weights of the student and of the method's own as they are.
    pub weights: Weights,
    /// The optimizer.
    pub moments: AdamWMoments,
}

impl Checkpoint {
    /// How far the run is: tasks that are learned, and steps of the next one that are done.
    pub fn position(&self) -> (usize, usize) {
        let tasks = self.rows.len() - usize::from(!self.learned && !self.rows.is_empty());
        (tasks, self.task.as_ref().map_or(0, |task| task.step))
    }
}

/// When a run is saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Saving {
    /// Never.
    #[default]
    Off,
    /// Between tasks, when it is told to stop, and as often in between as takes one percent of the time, but not within a
    /// minute.
    Auto,
    /// Between tasks, when it is told to stop, and after every so many steps of a task.
    Every(NonZeroUsize),
}

impl Saving {
    /// Shortest time between two checkpoints of [`Saving::Auto`].
    pub const PAUSE: Duration = Duration::from_mins(1);
    /// Time that passes between two checkpoints of [`Saving::Auto`], in times that the last one took.
    pub const RARITY: u32 = 100;
}

/// Keeps to the rule.
pub(super) struct Saver {
    rule: Saving,
    last: Instant,
    cost: Duration,
}

impl Saver {
    pub fn new(rule: Saving) -> Self {
        Self { rule, last: Instant::now(), cost: Duration::ZERO }
    }

    pub fn is_on(&self) -> bool {
        self.rule != Saving::Off
    }

    /// Whether it is time for a checkpoint after `step` steps of a task.
    pub fn is_due(&self, step: usize) -> bool {
        match self.rule {
            Saving::Off => false,
            Saving::Auto => self.last.elapsed() >= Saving::PAUSE.max(self.cost * Saving::RARITY),
            Saving::Every(steps) => step.is_multiple_of(steps.get()),
        }
    }

    /// Notes what a checkpoint that was begun then has cost.
    pub fn saved(&mut self, begun: Instant) {
        (self.last, self.cost) = (Instant::now(), begun.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_saves_itself_alone_waits_a_minute_and_longer_where_saving_is_slow() {
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let due =
            |seconds, cost| Saver { rule: Saving::Auto, last: ago(seconds), cost: Duration::from_secs(cost) }.is_due(1);
        assert_eq!([due(59, 0), due(61, 0), due(61, 1), due(101, 1)], [false, true, false, true]);
    }

    #[test]
    fn steps_are_counted_within_a_task() {
        let saver = Saver::new(Saving::Every(NonZeroUsize::new(3).unwrap()));
        assert_eq!([1, 2, 3, 4, 6].map(|step| saver.is_due(step)), [false, false, true, false, true]);
        assert!(!Saver::new(Saving::Off).is_due(3));
    }
}
