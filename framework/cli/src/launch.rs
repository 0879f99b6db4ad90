//! One run, from arguments to its folder: what `clf run` and `clf compare` share.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

use clf_core::{
    Capabilities, Error, Scenario,
    clip::{Clip, ClipConfig, Precision, Weights},
    config::{Config, UserLayer, parse_assignment},
    counted,
    engine::{Checkpoint, Observer, Run},
    registry::{self, MethodEntry},
    store::{Environment, Identity, Resumed, RunStore, TaskRecord},
};
use clf_logs::{Position, TensorBoard, read_steps};
use clf_report::Settings;
use clf_scenarios::ScenarioFile;
use sha2::{Digest, Sha256};

use crate::{
    arguments::{CheckpointArguments, SetupArguments},
    device,
    earlier::Earlier,
    logging,
    model::{self, Loaded},
    paths,
    progress::{self, Progress},
    rerun::Rerun,
    room::Room,
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
    /// How to make the run again.
    pub rerun: Rerun,
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
        let rerun = Rerun::new(entry.name, file, setup, seed);
        Ok(Self { entry, config, needs, seed, precision, rerun })
    }

    /// The run folder in `root`.
    pub fn folder(&self, root: &Path, file: &ScenarioFile) -> PathBuf {
        paths::run_folder(root, &file.head().name, self.entry.name, self.seed)
    }
}

/// Where a run is recorded, and how it is saved.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The run folder.
    pub folder: &'a Path,
    /// Whether it holds the beginning of this very run; anything else is replaced.
    pub goes_on: bool,
    /// Checkpoints.
    pub checkpoints: CheckpointArguments,
}

