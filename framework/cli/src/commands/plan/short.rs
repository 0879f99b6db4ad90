//! A scenario made short: a few steps of one or two of its tasks, and a few batches of their test images.

use std::{ops::Range, sync::Arc};

use clf_core::{
    Scenario,
    data::{Samples, Subset},
    task::{Reference, Task},
};

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Training images of a task; all where absent.
    pub train: Option<usize>,
    /// Test images of a task.
    pub test: usize,
    /// Reference images.
    pub reference: usize,
}

/// Some tasks of a scenario, in its order.
pub struct Short<'a> {
    whole: &'a dyn Scenario,
    picks: &'a [usize],
    tasks: Vec<Task>,
    reference: Option<Reference>,
}

impl<'a> Short<'a> {
    /// The tasks `picks` of `whole`, cut to `size`.
    pub fn new(whole: &'a dyn Scenario, picks: &'a [usize], size: Size) -> Self {
        let cut = |id: &usize| {
            let task = whole.tasks()[*id].clone();
            let train = size.train.map_or_else(|| task.train.clone(), |count| first(&task.train, count));
            Task { train, test: first(&task.test, size.test), ..task }
        };
        let reference = whole.reference().map(|reference| {
            let images = reference.images.as_ref().map(|images| first(images, size.reference));
            Reference { images, ..reference.clone() }
        });
        Self { whole, picks, tasks: picks.iter().map(cut).collect(), reference }
    }

    /// The picked ones of a range of tasks of the whole.
    fn picked(&self, range: Option<Range<usize>>) -> Option<Range<usize>> {
        let range = range?;
        let before = |end: usize| self.picks.iter().filter(|id| **id < end).count();
        let picked = before(range.start)..before(range.end);
        (!picked.is_empty()).then_some(picked)
    }

    /// How much of the whole is learned.
    fn learned(&self, learned: usize) -> usize {
        learned.checked_sub(1).map_or(0, |last| self.picks[last] + 1)
    }
}

/// The first `count` samples, or all where there are no more.
fn first(samples: &Arc<dyn Samples>, count: usize) -> Arc<dyn Samples> {
    if samples.len() <= count {
        return samples.clone();
    }
    Arc::new(Subset::of_indices(samples.clone(), &(0..count).collect::<Vec<_>>()))
}

impl Scenario for Short<'_> {
    fn name(&self) -> &str {
        self.whole.name()
    }

    fn procedure(&self) -> &str {
        self.whole.procedure()
    }

    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    fn candidates(&self, learned: usize, task: usize) -> Option<Range<usize>> {
        self.picked(self.whole.candidates(self.learned(learned), self.picks[task]))
    }

    fn other_candidates(&self, learned: usize, task: usize) -> Option<Range<usize>> {
        self.picked(self.whole.other_candidates(self.learned(learned), self.picks[task]))
    }
}

/// The task with the least and the one with the most text in a step, or the first two where all are alike.
pub fn extremes(text: &[usize]) -> Vec<usize> {
    let by_size = |a: &usize, b: &usize| text[*a].cmp(&text[*b]);
    let (least, most) = ((0..text.len()).min_by(by_size), (0..text.len()).max_by(by_size));
    let mut picks: Vec<usize> = match (least, most) {
        (Some(least), Some(most)) if text[least] == text[most] => (0..text.len().min(2)).collect(),
        (least, most) => least.into_iter().chain(most).collect(),
    };
    picks.sort_unstable();
    picks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_are_in_the_order_of_the_scenario() {
        assert_eq!(extremes(&[5, 9, 2, 7]), [1, 2]);
        assert_eq!(extremes(&[3, 3, 3]), [0, 1]);
        assert_eq!(extremes(&[3]), [0]);
        assert_eq!(extremes(&[]), [0; 0]);
    }
}
