//! How a run was asked for: what its folder keeps so that it can be made again, here or elsewhere.

use std::{
    env, fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use clf_core::{Error, clip::Activation, store::write_atomically};
use clf_scenarios::ScenarioFile;
use serde::{Deserialize, Serialize};

use crate::{arguments::SetupArguments, model};

/// File of the command in a run folder.
pub const COMMAND: &str = "command.json";
/// File of the scenario, as it was, in a run folder.
pub const SCENARIO: &str = "scenario.toml";

/// The command behind a run, resolved; `command.json`. Settings are in `config.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rerun {
    /// The command as it was typed.
    pub typed: Vec<String>,
    /// The folder that it was typed in, where its relative paths start.
    pub working_folder: PathBuf,
    /// Revision of the source, where whoever built the program set `CLF_REVISION`.
    pub revision: Option<String>,
    /// Method.
    pub method: String,
    /// Scenario, without what limits add to its name.
    pub scenario: String,
    /// Where relative paths in the scenario start.
    pub scenario_base: PathBuf,
    /// Seed.
    pub seed: u64,
    /// Model by name, or a file.
    pub model: String,
    /// Activation that the user set.
    pub activation: Option<Activation>,
    /// Weights that training starts from.
    pub start: Option<PathBuf>,
    /// Hooks beside those of the method.
    pub hooks: Vec<String>,
    /// Settings, which count as chosen even where they change nothing.
    pub sets: Vec<String>,
    /// Reference images instead of the scenario's.
    pub reference_images: Option<String>,
    /// Reference texts instead of the scenario's.
    pub reference_texts: Option<String>,
    /// Training images of a class.
    pub limit_per_class: Option<NonZeroUsize>,
    /// Test images of a task.
    pub limit_test: Option<NonZeroUsize>,
    /// Whether smaller copies of datasets are taken.
    pub partial_data: bool,
    /// Device that was asked for.
    pub device: String,
    /// The scenario's TOML; a file of its own.
    #[serde(skip)]
    text: String,
}

impl Rerun {
    /// The command behind a run of `method` in the scenario `file`.
    pub fn new(method: &str, file: &ScenarioFile, setup: &SetupArguments, seed: u64) -> Self {
        let name = setup.model.model.as_deref().or(file.model()).unwrap_or(model::EMBEDDED);
        Self {
            typed: env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            working_folder: env::current_dir().unwrap_or_default(),
            revision: option_env!("CLF_REVISION").map(str::to_owned),
            method: method.to_owned(),
            scenario: file.id().to_owned(),
            scenario_base: file.base().to_owned(),
            seed,
            model: name.to_owned(),
            activation: setup.model.activation.map(Activation::from),
            start: setup.start.clone(),
            hooks: setup.hooks.clone(),
            sets: setup.sets.clone(),
            reference_images: setup.reference_images.clone(),
            reference_texts: setup.reference_texts.clone(),
            limit_per_class: setup.limits.limit_per_class,
            limit_test: setup.limits.limit_test,
            partial_data: setup.data.folder.partial_data,
            device: setup.data.device.clone(),
            text: file.text().to_owned(),
        }
    }

    /// Writes the command and the scenario into a run folder.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        write_atomically(&folder.join(SCENARIO), self.text.as_bytes())?;
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Defect(error.to_string()))?;
        write_atomically(&folder.join(COMMAND), format!("{text}\n").as_bytes())
    }

    /// Reads the command of the run in `folder`.
    ///
    /// # Errors
    ///
    /// When the folder holds no run, or one of a version that kept no command.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(COMMAND);
        if folder.join("config.toml").exists() && !path.exists() {
            let reason = format!("it holds no {COMMAND}, which runs of this version of clf have; repeat the run");
            return Err(Error::config(folder.display().to_string(), reason));
        }
        let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
        let damaged = |error| Error::damaged(&path, format!("not the command of a run: {error}"));
        serde_json::from_str(&text).map_err(damaged)
    }

    /// The model's name for texts.
    pub fn model_name(&self) -> String {
        model::display_name(&self.model)
    }

    /// The file of the model, if it is not one that is known by name.
    pub fn model_file(&self) -> Option<PathBuf> {
        model::is_file(&self.model).then(|| self.working_folder.join(&self.model))
    }

    /// The file of the weights that training starts from.
    pub fn start_file(&self) -> Option<PathBuf> {
        self.start.as_ref().map(|start| self.working_folder.join(start))
    }

    /// Arguments of `clf` that make the run again from the files of a bundle: its scenario and configuration, and `model` and
    /// `start` in place of files of weights.
    pub fn arguments(&self, scenario: &str, device: &str, model: Option<&str>, start: Option<&str>) -> Vec<String> {
        let activation = self.activation.map(|activation| match activation {
            Activation::QuickGelu => "quick-gelu".to_owned(),
            Activation::Gelu => "gelu".to_owned(),
        });
        let one = |flag: &str, value: Option<String>| value.map(|value| vec![format!("--{flag}"), value]);
        let many = |flag: &str, values: &[String]| {
            Some(values.iter().flat_map(|value| [format!("--{flag}"), value.clone()]).collect::<Vec<_>>())
        };
        let parts = [
            Some(vec!["run".to_owned()]),
            one("method", Some(self.method.clone())),
            one("scenario", Some(scenario.to_owned())),
            one("config", Some("config.toml".to_owned())),
            one("seed", Some(self.seed.to_string())),
            one("model", Some(model.unwrap_or(&self.model).to_owned())),
            one("activation", activation),
            one("start", start.map(str::to_owned)),
            many("hook", &self.hooks),
            many("set", &self.sets),
            one("reference-images", self.reference_images.clone()),
            one("reference-texts", self.reference_texts.clone()),
            one("limit-per-class", self.limit_per_class.map(|limit| limit.to_string())),
            one("limit-test", self.limit_test.map(|limit| limit.to_string())),
            self.partial_data.then(|| vec!["--partial-data".to_owned()]),
            one("device", Some(device.to_owned())),
        ];
        parts.into_iter().flatten().flatten().collect()
    }
}
