//! TensorBoard event files, written while a run goes on.
//!
//! The horizontal axis is the number of training steps that are done, over all tasks; a task that is learned without any
//! counts as one. Row 0 of the accuracy matrix stands at 0.
//!
//! No kept crate writes these files: `tensorboard-rs` has had no release since 2022 and panics where a disk is full,
//! `tfrecord` brings fifteen dependencies and a build script.

mod event;
mod file;

use std::{collections::BTreeSet, fs, io, path::Path};

use clf_core::{
    Error, Protocol,
    engine::{Event, Observer},
    metrics::AccuracyMatrix,
};

use crate::{
    figures::so_far,
    steps::{StepLine, Timing},
};
use event::What;
use file::{EventFile, event_files, steps_with};

/// What the tags of accuracies begin with.
const ACCURACY: &str = "accuracy/";

/// How far a run has come when writing begins; the default is its start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Position {
    /// Training steps done, over all tasks; a task that was learned without any counts as one.
    pub steps: u64,
    /// Rows of the accuracy matrix so far, the untouched model first.
    pub rows: Vec<Vec<f64>>,
}

/// Writes a run as TensorBoard shows it.
///
/// The files are a view of `metrics.jsonl`, so an error after the first event stops them and not the run: it is a warning, and
/// `clf export RUN --format tensorboard` makes the files from the record.
pub struct TensorBoard {
    file: Option<EventFile>,
    matrix: AccuracyMatrix,
    procedure: String,
    other: Protocol,
    steps: u64,
    /// Steps at which accuracies are in the files already.
    scored: BTreeSet<u64>,
    /// Whether a step was done since the last row.
    is_new: bool,
}

impl TensorBoard {
    /// Begins to write in `folder`, for the run of a scenario with this `procedure`, these `tasks` and their `counts` of test
    /// images.
    ///
    /// At the start of a run, event files of an earlier one are removed. A run that goes on gets a further file; TensorBoard
    /// then forgets what was written behind `from`, and nothing before is written again.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn create(
        folder: &Path,
        procedure: &str,
        tasks: Vec<String>,
        counts: Vec<usize>,
        from: Position,
    ) -> Result<Self, Error> {
        let (file, scored) = begin(folder, &from).map_err(|error| Error::io("write", folder, error))?;
        let rows = from.rows.iter().filter(|row| is_scored(row)).count();
        // A row that stands here but does not count was written just before the run stopped, and comes again.
        let ends_with_row = scored.contains(&from.steps) && scored.len() == rows;
        Ok(Self {
            file: Some(file),
            matrix: AccuracyMatrix::with_rows(tasks, counts, from.rows),
            procedure: procedure.to_owned(),
            other: Protocol::of(procedure).1,
            steps: from.steps,
            scored,
            is_new: from.steps > 0 && !ends_with_row,
        })
    }

    /// Adds the next step: `loss`, every term, rate, norm of the gradient and times.
    pub(crate) fn step<'a>(
        &mut self,
        [loss, lr, grad_norm]: [f64; 3],
        terms: impl Iterator<Item = (&'a str, f64)>,
        timing: Timing,
    ) {
        self.steps += 1;
        self.is_new = true;
        let values = [("loss", Some(loss)), ("lr", Some(lr)), ("grad-norm", Some(grad_norm))];
        let times = [("images-per-second", timing.images_per_second), ("data-seconds", timing.data_seconds)];
        let named = values.into_iter().chain(times).filter_map(|(name, value)| Some((format!("train/{name}"), value?)));
        let terms = terms.map(|(name, value)| (format!("terms/{name}"), value));
        self.write(What::values(named.chain(terms)));
    }

    /// Adds a step that the run folder has.
    pub(crate) fn line(&mut self, line: &StepLine) {
        let terms = line.terms.iter().map(|(name, value)| (name.as_str(), *value));
        self.step([line.loss, line.lr, line.grad_norm], terms, line.timing);
    }

    /// Adds the next row of the accuracy matrix, and the same row under the other protocol if there is one.
    pub(crate) fn row(&mut self, row: Vec<f64>, other: &[f64]) {
        let is_scored = is_scored(&row);
        // Something was learned, in no step; the next row needs a place of its own.
        if is_scored && !self.is_new && !self.matrix.rows().is_empty() {
            self.steps += 1;
        }
        self.is_new = false;
        let named = |prefix: String, row: &[f64]| {
            let values = self.matrix.tasks().iter().zip(row).filter(|(_, accuracy)| accuracy.is_finite());
            values.map(|(task, accuracy)| (format!("{prefix}/{task}"), *accuracy)).collect::<Vec<_>>()
        };
        let mut values = named(ACCURACY.trim_end_matches('/').to_owned(), &row);
        values.extend(named(format!("accuracy-{}", self.other.name()), other));
        self.matrix.push(row);
        if !is_scored || !self.scored.insert(self.steps) {
            return;
        }
        values.extend(
            so_far(&self.matrix, &self.procedure).into_iter().map(|(name, value)| (format!("figures/{name}"), value)),
        );
        self.write(What::values(values.into_iter()));
        self.guard(EventFile::flush);
    }

    fn write(&mut self, what: What) {
        let step = self.steps;
        self.guard(|file| file.write(step, what));
    }

    /// Does something to the file; after an error, nothing is done any more.
    fn guard(&mut self, action: impl FnOnce(&mut EventFile) -> io::Result<()>) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = action(file) {
            let hint = "TensorBoard shows the run up to here; afterwards `clf export RUN --format tensorboard` shows all of it";
            tracing::warn!("cannot write {}: {error}; {hint}", file.path().display());
            self.file = None;
        }
    }
}

/// Whether anything is scored after a task; nothing is before the last one of joint training.
fn is_scored(row: &[f64]) -> bool {
    row.iter().any(|accuracy| accuracy.is_finite())
}

/// A new event file at a position, and where accuracies stand up to there.
fn begin(folder: &Path, from: &Position) -> io::Result<(EventFile, BTreeSet<u64>)> {
    let earlier = event_files(folder)?;
    if *from == Position::default() {
        earlier.iter().try_for_each(fs::remove_file)?;
        return Ok((EventFile::create(folder, 0)?, BTreeSet::new()));
    }
    let scored = steps_with(&earlier, ACCURACY)?.range(..=from.steps).copied().collect();
    Ok((EventFile::create(folder, from.steps + 1)?, scored))
}

impl Observer for TensorBoard {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::Step(record) => {
                let timing = Timing {
                    images_per_second: Some(record.timing.images_per_second),
                    data_seconds: Some(record.timing.data_seconds),
                };
                let terms = record.terms.iter().map(|(name, value)| (*name, *value));
                self.step([record.loss, record.lr, record.grad_norm], terms, timing);
            }
            Event::Evaluated(row) => {
                let tasks = self.matrix.tasks().len();
                let other = if row.other.is_empty() { Vec::new() } else { row.other_accuracies(tasks) };
                self.row(row.accuracies(tasks), &other);
            }
            // A run that goes on from here writes nothing twice, so what was before must be there.
            Event::Checkpoint { .. } => self.guard(EventFile::flush),
            _ => {}
        }
        Ok(())
    }
}
