//! One run, from arguments to its folder: what `clf run` and `clf compare` share.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

use clf_core::{
    Capabilities, Error, Scenario,
    clip::{Clip, Precision, Weights},
    config::{Config, UserLayer, parse_assignment},
    engine::Run,
    registry::{self, MethodEntry},
    store::{Environment, Identity, RunStore, TaskRecord},
};
use clf_scenarios::ScenarioFile;
use sha2::{Digest, Sha256};

use crate::{
    arguments::SetupArguments,
    device, logging,
    model::{self, Loaded},
    paths,
    progress::Progress,
};

/// Reads a scenario, with the reference data that the user chose.
pub fn read_scenario(name: &str, setup: &SetupArguments) -> Result<ScenarioFile, Error> {
    let file = ScenarioFile::read(name)?.with_limits(setup.limits.limits());
    Ok(file.with_reference(setup.reference_images.clone(), setup.reference_texts.clone()))
}

/// A method that can run in a scenario, with all its settings; no data or weights are open yet.
pub struct Plan {
    /// The method.
    pub entry: &'static MethodEntry,
    /// The resolved settings.
    pub config: Config,
    /// What the method and its hooks need.
    pub needs: Capabilities,
    /// Seed of the run.
    pub seed: u64,
    /// Arithmetic of its matrix products.
    pub precision: Precision,
}

impl Plan {
    /// Resolves the settings of `method` and checks what it needs.
    pub fn new(method: &str, file: &ScenarioFile, setup: &SetupArguments, seed: Option<u64>) -> Result<Self, Error> {
        let entry = registry::find::<MethodEntry>(method)?;
        let config = Config::resolve(entry, file.head(), user_layers(setup, seed)?, &setup.hooks)?;
        let needs = config.capabilities(entry)?;
        needs.check(entry.name, file.head())?;
        if needs.fixed && setup.start.is_some() {
            let reason = format!("{method} never learns; score these weights with clf eval --checkpoint FILE");
            return Err(Error::config("--start", reason));
        }
        let (seed, precision) = (config.seed()?, config.precision()?);
        Ok(Self { entry, config, needs, seed, precision })
    }

    /// The run folder in `root`.
    pub fn folder(&self, root: &Path, file: &ScenarioFile) -> PathBuf {
        paths::run_folder(root, &file.head().name, self.entry.name, self.seed)
    }
}

/// The weights of runs, on their device.
pub struct Inputs {
    loaded: Loaded,
    start: Option<Start>,
}

struct Start {
    path: PathBuf,
    clip: Clip,
    sha256: String,
}

impl Inputs {
    /// Opens the device and loads the model, `default` unless the user names one.
    pub fn load(setup: &SetupArguments, default: Option<&str>, data_root: &Path) -> Result<Self, Error> {
        let device = device::open(&setup.data.device)?;
        let loaded = model::load(&setup.model, default, data_root, &device)?;
        let start = setup.start.as_deref().map(|path| Start::read(&loaded.clip, path)).transpose()?;
        Ok(Self { loaded, start })
    }

    /// Refuses settings and data with which the run could not end well.
    pub fn check(&self, plan: &Plan, scenario: &dyn Scenario) -> Result<(), Error> {
        self.engine(plan, scenario).map(drop)
    }

    /// Executes a run and records it in `folder`, in place of a run that is there.
    pub fn run(&self, plan: &Plan, scenario: &dyn Scenario, folder: &Path, stop: Arc<AtomicBool>) -> Result<(), Error> {
        let (mut store, mut progress);
        let mut run = self.engine(plan, scenario)?;
        let environment = self.environment(plan, scenario);
        let identity = Identity { method: plan.entry.name, model: &self.loaded.name, seed: plan.seed };
        let model = self.loaded.clip.config();
        store = RunStore::create(folder, &identity, scenario, &plan.config, &environment, model)?;
        logging::copy_to(&folder.join("log.txt"))?;
        tracing::info!("run folder {}", folder.display());
        progress = Progress::new(scenario.tasks().len());
        run.observers = vec![&mut store, &mut progress];
        run.stop = stop;
        let start = self.start.as_ref().map_or(&self.loaded.clip, |start| &start.clip);
        run.execute(Weights::of(start)).map(drop)
    }

    /// Where and with what a run is made.
    pub fn environment(&self, plan: &Plan, scenario: &dyn Scenario) -> Environment {
        let reference = scenario.reference();
        let rule = plan.config.task_settings_rule();
        Environment {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            program_sha256: program_sha256().to_owned(),
            device: device::describe(&self.loaded.clip.device()),
            precision: plan.precision,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            weights_sha256: self.loaded.sha256.clone(),
            activation: self.loaded.clip.config().activation,
            start: self.start.as_ref().map(|start| start.path.clone()),
            start_sha256: self.start.as_ref().map(|start| start.sha256.clone()),
            reference: reference.map(|reference| reference.name.clone()),
            reference_images: reference.and_then(|reference| Some(reference.images.as_ref()?.len())),
            reference_texts: reference.map(|reference| reference.texts.len()),
            needs: Some(plan.needs),
            tasks: scenario.tasks().iter().map(|task| TaskRecord::new(task, rule)).collect(),
        }
    }

    fn engine<'a>(&self, plan: &Plan, scenario: &'a dyn Scenario) -> Result<Run<'a>, Error> {
        Run::new(plan.entry, scenario, &plan.config, self.loaded.clip.clone())
    }
}

impl Start {
    fn read(model: &Clip, path: &Path) -> Result<Self, Error> {
        let clip = model::read_like(model, path)?;
        let sha256 = clip.to_state_dict().sha256();
        Ok(Self { path: path.to_owned(), clip, sha256 })
    }
}

/// SHA-256 of this very program, which tells a changed method from the one that made an earlier run; empty where the program
/// cannot be read.
fn program_sha256() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    let read = || std::env::current_exe().and_then(fs::read).map(|bytes| hex::encode(Sha256::digest(bytes)));
    HASH.get_or_init(|| read().unwrap_or_default())
}

/// Layers of the user, weak to strong: files, `--set`, the precision, the seed.
pub fn user_layers(setup: &SetupArguments, seed: Option<u64>) -> Result<Vec<UserLayer>, Error> {
    let mut layers = Vec::new();
    for path in &setup.configs {
        let text = fs::read_to_string(path).map_err(|error| Error::io("read the configuration", path, error))?;
        let table = text
            .parse()
            .map_err(|error: toml::de::Error| Error::config(path.display().to_string(), error.to_string()))?;
        layers.push(UserLayer { origin: path.display().to_string(), table, chosen: false });
    }
    for set in &setup.sets {
        layers.push(parse_assignment(set)?);
    }
    layers.extend(setup.precision.layer());
    if let Some(seed) = seed {
        let table = toml::Table::from_iter([("seed".to_owned(), toml::Value::Integer(seed.cast_signed()))]);
        layers.push(UserLayer { origin: "--seed".to_owned(), table, chosen: true });
    }
    Ok(layers)
}
