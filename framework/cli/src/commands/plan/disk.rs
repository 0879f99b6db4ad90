//! What a run leaves on the disk, from what a short run left.

use std::{collections::BTreeMap, num::NonZeroUsize, path::Path};

use clf_core::store::KEPT_CHECKPOINTS;

use crate::room::Room;

/// Bytes of the header of an array.
const HEADER: u64 = 128;
/// Bytes of the predictions on an image: five numbers, where both protocols are judged.
const PREDICTION: u64 = 20;
/// Bytes that a step adds to `metrics.jsonl` and `timing.jsonl`, and to TensorBoard's files: those of `zscl`, which writes most.
const LINES: u64 = 335;
const CURVES: u64 = 250;
/// Bytes of settings, tables and messages.
const RECORD: u64 = 50_000;

/// How much longer a run is than the measured one.
pub struct Growth<'a> {
    /// Training steps, of the whole and of the short run.
    pub steps: (usize, usize),
    /// Images scored in each row of the whole run.
    pub rows: &'a [usize],
    /// Images scored in each row of the short run.
    pub short_rows: &'a [usize],
}

impl Growth<'_> {
    /// What grows with every step.
    fn of_steps(&self, bytes: u64) -> u64 {
        let (steps, short) = self.steps;
        if short == 0 { bytes } else { bytes * steps as u64 / short as u64 }
    }
}

/// Bytes of the run folder by file or kind of files, without checkpoints.
pub fn of_run(files: &BTreeMap<String, u64>, growth: &Growth<'_>) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    let mut predictions = 0;
    for (path, bytes) in files {
        match path.split_once('/') {
            Some(("predictions", _)) => predictions += bytes.saturating_sub(HEADER),
            Some(("checkpoints", _)) => {}
            Some((folder @ "tensorboard", _)) => {
                *kinds.entry(folder.to_owned()).or_default() += growth.of_steps(*bytes);
            }
            _ if Path::new(path).extension().is_some_and(|ending| ending == "jsonl") => {
                kinds.insert(path.clone(), growth.of_steps(*bytes));
            }
            _ => {
                kinds.insert(path.clone(), *bytes);
            }
        }
    }
    let scored = growth.short_rows.iter().sum::<usize>() as u64;
    let images = growth.rows.iter().sum::<usize>() as u64;
    kinds.insert(
        "predictions".to_owned(),
        growth.rows.len() as u64 * HEADER + images * predictions.div_ceil(scored.max(1)),
    );
    kinds
}

/// The same without anything measured: of a run with so many steps, and so many images in each row.
pub fn by_arithmetic(room: &Room, steps: usize, rows: &[usize]) -> BTreeMap<String, u64> {
    let (steps, images) = (steps as u64, rows.iter().sum::<usize>() as u64);
    let kinds = [
        ("model.safetensors", room.weights),
        ("metrics.jsonl, timing.jsonl", steps * LINES),
        ("tensorboard", steps * CURVES),
        ("predictions", rows.len() as u64 * HEADER + images * PREDICTION),
        ("the record", RECORD),
    ];
    kinds.into_iter().filter(|(_, bytes)| *bytes > 0).map(|(kind, bytes)| (kind.to_owned(), bytes)).collect()
}

/// Bytes of the checkpoints, of the largest size: those that stay for good, and those that are there while the run goes on, the
/// one that is being written included.
pub fn of_checkpoints(files: &BTreeMap<String, u64>, keep: Option<NonZeroUsize>) -> [u64; 2] {
    let sizes = files.iter().filter(|(path, _)| path.starts_with("checkpoints/")).map(|(_, bytes)| *bytes);
    let largest = sizes.max().unwrap_or_default();
    [keep.map_or(0, NonZeroUsize::get), keep.map_or(KEPT_CHECKPOINTS, NonZeroUsize::get) + 1]
        .map(|count| count as u64 * largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_grow_with_steps_predictions_with_images_and_weights_not_at_all() {
        let files = [
            ("model.safetensors", 7_000_000),
            ("metrics.jsonl", 1000),
            ("tensorboard/events.1", 200),
            ("tensorboard/events.2", 300),
            ("predictions/00.npy", HEADER + 200),
            ("predictions/01.npy", HEADER + 200),
            ("checkpoints/task-000-step-0000009.safetensors", 500),
            ("checkpoints/task-001-step-0000000.safetensors", 300),
        ];
        let files = files.map(|(path, bytes)| (path.to_owned(), bytes)).into();
        let growth = Growth { steps: (50, 10), rows: &[100, 100, 100], short_rows: &[10, 10] };
        let made = of_run(&files, &growth);
        assert_eq!((made["model.safetensors"], made["metrics.jsonl"]), (7_000_000, 5000));
        assert_eq!((made["tensorboard"], made["predictions"]), (2500, 3 * HEADER + 300 * 20));
        assert_eq!(made.len(), 4);
        assert_eq!(of_checkpoints(&files, None), [0, 1500]);
        assert_eq!(of_checkpoints(&files, NonZeroUsize::new(4)), [2000, 2500]);
    }
}
