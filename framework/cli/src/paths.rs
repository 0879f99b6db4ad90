//! Where data, models and runs are.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use clap::{
    Arg, Command, Error,
    builder::{PathBufValueParser, TypedValueParser},
    parser::ValueSource,
};

/// The folder of datasets and models: `given` unless it is empty, or clf in the user's data folder.
pub fn data_root(given: Option<&Path>) -> PathBuf {
    match given {
        Some(path) if !path.as_os_str().is_empty() => path.to_owned(),
        _ => dirs::data_dir().unwrap_or_else(|| PathBuf::from(".")).join("clf"),
    }
}

/// Takes a folder, and lets a variable that is empty pass as one that is not set.
#[derive(Clone)]
pub struct DataParser;

impl TypedValueParser for DataParser {
    type Value = PathBuf;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<PathBuf, Error> {
        PathBufValueParser::new().parse_ref(command, argument, value)
    }

    fn parse_ref_(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<PathBuf, Error> {
        if value.is_empty() && source == ValueSource::EnvVariable {
            return Ok(PathBuf::new());
        }
        self.parse_ref(command, argument, value)
    }
}

/// The folder of the weights of named models.
pub fn models(data_root: &Path) -> PathBuf {
    data_root.join("models")
}

/// The folder itself, or the nearest one above it that exists.
pub fn nearest(folder: &Path) -> &Path {
    let here = |path: &&Path| path.as_os_str().is_empty() || path.exists();
    let found = folder.ancestors().find(here).unwrap_or(Path::new(""));
    if found.as_os_str().is_empty() { Path::new(".") } else { found }
}

/// The folder of TensorBoard's files in a run folder.
pub const TENSORBOARD: &str = "tensorboard";

/// Where run folders go unless the user says otherwise.
pub const RUNS: &str = "runs";

/// The run folder of a method, scenario and seed in `root`.
pub fn run_folder(root: &Path, scenario: &str, method: &str, seed: u64) -> PathBuf {
    root.join(format!("{scenario}-{method}-{seed}"))
}
