use std::path::{Path, PathBuf};

use clf_core::{
    Error,
    metrics::{AccuracyMatrix, names},
    store::{Environment, RunResult, read_environment, read_run},
};
use serde::Serialize;

use crate::{
    grid::{Format, Grid, decimal},
    settings::Settings,
    tables::splits_line,
};

/// Finished runs of several methods in one scenario, from the same model.
pub struct Comparison {
    methods: Vec<MethodRuns>,
}

/// The runs of one method: repetitions that differ in the seed alone.
pub struct MethodRuns {
    /// The method.
    pub name: String,
    /// Its runs.
    pub runs: Vec<FinishedRun>,
}

/// A run folder whose run has learned all tasks.
pub struct FinishedRun {
    /// The folder.
    pub folder: PathBuf,
    /// Its `result.json`.
    pub result: RunResult,
    /// Its accuracy matrix.
    pub matrix: AccuracyMatrix,
    /// Its `environment.json`.
    pub environment: Environment,
    settings: Settings,
}

/// Mean and sample standard deviation over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation; one value has none.
    pub std: Option<f64>,
}

impl FinishedRun {
    /// Reads a run folder.
    ///
    /// # Errors
    ///
    /// When the folder holds no run, the run is not finished, or a file is damaged.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let (result, matrix) = read_run(folder)?;
        if !result.finished {
            let reason = "the run is not finished; repeat it with clf run --overwrite, or leave it out";
            return Err(Error::config(folder.display().to_string(), reason));
        }
        let environment = read_environment(folder)?;
        let settings = Settings::read(folder, &result)?;
        Ok(Self { folder: folder.to_owned(), result, matrix, environment, settings })
    }

    /// Values of `metric`; not a number where it is not defined.
    pub(crate) fn metric(&self, metric: &str) -> f64 {
        let named = self.matrix.metrics(&self.result.procedure).named();
        named.into_iter().find(|(name, _)| *name == metric).and_then(|(_, value)| value).unwrap_or(f64::NAN)
    }

    /// Accuracies after the last task.
    pub(crate) fn last_row(&self) -> &[f64] {
        self.matrix.rows().last().map_or(&[], Vec::as_slice)
    }

    /// What must be equal in all runs of a table, by name.
    fn common(&self) -> [(&'static str, String); 7] {
        let result = &self.result;
        [
            ("scenario", result.scenario.clone()),
            ("procedure", result.procedure.clone()),
            ("number of tasks", result.tasks.len().to_string()),
            ("tasks", result.tasks.join(", ")),
            ("test images", format!("{:?}", result.test_images)),
            ("splits", splits_line(&self.environment.tasks)),
            ("model weights", format!("{} {}", result.model, self.environment.weights_sha256)),
        ]
    }
}

impl Comparison {
    /// Reads run folders and groups them by method, in order of first appearance.
    ///
    /// # Errors
    ///
    /// When a folder holds no finished run, or two folders do not belong into one table.
    pub fn read(folders: &[PathBuf]) -> Result<Self, Error> {
        let mut methods: Vec<MethodRuns> = Vec::new();
        for folder in folders {
            let run = FinishedRun::read(folder)?;
            if let Some(first) = methods.first() {
                check_common(&first.runs[0], &run)?;
            }
            match methods.iter_mut().find(|method| method.name == run.result.method) {
                Some(method) => method.add(run)?,
                None => methods.push(MethodRuns { name: run.result.method.clone(), runs: vec![run] }),
            }
        }
        if methods.is_empty() {
            return Err(Error::config("compare", "there are no runs; name run folders, or --methods and --scenario"));
        }
        Ok(Self { methods })
    }

    /// The methods with their runs.
    pub fn methods(&self) -> &[MethodRuns] {
        &self.methods
    }

    pub(crate) fn first(&self) -> &FinishedRun {
        &self.methods[0].runs[0]
    }

    /// The figures of every method, a row each: mean and standard deviation over seeds.
    pub fn metrics_table(&self, format: Format) -> String {
        let metrics = names(&self.first().result.procedure);
        let header = ["method"].iter().chain(metrics).chain(&["seconds", "seeds"]).map(ToString::to_string).collect();
        let row = |method: &MethodRuns| {
            let figures = metrics.iter().map(|metric| method.metric(metric).to_text());
            let cost = [decimal(method.seconds().mean), method.runs.len().to_string()];
            std::iter::once(method.name.clone()).chain(figures).chain(cost).collect()
        };
        Grid { header, rows: self.methods.iter().map(row).collect() }.render(format)
    }

