//! Where data, models and runs are.

use std::path::{Path, PathBuf};

/// The folder of datasets and models: `given`, or clf in the user's data folder.
pub fn data_root(given: Option<&Path>) -> PathBuf {
    match given {
        Some(path) => path.to_owned(),
        None => dirs::data_dir().unwrap_or_else(|| PathBuf::from(".")).join("clf"),
    }
}

/// The folder of the weights of named models.
pub fn models(data_root: &Path) -> PathBuf {
    data_root.join("models")
}

/// Where run folders go unless the user says otherwise.
pub const RUNS: &str = "runs";

/// The run folder of a method, scenario and seed in `root`.
pub fn run_folder(root: &Path, scenario: &str, method: &str, seed: u64) -> PathBuf {
    root.join(format!("{scenario}-{method}-{seed}"))
}
