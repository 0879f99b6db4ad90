//! The run folder: what a run leaves on disk.
//!
//! `config.toml` (every setting with its origin), `environment.json`, `metrics.jsonl` (a line a step), `matrix.csv` and
//! `matrix.npy` (accuracy in percent, row 0 before training), `zero-shot.npy` (the same for a model that never changes,
//! over the classes that compete in each row), `predictions/NN.npy` (a row an image: task, label,
//! predicted class, and label and class under the other protocol), `matrix-task-agnostic.csv` and `.npy` (or
//! `-task-aware`: the accuracy under the other protocol), `model.safetensors` (weights after the last finished task, OpenAI names) and `result.json`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use clf_clip::{Activation, ClipConfig, Precision, Weights};
use npyz::WriterBuilder;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    capabilities::Capabilities,
    config::Config,
    cost::{Cost, CostMeter},
    engine::{Event, Observer, Row},
    error::Error,
    metrics::{AccuracyMatrix, Metrics},
    scenario::{Protocol, Scenario},
};

pub use crate::task_record::TaskRecord;

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

/// Writes a run folder while the run goes on.
pub struct RunStore {
    folder: PathBuf,
    steps: BufWriter<File>,
    steps_path: PathBuf,
    matrix: AccuracyMatrix,
    other: AccuracyMatrix,
    model: ClipConfig,
    result: RunResult,
    meter: CostMeter,
    started: Instant,
}

/// How the `config.toml` of every run begins; a folder without it is not ours to change.
const HEADER: &str = "# method ";
/// Files of a run that a new run in the same folder replaces.
const FILES: [&str; 12] = [
    "result.json",
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
    "config.toml",
];

/// Who a run is, for its record.
pub struct Identity<'a> {
    /// Method.
    pub method: &'a str,
    /// Model.
    pub model: &'a str,
    /// Seed.
    pub seed: u64,
}

impl RunStore {
    /// Refuses a folder whose files would be lost: those of a run, unless it may be replaced, and anybody else's always.
    ///
    /// # Errors
    ///
    /// Names the folder.
    pub fn check_free(folder: &Path, overwrite: bool) -> Result<(), Error> {
        let refuse = |reason: String| Err(Error::config(folder.display().to_string(), reason));
        let config = fs::read_to_string(folder.join("config.toml")).unwrap_or_default();
        if !config.starts_with(HEADER) {
            return match FILES.iter().find(|file| folder.join(file).exists()) {
                Some(file) => refuse(format!("it holds {file} but is no run folder; choose another with --out")),
                None => Ok(()),
            };
        }
        if folder.join("result.json").exists() && !overwrite {
            let reason = "the folder already holds a run; choose another with --out, or --overwrite to replace it";
            return refuse(reason.to_owned());
        }
        Ok(())
    }

