//! The run folder: what a run leaves on disk.
//!
//! `config.toml` (every setting with its origin), `environment.json`, `metrics.jsonl` (a line a step), `timing.jsonl` (what the
//! clock said of each; of all files this one alone and the seconds in `result.json` differ from run to run), `matrix.csv` and
//! `matrix.npy` (accuracy in percent, row 0 before training), `zero-shot.npy` (the same for a model that never changes,
//! over the classes that compete in each row), `predictions/NN.npy` (a row an image: task, label,
//! predicted class, and label and class under the other protocol), `matrix-task-agnostic.csv` and `.npy` (or
//! `-task-aware`: the accuracy under the other protocol), `model.safetensors` (weights after the last finished task, OpenAI
//! names), `checkpoints/` (while the run is not finished) and `result.json`.

mod arrays;
mod checkpoint_file;
mod checkpoints;
mod files;
mod lines;
mod read;
mod record;

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Instant,
};

use burn::tensor::Device;
use clf_clip::{ClipConfig, Weights};
use serde::{Deserialize, Serialize};

use self::{
    arrays::{matrix_csv, matrix_npy, predictions_npy},
    checkpoints::{Checkpoints, Found},
    files::{read_json, write_json},
    lines::Lines,
};
use crate::{
    config::Config,
    cost::{Cost, CostMeter},
    engine::{Checkpoint, Event, Observer, Row, StepTiming},
    error::Error,
    metrics::{AccuracyMatrix, Metrics},
    scenario::{Protocol, Scenario},
};

pub use arrays::csv_line;
pub use checkpoints::KEPT as KEPT_CHECKPOINTS;
pub use files::write_atomically;
pub use read::{read_config, read_environment, read_matrix, read_run};
pub use record::{Environment, OtherMetrics, RunResult};

pub use crate::task_record::TaskRecord;

/// Writes a run folder while the run goes on.
pub struct RunStore {
    folder: PathBuf,
    steps: Lines,
    timing: Lines,
    checkpoints: Checkpoints,
    matrix: AccuracyMatrix,
    other: AccuracyMatrix,
    model: ClipConfig,
    result: RunResult,
    meter: CostMeter,
    started: Instant,
    /// Seconds of the run before it was stopped.
    before: f64,
    /// Held as long as this run goes on.
    _lock: File,
}

/// What belongs to a checkpoint of the engine: how much of the other files is of the run up to there.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Record {
    steps: u64,
    timing: u64,
    /// Bits of the accuracies under the other protocol.
    other: Vec<Vec<u64>>,
    seconds: f64,
    cost: Cost,
}

/// How the `config.toml` of every run begins; a folder without it is not ours to change.
const HEADER: &str = "# method ";
/// Held by the program that works in a folder.
const LOCK: &str = ".lock";
/// Files of a run that a new run in the same folder replaces; the one that marks the folder as ours comes last.
const FILES: [&str; 17] = [
    "result.json",
    "metrics.jsonl",
    "timing.jsonl",
    "matrix.csv",
    "matrix.npy",
    "matrix-task-agnostic.csv",
    "matrix-task-agnostic.npy",
    "matrix-task-aware.csv",
    "matrix-task-aware.npy",
    "zero-shot.npy",
    "model.safetensors",
    "environment.json",
    "predictions",
    "tensorboard",
    "command.json",
    "scenario.toml",
    "config.toml",
];

/// The page that `clf report` makes of a run, which would be that of another one.
const REPORT: &str = "report.html";

/// Who a run is, for its record.
pub struct Identity<'a> {
    /// Method.
    pub method: &'a str,
    /// Model.
    pub model: &'a str,
    /// Seed.
    pub seed: u64,
}

/// A run that goes on: its store, and where the engine begins.
pub struct Resumed {
    /// The store.
    pub store: RunStore,
    /// The newest checkpoint that is whole, if there is any.
    pub checkpoint: Option<Checkpoint>,
    /// Newer ones that are damaged, and what is wrong with them.
    pub damaged: Vec<(PathBuf, String)>,
}

impl RunStore {
    /// Refuses a folder with files of somebody else in the places of those of a run. Whether it is a run folder.
    ///
    /// # Errors
    ///
    /// Names the folder and a file.
    pub fn check_ours(folder: &Path) -> Result<bool, Error> {
        let config = fs::read_to_string(folder.join("config.toml")).unwrap_or_default();
        if config.starts_with(HEADER) {
            return Ok(true);
        }
        match FILES.iter().find(|file| folder.join(file).exists()) {
            Some(file) => {
                let reason = format!("it holds {file} but is no run folder; choose another with --out");
                Err(Error::config(folder.display().to_string(), reason))
            }
            None => Ok(false),
        }
    }

