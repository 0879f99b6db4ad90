use std::{collections::BTreeSet, path::PathBuf};

use clf_core::{Error, Protocol, metrics::AccuracyMatrix};

use super::run::ReportRun;
use crate::{
    charts::Style,
    comparison::{Comparison, MethodRuns, Spread},
    groups::{common, new_name},
    published::PublishedScenario,
    tables::splits_line,
};

/// Runs that may stand in one table: of one scenario, on the same data, from the same model.
pub(crate) struct Section {
    /// The runs, those that differ in the seed alone together.
    pub series: Vec<Series>,
    /// Position of the series that others are held against.
    pub baseline: usize,
}

/// Runs that differ in the seed alone.
pub(crate) struct Series {
    /// The method, and what tells it from others of the same method.
    pub label: String,
    /// The runs.
    pub runs: Vec<ReportRun>,
}

/// Reads run folders and puts together what belongs together, in order of first appearance.
///
/// # Errors
///
/// When a folder holds no run, is named twice, or a file is missing or damaged.
pub(crate) fn read_sections(folders: &[PathBuf]) -> Result<Vec<Section>, Error> {
    let mut seen = BTreeSet::new();
    let mut sections: Vec<Section> = Vec::new();
    for folder in folders {
        // A folder that is not there is named by the reader.
        if folder.canonicalize().is_ok_and(|path| !seen.insert(path)) {
            return Err(Error::config(folder.display().to_string(), "the folder is named twice; leave one out"));
        }
        let run = ReportRun::read(folder)?;
        match sections.iter_mut().find(|section| identity(section.first()) == identity(&run)) {
            Some(section) => section.add(run),
            None => sections.push(Section { series: vec![Series::of(run.result.method.clone(), run)], baseline: 0 }),
        }
    }
    Ok(sections)
}

/// What must be equal in all runs of a section.
fn identity(run: &ReportRun) -> ([(&'static str, String); 5], [String; 3]) {
    let environment = &run.environment;
    let own = [splits_line(&environment.tasks), run.result.model.clone(), environment.weights_sha256.clone()];
    (common(&run.result), own)
}

impl Section {
    /// Its first run.
    pub fn first(&self) -> &ReportRun {
        &self.series[0].runs[0]
    }

    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = &ReportRun> {
        self.series.iter().flat_map(|series| &series.runs)
    }

    /// The series with their looks: one that never changes looks like the untouched model.
    pub fn styled(&self) -> impl Iterator<Item = (Style, &Series)> {
        self.series.iter().scan(0, |next, series| {
            let style = if series.never_changes() { Style::Reference } else { Style::Series(*next) };
            *next += usize::from(style != Style::Reference);
            Some((style, series))
        })
    }

    /// The same runs as `clf compare` has them.
    pub fn comparison(&self) -> Comparison {
        let method = |series: &Series| MethodRuns {
            name: series.label.clone(),
            runs: series.runs.iter().map(ReportRun::compared).collect(),
        };
        Comparison::of(self.series.iter().map(method).collect(), self.baseline)
    }

    /// What was published for the scenario.
    pub fn published(&self) -> Option<&'static PublishedScenario> {
        PublishedScenario::of(&self.first().result)
    }

    /// Task names.
    pub fn tasks(&self) -> &[String] {
        &self.first().result.tasks
    }

    /// What is known of a test image in the main figures and in the others.
    pub fn protocols(&self) -> (Protocol, Protocol) {
        Protocol::of(&self.first().result.procedure)
    }

    /// A run of a seed that is there already, which means two folders with the same, gets a series of its own.
    fn add(&mut self, run: ReportRun) {
        let same = |series: &&mut Series| {
            series.runs[0].member().is_repeated_by(run.member())
                && series.runs.iter().all(|other| other.result.seed != run.result.seed)
        };
        if let Some(series) = self.series.iter_mut().find(same) {
            series.runs.push(run);
            return;
        }
        let earlier = self.series.iter().map(|series| (&*series.label, series.runs[0].member()));
        self.series.push(Series::of(new_name(earlier, run.member()), run));
    }
}

impl Series {
    fn of(label: String, run: ReportRun) -> Self {
        Self { label, runs: vec![run] }
    }

    /// Whether all its runs score what the untouched model scores, to the last image.
    fn never_changes(&self) -> bool {
        let unchanged = |run: &ReportRun| {
            let untouched = run.matrix.untouched();
            let pairs =
                || run.matrix.rows().iter().zip(untouched.rows()).skip(1).flat_map(|(own, zero)| own.iter().zip(zero));
            pairs().count() > 0 && pairs().all(|(own, zero)| own == zero || own.is_nan())
        };
        self.runs.iter().all(unchanged)
    }

    /// A figure over the runs that have it.
    pub fn spread(&self, figure: impl Fn(&ReportRun) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(figure).filter(|value| !value.is_nan()))
    }

    /// A figure of a whole run: over the finished runs where there are any.
    pub fn spread_of_whole(&self, figure: impl Fn(&ReportRun) -> f64) -> Spread {
        let any = self.runs.iter().any(|run| run.result.finished);
        self.spread(|run| if any && !run.result.finished { f64::NAN } else { figure(run) })
    }

    /// The mean of the matrices of all runs, as far as the furthest of them goes.
    pub fn mean_rows(&self, of: impl Fn(&ReportRun) -> Option<AccuracyMatrix>) -> Vec<Vec<f64>> {
        let matrices: Vec<AccuracyMatrix> = self.runs.iter().filter_map(of).collect();
        let rows = matrices.iter().map(|matrix| matrix.rows().len()).max().unwrap_or(0);
        let tasks = matrices.first().map_or(0, |matrix| matrix.tasks().len());
        let mean = |row: usize, task: usize| {
            Spread::of(matrices.iter().map(|matrix| cell(matrix, row, task)).filter(|value| !value.is_nan())).mean
        };
        (0..rows).map(|row| (0..tasks).map(|task| mean(row, task)).collect()).collect()
    }
}

/// A value of a matrix; not a number where there is none (yet).
pub(crate) fn cell(matrix: &AccuracyMatrix, row: usize, task: usize) -> f64 {
    matrix.rows().get(row).and_then(|row| row.get(task)).copied().unwrap_or(f64::NAN)
}
