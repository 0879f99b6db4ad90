//! Learning from, and scoring, a part of the data.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc};

use clf_core::{
    data::{Samples, Subset},
    random::{Key, Purpose, permutation},
    task::Task,
};
use serde::{Deserialize, Deserializer, de::Error};

/// A small version of a scenario, for trying things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Training images of a class, the first ones.
    pub per_class: Option<NonZeroUsize>,
    /// Test images of a task, the same random ones in every run.
    pub test: Option<NonZeroUsize>,
}

impl Limits {
    /// What the name of the scenario ends with, so that no figure passes for one of the whole scenario.
    pub fn suffix(self) -> String {
        let part = |name: &str, limit: Option<NonZeroUsize>| limit.map(|limit| format!("_{name}-{limit}"));
        [part("limit-per-class", self.per_class), part("limit-test", self.test)].into_iter().flatten().collect()
    }

    pub(crate) fn apply(self, task: &mut Task) {
        if let Some(limit) = self.per_class {
            let indices: Vec<usize> = (0..task.train.len()).collect();
            task.train = first_of_each_class(&task.train, &indices, limit.get());
        }
        if let Some(limit) = self.test {
            // In stored order the first ones are of the first classes; evenly spaced ones may all be of one.
            let mut indices = permutation(&mut Key::default().stream(Purpose::TestLimit), task.test.len());
            indices.truncate(limit.get());
            indices.sort_unstable();
            task.test = Arc::new(Subset::of_indices(task.test.clone(), &indices));
        }
    }
}

/// Few-shot learning: a few training images of every class, chosen at random once and for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Shots {
    /// Training images of a class: the first ones in a random order of the whole training set.
    #[serde(deserialize_with = "positive")]
    pub per_class: NonZeroUsize,
    /// Seed of the choice, which is the same in all runs.
    pub seed: u64,
    /// Whether an image is cropped at random once and looks the same in every epoch.
    #[serde(default)]
    pub augment_once: bool,
}

/// A number of things of which there must be some.
fn positive<'de, D: Deserializer<'de>>(number: D) -> Result<NonZeroUsize, D::Error> {
    NonZeroUsize::new(usize::deserialize(number)?).ok_or_else(|| D::Error::custom("must be 1 or more"))
}

impl Shots {
    pub(crate) fn apply(self, task_id: usize, task: &mut Task) {
        let key = Key { seed: self.seed, task: task_id as u64, ..Key::default() };
        let order = permutation(&mut key.stream(Purpose::Shots), task.train.len());
        task.train = first_of_each_class(&task.train, &order, self.per_class.get());
        task.augment_once = self.augment_once;
    }
}

/// The first `limit` samples of every class among `indices`, in that order.
fn first_of_each_class(samples: &Arc<dyn Samples>, indices: &[usize], limit: usize) -> Arc<dyn Samples> {
    let mut taken = BTreeMap::new();
    let mut is_kept = |index: &usize| {
        let count = taken.entry(samples.label(*index)).or_insert(0);
        *count += 1;
        *count <= limit
    };
    let kept: Vec<usize> = indices.iter().copied().filter(|index| is_kept(index)).collect();
    Arc::new(Subset::of_indices(samples.clone(), &kept))
}

#[cfg(test)]
mod tests {
    use clf_core::{
        data::{BatchOrder, DatasetError},
        image::DynamicImage,
        task::TaskSettings,
    };

    use super::*;

    /// Sample `i` is of class `i % 3` and `i + 1` pixels wide.
    struct Ramp(usize);

    impl Samples for Ramp {
        fn len(&self) -> usize {
            self.0
        }

        fn label(&self, index: usize) -> Option<usize> {
            Some(index % 3)
        }

        fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
            Ok(DynamicImage::new_luma8(index as u32 + 1, 1))
        }
    }

    fn task() -> Task {
        Task {
            name: "ramp".to_owned(),
            class_names: ["a", "b", "c"].map(String::from).to_vec(),
            train_prompts: Vec::new(),
            eval_prompts: Vec::new(),
            train: Arc::new(Ramp(30)),
            test: Arc::new(Ramp(10)),
            order: BatchOrder::Shuffled,
            reference_order: BatchOrder::Shuffled,
            split_family: String::new(),
            augment_once: false,
            settings: TaskSettings::default(),
        }
    }

    fn indices(samples: &Arc<dyn Samples>) -> Vec<u32> {
        (0..samples.len()).map(|i| samples.image(i).unwrap().width() - 1).collect()
    }

    #[test]
    fn limits_keep_the_first_of_each_class_and_random_test_images() {
        let mut limited = task();
        let limits = Limits { per_class: NonZeroUsize::new(2), test: NonZeroUsize::new(4) };
        limits.apply(&mut limited);
        assert_eq!(indices(&limited.train), [0, 1, 2, 3, 4, 5]);
        let kept = indices(&limited.test);
        assert_eq!(kept.len(), 4);
        assert!(kept.is_sorted() && kept != [0, 1, 2, 3]);
        let mut again = task();
        limits.apply(&mut again);
        assert_eq!(indices(&again.test), kept);
        assert_eq!(limits.suffix(), "_limit-per-class-2_limit-test-4");
        assert_eq!(Limits::default().suffix(), "");
    }

    #[test]
    fn a_limit_above_the_number_of_images_keeps_all() {
        let mut limited = task();
        Limits { per_class: NonZeroUsize::new(99), test: NonZeroUsize::new(99) }.apply(&mut limited);
        assert_eq!((limited.train.len(), limited.test.len()), (30, 10));
    }

    #[test]
    fn shots_are_so_many_of_each_class_the_same_in_every_run_and_others_in_every_task() {
        let shots = Shots { per_class: NonZeroUsize::MIN.saturating_add(4), seed: 42, augment_once: true };
        let chosen = |task_id| {
            let mut few = task();
            shots.apply(task_id, &mut few);
            assert!(few.augment_once);
            few.train
        };
        let train = chosen(0);
        let of_class = |class| (0..train.len()).filter(|i| train.label(*i) == Some(class)).count();
        assert_eq!([0, 1, 2].map(of_class), [5, 5, 5]);
        assert_eq!(indices(&train), indices(&chosen(0)));
        assert_ne!(indices(&train), indices(&chosen(1)));
    }
}
