//! What sets two runs apart: their settings, data, weights, machine, and the first step where they part.

mod changes;
mod curves;
mod files;
mod folder;
mod results;
mod text;
mod verdict;

use std::path::{Path, PathBuf};

use clf_core::Error;
use serde::Serialize;

pub use changes::Change;
pub use curves::{Curves, Field, Gap, Parting, Place};
pub use files::{FileState, SharedFile};

use folder::Folder;

/// What sets two runs apart. All lists hold what differs alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Why {
    /// The one run.
    pub left: Side,
    /// The other run.
    pub right: Side,
    /// Settings, with where each value comes from.
    pub configuration: Vec<Change>,
    /// Scenario, tasks, classes, prompts, numbers of images, reference data.
    pub data: Vec<Change>,
    /// The model and the weights that training starts from.
    pub weights: Vec<Change>,
    /// Program and machine.
    pub environment: Vec<Change>,
    /// Figures and accuracies.
    pub results: Vec<Change>,
    /// The steps.
    pub curves: Curves,
    /// Files of the two folders, those that are the same too.
    pub files: Vec<SharedFile>,
    /// The likely cause, in one sentence.
    pub verdict: String,
}

/// One of the two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Side {
    /// Its folder.
    pub folder: PathBuf,
    /// Method, scenario and model.
    pub title: String,
    /// Tasks learned and scored, of all tasks.
    pub learned: usize,
    /// All tasks.
    pub tasks: usize,
}

impl Why {
    /// Compares two run folders, finished or not.
    ///
    /// # Errors
    ///
    /// When a folder holds no run, or a file of a run is damaged.
    pub fn read(left: &Path, right: &Path) -> Result<Self, Error> {
        let (left, right) = (Folder::read(left)?, Folder::read(right)?);
        let (configuration, data, weights, environment) = changes::all(&left, &right);
        let mut why = Self {
            left: left.side(),
            right: right.side(),
            configuration,
            data,
            weights,
            environment,
            results: results::changes(&left, &right),
            curves: Curves::new(&left.steps, &right.steps),
            files: files::compare(&left, &right)?,
            verdict: String::new(),
        };
        why.verdict = verdict::verdict(&why);
        Ok(why)
    }

    /// All differences for people.
    pub fn to_text(&self) -> String {
        text::text(self)
    }
}
