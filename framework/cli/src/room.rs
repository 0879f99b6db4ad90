//! What a run writes at most, by arithmetic, and whether there is room for it.

use std::{num::NonZeroUsize, path::Path};

use clf_core::{
    Capabilities, Error, Trains, clip::ClipConfig, config::Config, engine::Saving, store::KEPT_CHECKPOINTS,
};
use clf_fetch::{free_space, size};

use crate::{arguments::CheckpointArguments, paths};

/// Bytes of a number.
const WIDTH: u64 = 4;
/// Hooks that keep copies of what is trained, and how many.
const KEEPERS: [(&str, u64); 3] = [("weight-ensemble", 1), ("ema", 1), ("ewc", 2)];

/// Numbers in all weights, and in those that are trained.
pub fn parameters(config: &ClipConfig, trains: Trains) -> (usize, usize) {
    config.expected_keys().iter().fold((0, 0), |(all, trained), (name, shape)| {
        let count = shape.iter().product::<usize>();
        (all + count, trained + if trains.includes(name) { count } else { 0 })
    })
}

/// What of a run takes room: everything else is small beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes of the weights.
    pub weights: u64,
    /// Bytes of a checkpoint within a task.
    pub checkpoint: u64,
    /// Checkpoints that stay for good.
    keep: Option<NonZeroUsize>,
}

impl Room {
    /// Of a run with these settings.
    ///
    /// # Errors
    ///
    /// When the list of hooks is none.
    pub fn of(
        model: &ClipConfig,
        needs: Capabilities,
        config: &Config,
        checkpoints: CheckpointArguments,
    ) -> Result<Self, Error> {
        let (all, trained) = parameters(model, needs.trains);
        let (all, trained) = (all as u64, trained as u64);
        let hooks = config.hooks()?;
        let copies = KEEPERS.iter().filter(|(name, _)| hooks.iter().any(|hook| hook == name)).map(|(_, count)| count);
        let numbers = if needs.closed_form {
            all
        } else {
            // The weights as the task found them and as they are, two moments, and what hooks keep.
            2 * all + (2 + copies.sum::<u64>()) * trained
        };
        let is_saved = !needs.fixed && checkpoints.checkpoint_every != Saving::Off;
        Ok(Self {
            weights: if needs.fixed { 0 } else { WIDTH * all },
            checkpoint: if is_saved { WIDTH * numbers } else { 0 },
            keep: checkpoints.keep_checkpoints,
        })
    }

    /// Bytes of the checkpoints that stay, and of those that are there while the run goes on, the one that is being written
    /// included.
    pub fn checkpoints(&self) -> [u64; 2] {
        [self.keep.map_or(0, NonZeroUsize::get), self.keep.map_or(KEPT_CHECKPOINTS, NonZeroUsize::get) + 1]
            .map(|count| self.checkpoint * count as u64)
    }

    /// Warns where `folder` has less room than the run may need.
    pub fn warn(&self, folder: &Path) {
        if let Some(shortage) = free_space(paths::nearest(folder)).and_then(|free| self.shortage(free)) {
            tracing::warn!("{}: {shortage}", folder.display());
        }
    }

    /// What is short where so many bytes are free.
    fn shortage(&self, free: u64) -> Option<String> {
        let [_, checkpoints] = self.checkpoints();
        (free < self.weights + checkpoints).then(|| {
            format!(
                "the run writes {} of weights and up to {} of checkpoints, and {} are free; free some space, choose another folder \
                 with --out, or keep fewer checkpoints with --keep-checkpoints 1 or --checkpoint-every off",
                size(self.weights),
                size(checkpoints),
                size(free)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_does_not_fit_is_told_what_it_needs() {
        let room = Room { weights: 600_000_000, checkpoint: 2_400_000_000, keep: None };
        assert_eq!(room.checkpoints(), [0, 7_200_000_000]);
        assert_eq!(room.shortage(7_800_000_000), None);
        let shortage = room.shortage(7_799_999_999).unwrap();
        for part in ["600 MB of weights", "7.2 GB of checkpoints", "7.8 GB are free", "--out"] {
            assert!(shortage.contains(part), "no {part:?} in {shortage}");
        }
        let kept = Room { keep: NonZeroUsize::new(1), ..room };
        assert_eq!(kept.checkpoints(), [2_400_000_000, 4_800_000_000]);
    }
}
