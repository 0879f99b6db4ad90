use std::{collections::BTreeMap, path::PathBuf};

use clf_clip::{Activation, Precision};
use serde::{Deserialize, Serialize};

use super::TaskRecord;
use crate::{capabilities::Capabilities, cost::Cost, scenario::Protocol};

/// Where and with what a run was made; `environment.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Environment {
    /// Version of clf.
    pub version: String,
    /// SHA-256 of the program, plugins included.
    #[serde(default)]
    pub program_sha256: String,
    /// Device, as given to the engine.
    pub device: String,
    /// Arithmetic of matrix products.
    #[serde(default)]
    pub precision: Precision,
    /// Threads available to the CPU backend.
    pub threads: usize,
    /// SHA-256 of the model's weights before training.
    pub weights_sha256: String,
    /// Activation of the model, which most weights do not tell.
    pub activation: Activation,
    /// Weights that training started from, if not those of the model.
    pub start: Option<PathBuf>,
    /// SHA-256 of those weights.
    pub start_sha256: Option<String>,
    /// Name of the reference data.
    pub reference: Option<String>,
    /// Reference images found.
    pub reference_images: Option<usize>,
    /// Reference texts found.
    pub reference_texts: Option<usize>,
    /// What the method and its hooks need and train; nothing in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Capabilities>,
    /// The tasks, in order.
    #[serde(default)]
    pub tasks: Vec<TaskRecord>,
}

/// The outcome of a run; `result.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunResult {
    /// Method.
    pub method: String,
    /// Scenario.
    pub scenario: String,
    /// Procedure of the scenario.
    pub procedure: String,
    /// Model.
    pub model: String,
    /// Seed.
    pub seed: u64,
    /// Whether all tasks are learned.
    pub finished: bool,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Task names.
    pub tasks: Vec<String>,
    /// Test images of each task.
    pub test_images: Vec<usize>,
    /// What the run cost; nothing in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Metrics by name.
    pub metrics: BTreeMap<String, f64>,
    /// The figures under the other protocol, where the scenario has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherMetrics>,
}

/// Figures under the protocol that is not the procedure's own: whether the task of a test image is known or withheld.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OtherMetrics {
    /// What is known of a test image.
    pub protocol: Protocol,
    /// The same figures as those of the procedure, by name.
    pub metrics: BTreeMap<String, f64>,
}
