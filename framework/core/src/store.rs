//! The run folder: what a run leaves on disk.
//!
//! `config.toml` (every setting with its origin), `environment.json`, `metrics.jsonl` (a line a step), `timing.jsonl` (what the
//! clock said of each; of all files this one alone and the seconds in `result.json` differ from run to run), `matrix.csv` and
//! `matrix.npy` (accuracy in percent, row 0 before training), `zero-shot.npy` (the same for a model that never changes,
//! over the classes that compete in each row), `predictions/NN.npy` (a row an image: task, label,
//! predicted class, and label and class under the other protocol), `matrix-task-agnostic.csv` and `.npy` (or
//! `-task-aware`: the accuracy under the other protocol), `model.safetensors` (weights after the last finished task, OpenAI
//! names), `checkpoints/` (while the run is not finished), `files.json` (length and SHA-256 of the files, once it is finished) and
//! `result.json`.

mod arrays;
mod checkpoint_file;
mod checkpoints;
mod files;
mod lines;
mod read;
mod record;
mod written;

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
    written::Written,
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
    written: Written,
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
    /// What the run wrote up to there and does not write again.
    written: Written,
}

/// How the `config.toml` of every run begins; a folder without it is not ours to change.
const HEADER: &str = "# method ";
/// Lines of the steps.
const STEPS: &str = "metrics.jsonl";
/// What the clock says of them.
const TIMING: &str = "timing.jsonl";
/// The rows of a model that never changes.
const UNTOUCHED: &str = "zero-shot.npy";
/// Folder of the predictions, a file a row.
const PREDICTIONS: &str = "predictions";
/// Weights after the last finished task.
const WEIGHTS: &str = "model.safetensors";
/// Held by the program that works in a folder.
const LOCK: &str = ".lock";
/// Files of a run that a new run in the same folder replaces; the one that marks the folder as ours comes last.
const FILES: [&str; 18] = [
    "result.json",
    written::LIST,
    STEPS,
    TIMING,
    "matrix.csv",
    "matrix.npy",
    "matrix-task-agnostic.csv",
    "matrix-task-agnostic.npy",
    "matrix-task-aware.csv",
    "matrix-task-aware.npy",
    UNTOUCHED,
    WEIGHTS,
    "environment.json",
    PREDICTIONS,
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
        let later = [STEPS, "matrix.npy", WEIGHTS];
        if !path.exists() && !later.iter().any(|file| folder.join(file).exists()) {
            return Ok(None);
        }
        read_json(&path, "a run result").map(Some)
    }

    /// Compares the files of the finished run in `folder` with what it wrote; very long ones by their length alone.
    ///
    /// # Errors
    ///
    /// [`Error::NotWhole`] with the first file that is missing or another.
    pub fn check_finished(folder: &Path) -> Result<(), Error> {
        Written::check_finished(folder)
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
        let predictions = folder.join(PREDICTIONS);
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
    /// When no checkpoint can be used, a file that a finished task wrote is lost or damaged, one cannot be read or written, or
    /// another program works in the folder.
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
        found.as_ref().map_or(Ok(()), |found| found.record.written.check(folder))?;
        (result.finished, result.seconds, result.metrics, result.other) = (false, 0.0, BTreeMap::new(), None);
        let mut store = Self::open(folder, result, model, &read_environment(folder)?, keep, lock)?;
        let Some(Found { checkpoint, record, damaged }) = found else {
            store.rewind(0, 0)?;
            return Ok(Resumed { store, checkpoint: None, damaged: Vec::new() });
        };
        checkpoint.rows.iter().for_each(|row| store.matrix.push(row.clone()));
        record.other.iter().for_each(|row| store.other.push(row.iter().copied().map(f64::from_bits).collect()));
        store.before = record.seconds;
        store.written = record.written;
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
            steps: Lines::open(&folder.join(STEPS))?,
            timing: Lines::open(&folder.join(TIMING))?,
            checkpoints: Checkpoints::of(folder, keep),
            written: Written::default(),
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
            written: self.lasting(checkpoint),
        };
        self.checkpoints.save(checkpoint, &record)
    }

    /// What a run that goes on from `checkpoint` must find: the rest is written again before the end, and may be newer.
    fn lasting(&mut self, checkpoint: &Checkpoint) -> Written {
        let is_learned = checkpoint.learned && checkpoint.rows.len() == self.matrix.tasks().len();
        self.add_lines();
        self.written.only(|name| match name {
            STEPS | TIMING | UNTOUCHED => true,
            WEIGHTS => is_learned,
            name => name.starts_with(PREDICTIONS),
        })
    }

    fn add_lines(&mut self) {
        self.written.insert(STEPS, self.steps.sum());
        self.written.insert(TIMING, self.timing.sum());
    }

    /// Writes a file that is noted.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.written.add(name, bytes);
        write_atomically(&self.folder.join(name), bytes)
    }

    fn row(&mut self, row: &Row) -> Result<(), Error> {
        self.matrix.push(row.accuracies(self.matrix.tasks().len()));
        self.write("matrix.csv", matrix_csv(&self.matrix).as_bytes())?;
        self.write("matrix.npy", &matrix_npy(self.matrix.rows(), self.matrix.tasks().len())?)?;
        self.write(&format!("{PREDICTIONS}/{:02}.npy", row.learned), &predictions_npy(row)?)?;
        self.result.finished = row.learned == self.matrix.tasks().len();
        self.result.seconds = self.seconds();
        self.result.cost = Some(self.meter.cost());
        self.result.metrics = figures(&self.matrix, &self.result.procedure);
        self.other_row(row)?;
        if self.result.finished {
            self.add_lines();
            self.written.finish(&self.folder)?;
        }
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
        let file = |ending: &str| format!("matrix-{}.{ending}", protocol.name());
        self.write(&file("csv"), matrix_csv(&self.other).as_bytes())?;
        self.write(&file("npy"), &matrix_npy(self.other.rows(), tasks)?)?;
        self.result.other = Some(OtherMetrics { protocol, metrics: figures(&self.other, &self.result.procedure) });
        Ok(())
    }

    fn weights(&mut self, weights: &Weights) -> Result<(), Error> {
        weights.to_state_dict(&self.model).write(self.folder.join(WEIGHTS))?;
        self.written.add_file(&self.folder, WEIGHTS)
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
                self.write(UNTOUCHED, &matrix_npy(&rows, tasks)?)
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
