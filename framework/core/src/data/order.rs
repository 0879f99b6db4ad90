use std::sync::Arc;

use crate::random::{Key, Purpose, permutation};

/// In which order the samples of a set are put into batches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BatchOrder {
    /// A fresh permutation each epoch; the last batch of an epoch may be short and is kept.
    #[default]
    Shuffled,
    /// Stored order each epoch; the last batch may be short and is kept.
    Stored,
    /// Exactly these batches, for repeating a run recorded elsewhere.
    Recorded(Arc<Vec<Vec<usize>>>),
}

impl BatchOrder {
    /// Number of batches in an epoch over `samples` samples.
    pub fn batches_per_epoch(&self, samples: usize, batch_size: usize) -> usize {
        match self {
            Self::Recorded(batches) => batches.len(),
            Self::Shuffled | Self::Stored => samples.div_ceil(batch_size),
        }
    }

    /// The first `steps` batches, each with the epoch it belongs to.
    ///
    /// A permutation depends on the key's seed, its task and the epoch.
    pub fn batches(
        &self,
        samples: usize,
        batch_size: usize,
        steps: usize,
        key: Key,
        purpose: Purpose,
    ) -> Vec<(u64, Vec<usize>)> {
        let mut batches = Vec::with_capacity(steps);
        for epoch in 0.. {
            let before = batches.len();
            match self {
                Self::Recorded(recorded) => batches.extend(recorded.iter().map(|batch| (epoch, batch.clone()))),
                Self::Stored => {
                    let order: Vec<usize> = (0..samples).collect();
                    batches.extend(order.chunks(batch_size).map(|batch| (epoch, batch.to_vec())));
                }
                Self::Shuffled => {
                    let order = permutation(&mut Key { epoch, ..key }.stream(purpose), samples);
                    batches.extend(order.chunks(batch_size).map(|batch| (epoch, batch.to_vec())));
                }
            }
            if batches.len() >= steps || batches.len() == before {
                break;
            }
        }
        batches.truncate(steps);
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_holds_every_sample_once_and_keeps_the_short_batch() {
        let batches = BatchOrder::Shuffled.batches(10, 4, 6, Key::default(), Purpose::TrainOrder);
        assert_eq!(batches.iter().map(|(_, b)| b.len()).collect::<Vec<_>>(), [4, 4, 2, 4, 4, 2]);
        for epoch in 0..2 {
            let mut seen: Vec<usize> =
                batches.iter().filter(|(e, _)| *e == epoch).flat_map(|(_, b)| b.clone()).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(batches[0], batches[3]);
    }

    #[test]
    fn recorded_batches_come_back_as_they_are_and_repeat() {
        let order = BatchOrder::Recorded(Arc::new(vec![vec![3, 1], vec![2]]));
        let batches = order.batches(4, 2, 3, Key::default(), Purpose::TrainOrder);
        assert_eq!(batches, [(0, vec![3, 1]), (0, vec![2]), (1, vec![3, 1])]);
    }

    #[test]
    fn an_empty_set_has_no_batches() {
        assert!(BatchOrder::Shuffled.batches(0, 4, 3, Key::default(), Purpose::TrainOrder).is_empty());
    }
}
