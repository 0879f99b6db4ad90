use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clf_core::{
    Error,
    cost::Cost,
    metrics::AccuracyMatrix,
    store::{Environment, RunResult, read_config, read_environment, read_run},
};
use serde::Serialize;

use crate::{
    grid::decimal,
    groups::{Member, common, new_name},
    settings::Settings,
    tables::splits_line,
    tidy::named_costs,
};

/// Finished runs of several methods in one scenario.
pub struct Comparison {
    methods: Vec<MethodRuns>,
    /// Position of the method that others are held against.
    baseline: usize,
}

/// The runs of one method: repetitions that differ in the seed alone.
pub struct MethodRuns {
    /// The method; with other settings than the first runs of it, what differs as well.
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
    pub(crate) settings: Settings,
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
            let reason = "the run is not finished; go on with the command that began it, or leave it out";
            return Err(Error::config(folder.display().to_string(), reason));
        }
        let environment = read_environment(folder)?;
        let settings = Settings::new(&result.method, &result.scenario, &read_config(folder)?, &environment)?;
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

    /// The run as groups have it.
    fn member(&self) -> Member<'_> {
        Member { result: &self.result, settings: &self.settings, folder: &self.folder }
    }
}

impl Comparison {
    /// Reads run folders and groups them by method, in order of first appearance. Runs of one method with other settings
    /// are a group of their own, which is named after what differs.
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
            if let Some(method) = methods.iter_mut().find(|it| it.runs[0].member().is_repeated_by(run.member())) {
                method.add(run)?;
                continue;
            }
            let earlier = methods.iter().map(|method| (&*method.name, method.runs[0].member()));
            let name = new_name(earlier, run.member());
            methods.push(MethodRuns { name, runs: vec![run] });
        }
        if methods.is_empty() {
            return Err(Error::config("compare", "there are no runs; name run folders, or --methods and --scenario"));
        }
        Ok(Self::of(methods, 0))
    }

    /// A comparison of runs that were found to belong together, with the position of the method that others are held
    /// against.
    pub(crate) fn of(methods: Vec<MethodRuns>, baseline: usize) -> Self {
        Self { methods, baseline }
    }

    /// The methods with their runs.
    pub fn methods(&self) -> &[MethodRuns] {
        &self.methods
    }

    pub(crate) fn first(&self) -> &FinishedRun {
        &self.methods[0].runs[0]
    }

    /// Holds all other methods against `name` in [`Comparison::significance`].
    ///
    /// # Errors
    ///
    /// When there is no such method.
    pub fn with_baseline(mut self, name: &str) -> Result<Self, Error> {
        let at = self.methods.iter().position(|method| method.name == name);
        let known = self.methods.iter().map(|method| method.name.as_str());
        self.baseline = at.ok_or_else(|| Error::unknown("method of this comparison", name, known))?;
        Ok(self)
    }

    pub(crate) fn baseline(&self) -> &MethodRuns {
        &self.methods[self.baseline]
    }

    /// Where the borders between training and test images come from.
    pub fn splits_line(&self) -> String {
        splits_line(&self.first().environment.tasks)
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
        self.of_tasks(|matrix, task| matrix.rows().last().map(|row| row[task]))
    }

    /// A figure of every task; not a number where it is not defined.
    pub(crate) fn of_tasks(&self, figure: impl Fn(&AccuracyMatrix, usize) -> Option<f64>) -> Vec<Spread> {
        let tasks = self.runs.first().map_or(0, |run| run.matrix.tasks().len());
        let of = |run: &FinishedRun, task| figure(&run.matrix, task).unwrap_or(f64::NAN);
        (0..tasks).map(|task| Spread::of(self.runs.iter().map(|run| of(run, task)))).collect()
    }

    /// All that a run cost, by name, over the runs that tell it.
    pub(crate) fn costs(&self) -> BTreeMap<&'static str, Spread> {
        let names = named_costs(&Cost::default()).map(|(name, _)| name);
        let spread = |i: usize| self.cost(|cost| named_costs(cost)[i].1);
        names.into_iter().enumerate().filter_map(|(i, name)| Some((name, spread(i)?))).collect()
    }

    /// Something that a run cost, over the runs that tell it.
    pub(crate) fn cost(&self, of: impl Fn(&Cost) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = self.runs.iter().filter_map(|run| of(run.result.cost.as_ref()?)).collect();
        (!values.is_empty()).then(|| Spread::of(values.into_iter()))
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
    let pairs = common(&first.result).into_iter().zip(common(&run.result));
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