    /// Whether a program is at work on the run in `folder`, as far as the file system can tell.
    pub fn is_at_work(folder: &Path) -> bool {
        let file = File::options().append(true).open(folder.join(LOCK));
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// The run in `folder`, finished or not; nothing where none has begun.
    ///
    /// # Errors
    ///
    /// When the folder holds files of somebody else, or those of the run are damaged.
    pub fn find(folder: &Path) -> Result<Option<RunResult>, Error> {
        let path = folder.join("result.json");
        if !Self::check_ours(folder)? {
            return Ok(None);
        }
        // It is the last file of the beginning; these come later.
        let later = ["metrics.jsonl", "matrix.npy", "model.safetensors"];
        if !path.exists() && !later.iter().any(|file| folder.join(file).exists()) {
            return Ok(None);
        }
        read_json(&path, "a run result").map(Some)
    }

    /// Creates `folder` and writes what is known before the first step; files of an earlier run are removed. The newest
    /// `keep` checkpoints stay, also after the end.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written, holds files of somebody else, or another program works in it.
    pub fn create(
        folder: &Path,
        identity: &Identity<'_>,
        scenario: &dyn Scenario,
        config: &Config,
        environment: &Environment,
        model: &ClipConfig,
        keep: Option<NonZeroUsize>,
    ) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
        let lock = lock(folder)?;
        Self::check_ours(folder)?;
        remove_earlier_run(folder)?;
        let header = format!("{HEADER}{}, scenario {}, model {}\n", identity.method, scenario.name(), identity.model);
        write_atomically(&folder.join("config.toml"), (header + &config.to_annotated_toml()).as_bytes())?;
        let predictions = folder.join("predictions");
        fs::create_dir_all(&predictions).map_err(|error| Error::io("create the folder", &predictions, error))?;
        write_json(&folder.join("environment.json"), environment)?;
        let tasks: Vec<String> = scenario.tasks().iter().map(|task| task.name.clone()).collect();
        let counts: Vec<usize> = scenario.tasks().iter().map(|task| task.test.len()).collect();
        let result = RunResult {
            method: identity.method.to_owned(),
            scenario: scenario.name().to_owned(),
            procedure: scenario.procedure().to_owned(),
            model: identity.model.to_owned(),
            seed: identity.seed,
            finished: false,
            seconds: 0.0,
            tasks,
            test_images: counts,
            cost: None,
            metrics: BTreeMap::new(),
            other: None,
        };
        write_json(&folder.join("result.json"), &result)?;
        Self::open(folder, result, model, environment, keep, lock)
    }

    /// Goes on with the run in `folder`, from its newest checkpoint.
    ///
    /// # Errors
    ///
    /// When no checkpoint can be used, a file cannot be read or written, or another program works in the folder.
    pub fn resume(
        folder: &Path,
        model: &ClipConfig,
        device: &Device,
        keep: Option<NonZeroUsize>,
    ) -> Result<Resumed, Error> {
        let lock = lock(folder)?;
        let mut result: RunResult = read_json(&folder.join("result.json"), "a run result")?;
        if result.finished {
            let reason = "another program has finished this run meanwhile; the same command shows its result";
            return Err(Error::config(folder.display().to_string(), reason));
        }
        let found = Checkpoints::of(folder, keep).newest::<Record>(device)?;
        (result.finished, result.seconds, result.metrics, result.other) = (false, 0.0, BTreeMap::new(), None);
        let mut store = Self::open(folder, result, model, &read_environment(folder)?, keep, lock)?;
        let Some(Found { checkpoint, record, damaged }) = found else {
            store.rewind(0, 0)?;
            return Ok(Resumed { store, checkpoint: None, damaged: Vec::new() });
        };
        checkpoint.rows.iter().for_each(|row| store.matrix.push(row.clone()));
        record.other.iter().for_each(|row| store.other.push(row.iter().copied().map(f64::from_bits).collect()));
        store.before = record.seconds;
        store.meter = store.meter.after(Some(record.cost));
        store.rewind(record.steps, record.timing)?;
        Ok(Resumed { store, checkpoint: Some(checkpoint), damaged })
    }

    fn open(
        folder: &Path,
        result: RunResult,
        model: &ClipConfig,
        environment: &Environment,
        keep: Option<NonZeroUsize>,
        lock: File,
    ) -> Result<Self, Error> {
        let matrix = AccuracyMatrix::new(result.tasks.clone(), result.test_images.clone());
        Ok(Self {
            folder: folder.to_owned(),
            steps: Lines::open(&folder.join("metrics.jsonl"))?,
            timing: Lines::open(&folder.join("timing.jsonl"))?,
            checkpoints: Checkpoints::of(folder, keep),
            other: matrix.clone(),
            matrix,
            model: model.clone(),
            result,
            meter: CostMeter::start(model, environment.device != "cpu"),
            started: Instant::now(),
            before: 0.0,
            _lock: lock,
        })
    }