    /// Creates `folder` and writes what is known before the first step; files of an earlier run are removed.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn create(
        folder: &Path,
        identity: &Identity<'_>,
        scenario: &dyn Scenario,
        config: &Config,
        environment: &Environment,
        model: &ClipConfig,
    ) -> Result<Self, Error> {
        Self::check_free(folder, true)?;
        remove_earlier_run(folder)?;
        let predictions = folder.join("predictions");
        fs::create_dir_all(&predictions).map_err(|error| Error::io("create the folder", &predictions, error))?;
        let header = format!("{HEADER}{}, scenario {}, model {}\n", identity.method, scenario.name(), identity.model);
        write_atomically(&folder.join("config.toml"), (header + &config.to_annotated_toml()).as_bytes())?;
        write_json(&folder.join("environment.json"), environment)?;
        let steps_path = folder.join("metrics.jsonl");
        let steps = File::create(&steps_path).map_err(|error| Error::io("create", &steps_path, error))?;
        let tasks: Vec<String> = scenario.tasks().iter().map(|task| task.name.clone()).collect();
        let counts: Vec<usize> = scenario.tasks().iter().map(|task| task.test.len()).collect();
        Ok(Self {
            folder: folder.to_owned(),
            steps: BufWriter::new(steps),
            steps_path,
            matrix: AccuracyMatrix::new(tasks.clone(), counts.clone()),
            other: AccuracyMatrix::new(tasks.clone(), counts.clone()),
            model: model.clone(),
            result: RunResult {
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
            },
            meter: CostMeter::start(model, environment.device != "cpu"),
            started: Instant::now(),
        })
    }

    fn row(&mut self, row: &Row) -> Result<(), Error> {
        self.matrix.push(row.accuracies(self.matrix.tasks().len()));
        write_atomically(&self.folder.join("matrix.csv"), matrix_csv(&self.matrix).as_bytes())?;
        write_atomically(&self.folder.join("matrix.npy"), &matrix_npy(self.matrix.rows(), self.matrix.tasks().len())?)?;
        let predictions = self.folder.join(format!("predictions/{:02}.npy", row.learned));
        write_atomically(&predictions, &predictions_npy(row)?)?;
        self.result.finished = row.learned == self.matrix.tasks().len();
        self.result.cost = Some(self.meter.cost());
        self.result.seconds = self.started.elapsed().as_secs_f64();
        self.result.metrics = figures(&self.matrix, &self.result.procedure);
        self.other_row(row)?;
        self.flush()?;
        write_json(&self.folder.join("result.json"), &self.result)
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

    fn flush(&mut self) -> Result<(), Error> {
        self.steps.flush().map_err(|error| Error::io("write", &self.steps_path, error))
    }
}

