use std::path::{Path, PathBuf};

use clf_core::{
    Error,
    metrics::AccuracyMatrix,
    store::{RunResult, read_environment, read_run},
};
use clf_logs::{StepLine, read_steps};
use toml::{Table, Value};

use super::Side;
use crate::origins::{Setting, read_settings};

/// What is known of a run, however far it has come.
pub struct Folder {
    pub path: PathBuf,
    pub title: String,
    pub settings: Vec<Setting>,
    /// `environment.json` as a table.
    pub environment: Table,
    /// Absent before the first row of accuracies.
    pub result: Option<(RunResult, AccuracyMatrix)>,
    pub steps: Vec<StepLine>,
}

impl Folder {
    pub fn read(path: &Path) -> Result<Self, Error> {
        let config = path.join("config.toml");
        let (title, settings) = read_settings(path)?;
        let Some(title) = title else {
            let reason = "it does not begin as the record of a run does";
            let is_run = path.join("environment.json").exists();
            let other = || Error::config(config.display().to_string(), format!("{reason}; name a run folder"));
            return Err(if is_run { Error::damaged(&config, reason) } else { other() });
        };
        let environment = read_environment(path)?;
        // The matrix is there from the first row on.
        let is_scored = ["result.json", "matrix.npy"].iter().all(|file| path.join(file).exists());
        Ok(Self {
            path: path.to_owned(),
            title,
            settings,
            environment: Table::try_from(&environment).map_err(|error| Error::Defect(error.to_string()))?,
            result: is_scored.then(|| read_run(path)).transpose()?,
            steps: if path.join("metrics.jsonl").exists() { read_steps(path)? } else { Vec::new() },
        })
    }

    /// Method, scenario or model, as the record's first line says it.
    pub fn named(&self, what: &str) -> Option<Value> {
        let parts = self.title.split(", ").find_map(|part| part.strip_prefix(what)?.strip_prefix(' '));
        parts.map(|name| Value::String(name.to_owned()))
    }

    pub fn side(&self) -> Side {
        let rows = self.result.as_ref().map_or(0, |(_, matrix)| matrix.rows().len());
        let tasks = self.environment.get("tasks").and_then(Value::as_array).map_or(0, Vec::len);
        Side { folder: self.path.clone(), title: self.title.clone(), learned: rows.saturating_sub(1), tasks }
    }
}
