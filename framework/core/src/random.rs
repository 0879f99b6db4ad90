//! Counter-based randomness: every draw is a pure function of what it is for.
//!
//! A stream is keyed by (seed, task, epoch, sample) and a [`Purpose`]. Nothing is drawn from a shared generator, so the
//! number of workers, evaluations in between and resuming never change what is drawn.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What random numbers are drawn for; streams of different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Order of the training images.
    TrainOrder = 1,
    /// Random crops of training images.
    Augment = 2,
    /// Order of the reference images.
    ReferenceOrder = 3,
    /// Order of pre-training pairs.
    PretrainOrder = 4,
    /// For methods and hooks.
    Method = 5,
    /// Random crops of images that come along with the training images.
    StreamAugment = 6,
    /// Which training images a few-shot task has.
    Shots = 7,
    /// Which test images a small version of a scenario has.
    TestLimit = 8,
    /// Settings of the points of a sweep.
    Sweep = 9,
}

/// The place in a run at which something is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Key {
    /// Seed of the run.
    pub seed: u64,
    /// 0-based task.
    pub task: u64,
    /// 0-based epoch within the task.
    pub epoch: u64,
    /// Sample index, where a sample has a stream of its own.
    pub sample: u64,
}

impl Key {
    /// The generator of this place and purpose.
    pub fn stream(self, purpose: Purpose) -> ChaCha8Rng {
        let mut seed = [0; 32];
        for (bytes, word) in seed.chunks_exact_mut(8).zip([self.seed, self.task, self.epoch, self.sample]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(seed);
        rng.set_stream(purpose as u64);
        rng
    }
}

/// A uniformly random order of `0..count` (Fisher-Yates).
pub fn permutation(rng: &mut impl Rng, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_every_part_of_its_key() {
        let first = |key: Key, purpose| key.stream(purpose).random::<u64>();
        let base = Key { seed: 1, task: 2, epoch: 3, sample: 4 };
        let draws = [
            first(base, Purpose::Augment),
            first(Key { seed: 9, ..base }, Purpose::Augment),
            first(Key { task: 9, ..base }, Purpose::Augment),
            first(Key { epoch: 9, ..base }, Purpose::Augment),
            first(Key { sample: 9, ..base }, Purpose::Augment),
            first(base, Purpose::TrainOrder),
        ];
        for (i, a) in draws.iter().enumerate() {
            assert!(draws[..i].iter().all(|b| a != b), "draw {i} repeats");
        }
        assert_eq!(first(base, Purpose::Augment), draws[0]);
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = permutation(&mut Key::default().stream(Purpose::TrainOrder), 100);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