    /// The figures under the other protocol, a row a method: mean and standard deviation over seeds. Nothing where the
    /// scenario has no other protocol.
    pub fn other_table(&self, format: Format) -> Option<String> {
        let first = self.first();
        let protocol = first.result.other.as_ref()?.protocol;
        let metrics = names(&first.result.procedure);
        let header = [protocol.name()].iter().chain(metrics).map(ToString::to_string).collect();
        let row = |method: &MethodRuns| {
            let figures = metrics.iter().map(|metric| method.other_metric(metric).to_text());
            std::iter::once(method.name.clone()).chain(figures).collect()
        };
        Some(Grid { header, rows: self.methods.iter().map(row).collect() }.render(format))
    }

    /// Where the borders between training and test images come from.
    pub fn splits_line(&self) -> String {
        splits_line(&self.first().environment.tasks)
    }

    /// Accuracy on every task after the last one, a row a method: mean over seeds.
    pub fn last_row_table(&self, format: Format) -> String {
        let tasks = self.first().result.tasks.iter().cloned();
        let row = |method: &MethodRuns| {
            let accuracies = method.last_row().into_iter().map(|accuracy| decimal(accuracy.mean));
            std::iter::once(method.name.clone()).chain(accuracies).collect()
        };
        let header = std::iter::once("last accuracy on".to_owned()).chain(tasks).collect();
        Grid { header, rows: self.methods.iter().map(row).collect() }.render(format)
    }
}

impl MethodRuns {
    /// Adds a repetition of the runs that are there.
    fn add(&mut self, run: FinishedRun) -> Result<(), Error> {
        let place = |other: &FinishedRun| format!("{} and {}", other.folder.display(), run.folder.display());
        if let Some(same) = self.runs.iter().find(|other| other.result.seed == run.result.seed) {
            let reason = format!("both are {} with seed {}; leave one of them out", self.name, run.result.seed);
            return Err(Error::config(place(same), reason));
        }
        let first = &self.runs[0];
        let settings = |run: &FinishedRun| run.settings.clone().without_seed();
        if let Some(difference) = settings(first).first_difference(&settings(&run)) {
            let reason = format!(
                "runs of one method must differ in the seed alone, but {} is {} in the first and {} in the second; compare them apart",
                difference.key, difference.left, difference.right
            );
            return Err(Error::config(place(first), reason));
        }
        self.runs.push(run);
        Ok(())
    }

    /// A metric over the seeds; not a number where it is not defined.
    pub fn metric(&self, metric: &str) -> Spread {
        Spread::of(self.runs.iter().map(|run| run.metric(metric)))
    }

    /// A metric under the other protocol over the seeds; not a number where it is not defined.
    pub fn other_metric(&self, metric: &str) -> Spread {
        let of = |run: &FinishedRun| Some(*run.result.other.as_ref()?.metrics.get(metric)?);
        Spread::of(self.runs.iter().map(|run| of(run).unwrap_or(f64::NAN)))
    }

    /// Wall time of a run.
    pub fn seconds(&self) -> Spread {
        Spread::of(self.runs.iter().map(|run| run.result.seconds))
    }

    /// Accuracy on every task after the last one.
    pub fn last_row(&self) -> Vec<Spread> {
        let tasks = self.runs.first().map_or(0, |run| run.last_row().len());
        (0..tasks).map(|task| Spread::of(self.runs.iter().map(|run| run.last_row()[task]))).collect()
    }
}

impl Spread {
    /// The spread of `values`.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, std: (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()) }
    }

    /// `mean ± std`, or the mean alone.
    pub fn to_text(self) -> String {
        match self.std.filter(|std| !std.is_nan()) {
            Some(std) => format!("{} ± {}", decimal(self.mean), decimal(std)),
            None => decimal(self.mean),
        }
    }
}

fn check_common(first: &FinishedRun, run: &FinishedRun) -> Result<(), Error> {
    let pairs = first.common().into_iter().zip(run.common());
    match pairs.into_iter().find(|((_, left), (_, right))| left != right) {
        None => Ok(()),
        Some(((what, left), (_, right))) => {
            let place = format!("{} and {}", first.folder.display(), run.folder.display());
            let reason = format!("different {what}: {left} and {right}; compare runs of the same {what}");
            Err(Error::config(place, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_deviation_is_that_of_a_sample() {
        let spread = Spread::of([1.0, 2.0, 6.0].into_iter());
        // Squares 4 + 1 + 9 over 2.
        assert_eq!(spread, Spread { mean: 3.0, std: Some(7.0_f64.sqrt()) });
        assert_eq!(spread.to_text(), "3.0 ± 2.6");
    }

    #[test]
    fn one_value_has_no_deviation_and_an_undefined_one_is_a_dash() {
        assert_eq!(Spread::of([4.25].into_iter()).to_text(), "4.2");
        assert_eq!(Spread::of([f64::NAN, f64::NAN].into_iter()).to_text(), "-");
    }
}