    /// Cuts off what was written after a checkpoint.
    fn rewind(&mut self, steps: u64, timing: u64) -> Result<(), Error> {
        self.steps.cut(steps)?;
        self.timing.cut(timing)
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        // The lines that the checkpoint counts on must not be lost after it.
        self.steps.sync()?;
        self.timing.sync()?;
        let record = Record {
            steps: self.steps.length(),
            timing: self.timing.length(),
            other: self.other.rows().iter().map(|row| row.iter().map(|value| value.to_bits()).collect()).collect(),
            seconds: self.seconds(),
            cost: self.meter.cost(),
        };
        self.checkpoints.save(checkpoint, &record)
    }

    fn row(&mut self, row: &Row) -> Result<(), Error> {
        self.matrix.push(row.accuracies(self.matrix.tasks().len()));
        write_atomically(&self.folder.join("matrix.csv"), matrix_csv(&self.matrix).as_bytes())?;
        write_atomically(&self.folder.join("matrix.npy"), &matrix_npy(self.matrix.rows(), self.matrix.tasks().len())?)?;
        let predictions = self.folder.join(format!("predictions/{:02}.npy", row.learned));
        write_atomically(&predictions, &predictions_npy(row)?)?;
        self.result.finished = row.learned == self.matrix.tasks().len();
        self.result.seconds = self.seconds();
        self.result.cost = Some(self.meter.cost());
        self.result.metrics = figures(&self.matrix, &self.result.procedure);
        self.other_row(row)?;
        write_json(&self.folder.join("result.json"), &self.result)?;
        if self.result.finished {
            self.checkpoints.finish();
        }
        Ok(())
    }

    fn other_row(&mut self, row: &Row) -> Result<(), Error> {
        if row.other.is_empty() && self.other.rows().is_empty() {
            return Ok(());
        }
        let tasks = self.other.tasks().len();
        self.other.push(row.other_accuracies(tasks));
        let (_, protocol) = Protocol::of(&self.result.procedure);
        let file = |ending: &str| self.folder.join(format!("matrix-{}.{ending}", protocol.name()));
        write_atomically(&file("csv"), matrix_csv(&self.other).as_bytes())?;
        write_atomically(&file("npy"), &matrix_npy(self.other.rows(), tasks)?)?;
        self.result.other = Some(OtherMetrics { protocol, metrics: figures(&self.other, &self.result.procedure) });
        Ok(())
    }

    fn weights(&self, weights: &Weights) -> Result<(), Error> {
        Ok(weights.to_state_dict(&self.model).write(self.folder.join("model.safetensors"))?)
    }
}

impl Observer for RunStore {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        self.meter.on_event(event);
        match event {
            Event::Step(record) => {
                self.steps.add(record)?;
                self.timing.add(&Timed { task: record.task, step: record.step, timing: record.timing })
            }
            Event::Checkpoint { checkpoint, begun } => {
                self.checkpoint(checkpoint)?;
                self.meter.saved(begun.elapsed());
                Ok(())
            }
            Event::TaskFinished { weights, .. } => self.weights(weights),
            Event::Untouched(rows) => {
                let tasks = self.matrix.tasks().len();
                let rows: Vec<_> = rows.iter().map(|row| row.accuracies(tasks)).collect();
                write_atomically(&self.folder.join("zero-shot.npy"), &matrix_npy(&rows, tasks)?)
            }
            Event::Evaluated(row) => self.row(row),
            _ => Ok(()),
        }
    }
}

/// A line of `timing.jsonl`.
#[derive(Serialize)]
struct Timed {
    task: usize,
    step: usize,
    #[serde(flatten)]
    timing: StepTiming,
}

/// Keeps other programs out of a run folder; the system gives it free when this program ends, in whatever way.
fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| Error::io("create", &path, error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let reason = "another program is at work on this run; wait for it, or choose another folder with --out";
            Err(Error::config(folder.display().to_string(), reason))
        }
        // Not every file system has locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Removes what a run leaves behind, and nothing else.
fn remove_earlier_run(folder: &Path) -> Result<(), Error> {
    checkpoints::remove_all(folder)?;
    for path in FILES.iter().chain([&REPORT]).map(|file| folder.join(file)) {
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(Error::io("replace", path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The figures that `procedure` defines, by name.
fn figures(matrix: &AccuracyMatrix, procedure: &str) -> BTreeMap<String, f64> {
    let metrics: Metrics = matrix.metrics(procedure);
    metrics.named().into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