impl Observer for RunStore {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        self.meter.on_event(event);
        match event {
            Event::Step(record) => {
                let line = serde_json::to_string(record).map_err(|error| Error::Defect(error.to_string()))?;
                writeln!(self.steps, "{line}").map_err(|error| Error::io("write", &self.steps_path, error))
            }
            Event::TaskFinished { weights, .. } => {
                self.flush()?;
                self.weights(weights)
            }
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

/// Removes what a run leaves behind, and nothing else.
fn remove_earlier_run(folder: &Path) -> Result<(), Error> {
    for path in FILES.map(|file| folder.join(file)) {
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

/// Reads the matrix of a run folder and what belongs to it.
///
/// # Errors
///
/// When the folder holds no run or a file is damaged.
pub fn read_run(folder: &Path) -> Result<(RunResult, AccuracyMatrix), Error> {
    let result: RunResult = read_json(&folder.join("result.json"), "a run result")?;
    let rows = read_matrix(&folder.join("matrix.npy"))?;
    let tasks = result.tasks.len();
    let fits =
        rows.len() <= tasks + 1 && rows.iter().all(|row| row.len() == tasks) && result.test_images.len() == tasks;
    let untouched = read_matrix(&folder.join("zero-shot.npy"))?;
    if !fits || untouched.len() != tasks + 1 || untouched.iter().any(|row| row.len() != tasks) {
        let reason = "matrix.npy, zero-shot.npy and result.json do not belong together";
        return Err(Error::config(folder.display().to_string(), reason));
    }
    let matrix = AccuracyMatrix::with_rows(result.tasks.clone(), result.test_images.clone(), rows);
    Ok((result, matrix.with_untouched(untouched)))
}

/// Reads the resolved settings of a run folder, without their origins.
///
/// # Errors
///
/// When the file is missing or damaged.
pub fn read_config(folder: &Path) -> Result<toml::Table, Error> {
    let path = folder.join("config.toml");
    let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
    text.parse().map_err(|error: toml::de::Error| Error::config(path.display().to_string(), error.to_string()))
}

/// Reads where and with what a run was made.
///
/// # Errors
///
/// When the file is missing or damaged.
pub fn read_environment(folder: &Path) -> Result<Environment, Error> {
    read_json(&folder.join("environment.json"), "the environment of a run")
}

fn read_json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    serde_json::from_str(&text)
        .map_err(|error| Error::config(path.display().to_string(), format!("not {what}: {error}")))
}

/// Reads a two-dimensional `.npy` file of floats.
///
/// # Errors
///
/// When the file is missing, damaged or of another shape.
pub fn read_matrix(path: &Path) -> Result<Vec<Vec<f64>>, Error> {
    let bytes = fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let bad = |reason: String| Error::config(path.display().to_string(), format!("not a matrix of floats: {reason}"));
    let file = npyz::NpyFile::new(&bytes[..]).map_err(|error| bad(error.to_string()))?;
    let [rows, columns] = file.shape()[..] else { return Err(bad(format!("shape {:?}", file.shape()))) };
    let fortran = file.order() == npyz::Order::Fortran;
    let values: Vec<f64> = match file.try_data::<f64>() {
        Ok(data) => data.collect::<io::Result<_>>().map_err(|error| bad(error.to_string()))?,
        Err(file) => match file.try_data::<f32>() {
            Ok(data) => data
                .map(|value| value.map(f64::from))
                .collect::<io::Result<_>>()
                .map_err(|error| bad(error.to_string()))?,
            Err(file) => return Err(bad(format!("type {}", file.dtype().descr()))),
        },
    };
    let at = |row: u64, column: u64| if fortran { column * rows + row } else { row * columns + column };
    Ok((0..rows).map(|row| (0..columns).map(|column| values[at(row, column) as usize]).collect()).collect())
}

/// The figures that `procedure` defines, by name.
fn figures(matrix: &AccuracyMatrix, procedure: &str) -> BTreeMap<String, f64> {
    let metrics: Metrics = matrix.metrics(procedure);
    metrics.named().into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn matrix_csv(matrix: &AccuracyMatrix) -> String {
    let quote = |name: &String| {
        if name.contains([',', '"', '\n']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.clone() }
    };
    let names: Vec<String> = matrix.tasks().iter().map(quote).collect();
    let mut text = format!("after,{}\n", names.join(","));
    for (learned, row) in matrix.rows().iter().enumerate() {
        let after = learned.checked_sub(1).map_or("zero-shot", |task| &names[task]);
        let cells: Vec<String> =
            row.iter().map(|value| if value.is_nan() { String::new() } else { value.to_string() }).collect();
        text.push_str(&format!("{after},{}\n", cells.join(",")));
    }
    text
}

fn matrix_npy(rows: &[Vec<f64>], columns: usize) -> Result<Vec<u8>, Error> {
    npy(&[rows.len() as u64, columns as u64], rows.iter().flatten().copied())
}

fn predictions_npy(row: &Row) -> Result<Vec<u8>, Error> {
    let count: usize = row.predictions.iter().map(|set| set.labels.len()).sum();
    let columns = if row.other.is_empty() { 3 } else { 5 };
    let mut values = Vec::with_capacity(count * columns);
    for set in &row.predictions {
        let other = row.other.iter().find(|other| other.task == set.task);
        for image in 0..set.labels.len() {
            values.extend([set.task, set.labels[image], set.predicted[image]]);
            values.extend(other.into_iter().flat_map(|other| [other.labels[image], other.predicted[image]]));
        }
    }
    npy(&[count as u64, columns as u64], values.into_iter().map(|value| value as i32))
}

fn npy<T: npyz::AutoSerialize>(shape: &[u64], values: impl Iterator<Item = T>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let failed = |error: io::Error| Error::Defect(format!("cannot encode an array: {error}"));
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd().map_err(failed)?;
    writer.extend(values).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Defect(error.to_string()))?;
    write_atomically(path, format!("{text}\n").as_bytes())
}

/// Writes a whole file or nothing: a reader never sees half of it, whatever happens in between.
///
/// # Errors
///
/// When the disk is full or the folder cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let partial = path.with_extension("partial");
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|error| {
        // The first error is the one to report; a left-over file is harmless.
        drop(fs::remove_file(&partial));
        Error::io("write", path, error)
    })
}