/// The files that TensorBoard shows, of a run from its start or from a checkpoint.
fn tensorboard(folder: &Path, scenario: &dyn Scenario, from: Option<&Checkpoint>) -> Result<TensorBoard, Error> {
    let from = match from {
        None => Position::default(),
        // A task that is learned without any steps counts as one.
        Some(checkpoint) => Position {
            steps: (read_steps(folder)?.len()).max(checkpoint.rows.len().saturating_sub(1)) as u64,
            rows: checkpoint.rows.clone(),
        },
    };
    let (names, counts) = scenario.tasks().iter().map(|task| (task.name.clone(), task.test.len())).unzip();
    TensorBoard::create(&folder.join(paths::TENSORBOARD), scenario.procedure(), names, counts, from)
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
        Self::with(model::load(&setup.model, default, data_root, &device)?, setup)
    }

    /// As [`Inputs::load`], with random weights where those of a published model are not there: they take the same time.
    pub fn load_or_draw(setup: &SetupArguments, default: Option<&str>, data_root: &Path) -> Result<Self, Error> {
        let device = device::open(&setup.data.device)?;
        Self::with(model::load_or_draw(&setup.model, default, data_root, &device)?, setup)
    }

    /// The shape of the model.
    pub fn model(&self) -> &ClipConfig {
        self.loaded.clip.config()
    }

    /// The name of the device.
    pub fn device(&self) -> String {
        device::describe(&self.loaded.clip.device())
    }

    fn with(loaded: Loaded, setup: &SetupArguments) -> Result<Self, Error> {
        let start = setup.start.as_deref().map(|path| Start::read(&loaded.clip, path)).transpose()?;
        Ok(Self { loaded, start })
    }

    /// Refuses settings and data with which the run could not end well.
    pub fn check(&self, plan: &Plan, scenario: &dyn Scenario) -> Result<(), Error> {
        self.engine(plan, scenario).map(drop)
    }

    /// What `folder` holds of this run already.
    ///
    /// # Errors
    ///
    /// When the environment cannot be put into a table, which is a defect.
    pub fn earlier(&self, plan: &Plan, scenario: &dyn Scenario, folder: &Path) -> Result<Earlier, Error> {
        let environment = self.environment(plan, scenario);
        let settings = Settings::new(plan.entry.name, scenario.name(), plan.config.table(), &environment)?;
        Ok(Earlier::find(folder, &settings, &environment))
    }

    /// Executes a run and records it in `folder`: goes on with what was begun there, and replaces anything else.
    pub fn run(
        &self,
        plan: &Plan,
        scenario: &dyn Scenario,
        place: &Place<'_>,
        stop: Arc<AtomicBool>,
    ) -> Result<(), Error> {
        self.run_watched(plan, scenario, place, stop, None)
    }

    /// As [`Inputs::run`]; `watch` hears of every event after it is recorded.
    pub fn run_watched(
        &self,
        plan: &Plan,
        scenario: &dyn Scenario,
        place: &Place<'_>,
        stop: Arc<AtomicBool>,
        watch: Option<&mut dyn Observer>,
    ) -> Result<(), Error> {
        let (mut store, mut board, mut progress);
        let CheckpointArguments { checkpoint_every, .. } = place.checkpoints;
        let mut run = self.engine(plan, scenario)?.with_checkpoints(checkpoint_every);
        if !place.goes_on {
            Room::of(self.model(), plan.needs, &plan.config, place.checkpoints)?.warn(place.folder);
        }
        (store, run.from) = self.open_store(plan, scenario, place)?;
        plan.rerun.write(place.folder)?;
        board = tensorboard(place.folder, scenario, run.from.as_ref())?;
        tracing::info!("run folder {}", place.folder.display());
        progress = Progress::new(scenario.tasks().len());
        // What TensorBoard has not got when a checkpoint is written would be missing in a run that goes on from it.
        run.observers = vec![&mut board, &mut store, &mut progress];
        if let Some(watch) = watch {
            run.observers.push(watch);
        }
        run.stop = stop;
        let start = self.start.as_ref().map_or(&self.loaded.clip, |start| &start.clip);
        run.execute(Weights::of(start)).map(drop)
    }

    fn open_store(
        &self,
        plan: &Plan,
        scenario: &dyn Scenario,
        place: &Place<'_>,
    ) -> Result<(RunStore, Option<Checkpoint>), Error> {
        let Place { folder, goes_on, checkpoints } = *place;
        let (model, keep) = (self.loaded.clip.config(), checkpoints.keep_checkpoints);
        let log = folder.join("log.txt");
        if !goes_on {
            let environment = self.environment(plan, scenario);
            let identity = Identity { method: plan.entry.name, model: &self.loaded.name, seed: plan.seed };
            let store = RunStore::create(folder, &identity, scenario, &plan.config, &environment, model, keep)?;
            logging::copy_to(&log, false)?;
            return Ok((store, None));
        }
        let Resumed { store, checkpoint, damaged } =
            RunStore::resume(folder, model, &self.loaded.clip.device().without_autodiff(), keep)?;
        logging::copy_to(&log, true)?;
        for (path, reason) in damaged {
            tracing::warn!("checkpoint {} is passed over for an older one: {reason}", path.display());
        }
        let (task, step) = checkpoint.as_ref().map_or((0, 0), Checkpoint::position);
        let (tasks, steps) = (counted(task, "task"), counted(step, "step"));
        progress::say(&format!("goes on in {} after {tasks} and {steps}", folder.display()));
        Ok((store, checkpoint))
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
    // The link of the system leads to what runs, even where another build has taken its place meanwhile.
    let own = Path::new("/proc/self/exe");
    let path = || if own.exists() { Ok(own.to_owned()) } else { std::env::current_exe() };
    let read = || path().and_then(fs::read).map(|bytes| hex::encode(Sha256::digest(bytes)));
    HASH.get_or_init(|| read().unwrap_or_default())
}

/// Layers of the user, weak to strong: files, `--set`, the precision, the size of micro-batches, the seed.
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
    layers.extend(setup.micro_batch_layer());
    if let Some(seed) = seed {
        let table = toml::Table::from_iter([("seed".to_owned(), toml::Value::Integer(seed.cast_signed()))]);
        layers.push(UserLayer { origin: "--seed".to_owned(), table, chosen: true });
    }
    Ok(layers)
}
