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

    /// All batches of epoch after epoch, each with the epoch it belongs to; none for an empty set.
    ///
    /// A permutation depends on the key's seed, its task and the epoch.
    pub fn batches(
        &self,
        samples: usize,
        batch_size: usize,
        key: Key,
        purpose: Purpose,
    ) -> impl Iterator<Item = (u64, Vec<usize>)> + Send + use<> {
        let order = self.clone();
        let epochs = if self.batches_per_epoch(samples, batch_size) == 0 { 0 } else { u64::MAX };
        (0..epochs).flat_map(move |epoch| {
            let batches = order.epoch(samples, batch_size, Key { epoch, ..key }, purpose);
            batches.into_iter().map(move |batch| (epoch, batch))
        })
    }

    fn epoch(&self, samples: usize, batch_size: usize, key: Key, purpose: Purpose) -> Vec<Vec<usize>> {
        let order: Vec<usize> = match self {
            Self::Recorded(recorded) => return recorded.to_vec(),
            Self::Stored => (0..samples).collect(),
            Self::Shuffled => permutation(&mut key.stream(purpose), samples),
        };
        order.chunks(batch_size).map(<[usize]>::to_vec).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_holds_every_sample_once_and_keeps_the_short_batch() {
        let batches: Vec<_> =
            BatchOrder::Shuffled.batches(10, 4, Key::default(), Purpose::TrainOrder).take(6).collect();
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
        let batches: Vec<_> = order.batches(4, 2, Key::default(), Purpose::TrainOrder).take(3).collect();
        assert_eq!(batches, [(0, vec![3, 1]), (0, vec![2]), (1, vec![3, 1])]);
    }

    #[test]
    fn an_empty_set_has_no_batches() {
        assert_eq!(BatchOrder::Shuffled.batches(0, 4, Key::default(), Purpose::TrainOrder).next(), None);
    }
}
