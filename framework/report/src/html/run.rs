use std::{
    fs,
    path::{Path, PathBuf},
};

use clf_core::{
    Error,
    cost::Cost,
    metrics::AccuracyMatrix,
    store::{Environment, RunResult, read_environment, read_matrix, read_run},
};

use super::steps::Steps;
use crate::{
    comparison::FinishedRun,
    groups::Member,
    origins::{Setting, read_settings},
    settings::Settings,
};

/// A run folder, finished or not.
pub(crate) struct ReportRun {
    /// The folder, as it was named.
    pub folder: PathBuf,
    /// Its `result.json`.
    pub result: RunResult,
    /// Its accuracy matrix.
    pub matrix: AccuracyMatrix,
    /// Its accuracy matrix under the other protocol, where there is one.
    pub other: Option<AccuracyMatrix>,
    /// Its `environment.json`.
    pub environment: Environment,
    /// Its settings with their origins.
    pub settings: Vec<Setting>,
    /// Its training steps.
    pub steps: Steps,
    /// All that its outcome depends on.
    all: Settings,
}

impl ReportRun {
    /// Reads a run folder.
    ///
    /// # Errors
    ///
    /// When the folder holds no run, the run has scored nothing yet, or a file is missing or damaged.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        refuse_unscored(folder)?;
        let (result, matrix) = read_run(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            other: read_other(folder, &result, &matrix)?,
            environment: read_environment(folder)?,
            settings: read_settings(folder)?.1,
            steps: Steps::read(folder, result.tasks.len())?,
            all: Settings::read(folder, &result)?,
            result,
            matrix,
        })
    }

    /// The run as groups have it.
    pub fn member(&self) -> Member<'_> {
        Member { result: &self.result, settings: &self.all, folder: &self.folder }
    }

    /// The run as comparisons have it.
    pub fn compared(&self) -> FinishedRun {
        FinishedRun {
            folder: self.folder.clone(),
            result: self.result.clone(),
            matrix: self.matrix.clone(),
            environment: self.environment.clone(),
            settings: self.all.clone(),
        }
    }

    /// Tasks learned so far.
    pub fn learned(&self) -> usize {
        self.matrix.rows().len().saturating_sub(1)
    }

    /// How far the run is.
    pub fn state(&self) -> String {
        if self.result.finished {
            return "finished".to_owned();
        }
        format!("not finished: {} of {} tasks", self.learned(), self.result.tasks.len())
    }

    /// Wall time of the whole run; not a number before its end.
    pub fn seconds(&self) -> f64 {
        if self.result.finished { self.result.seconds } else { f64::NAN }
    }

    /// What the whole run cost; not a number before its end, and where an earlier version did not record it.
    pub fn cost(&self, of: impl Fn(&Cost) -> Option<f64>) -> f64 {
        self.result.cost.as_ref().filter(|_| self.result.finished).and_then(of).unwrap_or(f64::NAN)
    }

    /// `metric`; not a number where it is not defined.
    pub fn metric(&self, metric: &str) -> f64 {
        self.result.metrics.get(metric).copied().unwrap_or(f64::NAN)
    }

    /// `metric` under the other protocol; not a number where it is not defined.
    pub fn other_metric(&self, metric: &str) -> f64 {
        let other = self.result.other.as_ref().and_then(|other| other.metrics.get(metric));
        other.copied().unwrap_or(f64::NAN)
    }
}

/// Refuses the folder of a run that has written its settings and no result yet.
fn refuse_unscored(folder: &Path) -> Result<(), Error> {
    if folder.join("config.toml").exists() && !folder.join("result.json").exists() {
        let reason = "the run has scored nothing yet; wait until it has, or leave it out";
        return Err(Error::config(folder.display().to_string(), reason));
    }
    if folder.is_dir() && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none()) {
        return Err(Error::config(folder.display().to_string(), "the folder is empty; name the folder of a run"));
    }
    Ok(())
}

fn read_other(folder: &Path, result: &RunResult, matrix: &AccuracyMatrix) -> Result<Option<AccuracyMatrix>, Error> {
    let Some(other) = &result.other else { return Ok(None) };
    let path = folder.join(format!("matrix-{}.npy", other.protocol.name()));
    let rows = read_matrix(&path)?;
    if rows.len() != matrix.rows().len() || rows.iter().any(|row| row.len() != result.tasks.len()) {
        return Err(Error::damaged(path, "the matrix does not belong to result.json"));
    }
    Ok(Some(AccuracyMatrix::with_rows(result.tasks.clone(), result.test_images.clone(), rows)))
}
