//! Points as the tasks of Slurm job arrays.
//!
//! A job script holds the names of its points, so that a task knows its point whatever becomes of the file of the sweep.
//! Two minutes before its time is over, Slurm tells the first process of a task with SIGUSR1; it has the run save what it
//! has, and puts its task back into the queue. Signals that end a job reach all its processes and need no help.

pub mod queue;
mod script;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use clf_core::Error;
use serde::Deserialize;
use toml::Value;

use super::{
    Place,
    ledger::{Entry, Event, Ledger},
    point::Point,
};

pub use script::Script;

/// How Slurm is asked; `[slurm]` in the file of a sweep.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SlurmSettings {
    /// Partition.
    pub partition: Option<Value>,
    /// Account that pays.
    pub account: Option<Value>,
    /// Quality of service.
    pub qos: Option<Value>,
    /// Time limit of a task, for example `"08:00:00"`.
    pub time: Option<Value>,
    /// Memory of a task, for example `"16G"`.
    pub mem: Option<Value>,
    /// Cores of a task, and threads of its run.
    pub cpus_per_task: Option<usize>,
    /// GPUs of a task: a number, or a text such as `"a100:1"`.
    pub gpus: Option<Value>,
    /// Features that a node must have.
    pub constraint: Option<Value>,
    /// Tasks at a time.
    pub max_parallel: Option<usize>,
    /// Seconds before the time limit at which a run saves what it has.
    pub signal_seconds: u32,
    /// How often a task goes back into the queue because its time is over.
    pub max_requeues: u32,
    /// Tasks of one array; Slurm's own default takes 1000.
    pub array_size: usize,
    /// Further options of `sbatch`, for example `"--mail-type=FAIL"`.
    pub extra: Vec<String>,
    /// Lines of the script before the run, for example `"module load cuda"`.
    pub setup: Vec<String>,
}

impl Default for SlurmSettings {
    fn default() -> Self {
        Self {
            partition: None,
            account: None,
            qos: None,
            time: None,
            mem: None,
            cpus_per_task: None,
            gpus: None,
            constraint: None,
            max_parallel: None,
            signal_seconds: 120,
            max_requeues: 100,
            array_size: 1000,
            extra: Vec::new(),
            setup: Vec::new(),
        }
    }
}

impl SlurmSettings {
    /// The keys of `[slurm]`.
    pub const KEYS: [&str; 14] = [
        "partition",
        "account",
        "qos",
        "time",
        "mem",
        "cpus-per-task",
        "gpus",
        "constraint",
        "max-parallel",
        "signal-seconds",
        "max-requeues",
        "array-size",
        "extra",
        "setup",
    ];

    /// Refuses values that no script can have.
    ///
    /// # Errors
    ///
    /// Names the key.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |key: &str, reason: &str| Err(Error::config(format!("[slurm] {key}"), reason));
        if self.extra.iter().any(|line| !line.trim_start_matches("#SBATCH ").starts_with('-') || line.contains('\n')) {
            return wrong("extra", "every entry is one option of sbatch, for example \"--mail-type=FAIL\"");
        }
        if self.array_size == 0 || self.max_parallel == Some(0) || self.cpus_per_task == Some(0) {
            return wrong("array-size, max-parallel, cpus-per-task", "must be 1 or more");
        }
        match self.texts().into_iter().find(|(_, value)| {
            !matches!(value, None | Some(Value::Integer(1..) | Value::String(_) | Value::Datetime(_)))
        }) {
            Some((key, _)) => wrong(key, "it is a text, as sbatch takes it, or a number of 1 or more"),
            None => Ok(()),
        }
    }

    /// Options that are passed on as they are.
    fn texts(&self) -> [(&'static str, &Option<Value>); 7] {
        [
            ("partition", &self.partition),
            ("account", &self.account),
            ("qos", &self.qos),
            ("time", &self.time),
            ("mem", &self.mem),
            ("gpus", &self.gpus),
            ("constraint", &self.constraint),
        ]
    }
}

/// The task of this process, `JOB_INDEX`, if it is one of a job array.
pub fn this_task() -> Option<String> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    Some(format!("{}_{}", variable("SLURM_ARRAY_JOB_ID")?, variable("SLURM_ARRAY_TASK_ID")?))
}

/// Whether this process belongs to a Slurm job.
pub fn is_inside() -> bool {
    env::var_os("SLURM_JOB_ID").is_some()
}

/// Puts the task of this process back into the queue, unless it was there too often already; says whether it did.
///
/// # Errors
///
/// When Slurm refuses.
pub fn requeue(settings: &SlurmSettings) -> Result<bool, Error> {
    let Some(task) = this_task() else { return Ok(false) };
    let before = env::var("SLURM_RESTART_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    if before >= settings.max_requeues {
        tracing::warn!("task {task} was requeued {before} times and is given up; see max-requeues under [slurm]");
        return Ok(false);
    }
    ask("scontrol", &["requeue", &task]).map(|_| true)
}

/// A job that was submitted.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Submitted {
    /// Its id.
    pub job: String,
    /// How many points it has.
    pub points: usize,
    /// Its script.
    pub script: PathBuf,
}

/// Writes job scripts for `points`, and hands them to Slurm unless it is only a trial.
///
/// # Errors
///
/// When a script cannot be written, there is no `sbatch`, or it refuses.
pub fn submit(script: &Script<'_>, place: &Place, points: &[&Point], dry_run: bool) -> Result<Vec<Submitted>, Error> {
    let chunks: Vec<&[&Point]> = points.chunks(script.settings.array_size).collect();
    let folder = place.slurm();
    fs::create_dir_all(&folder).map_err(|error| Error::io("create the folder", &folder, error))?;
    let mut jobs: Vec<Submitted> = Vec::new();
    for (i, chunk) in chunks.iter().enumerate() {
        let name = if chunks.len() == 1 { "job.sh".to_owned() } else { format!("job-{}.sh", i + 1) };
        let path = folder.join(name);
        fs::write(&path, script.text(chunk)?).map_err(|error| Error::io("write", &path, error))?;
        // One array after another, so that no more tasks run at a time than were asked for.
        let after = jobs.last().filter(|_| script.settings.max_parallel.is_some()).map(|last| last.job.clone());
        let job = if dry_run { String::new() } else { hand_over(&path, after.as_deref())? };
        if !dry_run {
            note(place, &job, chunk)?;
        }
        jobs.push(Submitted { job, points: chunk.len(), script: path });
    }
    Ok(jobs)
}

/// Hands a script to Slurm and gives the id of its job.
fn hand_over(script: &Path, after: Option<&str>) -> Result<String, Error> {
    let dependency = after.map(|job| format!("--dependency=afterany:{job}"));
    let path = script.display().to_string();
    let arguments: Vec<&str> = ["--parsable"].into_iter().chain(dependency.as_deref()).chain([path.as_str()]).collect();
    let answer = ask("sbatch", &arguments)?;
    // Where there are several clusters the id is followed by the name of one.
    let job = answer.trim().split(';').next().unwrap_or_default().to_owned();
    if job.is_empty() || !job.chars().all(|c| c.is_ascii_digit()) {
        return Err(Error::config("sbatch", format!("it answered {answer:?} and not with the id of a job")));
    }
    Ok(job)
}

/// Writes down which task has which point.
fn note(place: &Place, job: &str, points: &[&Point]) -> Result<(), Error> {
    let entry = |(index, point): (usize, &&Point)| {
        let mut entry = Entry::new(point, Event::Submitted);
        entry.slurm = Some(format!("{job}_{index}"));
        entry
    };
    Ledger::new(place.ledger()).add(&points.iter().enumerate().map(entry).collect::<Vec<_>>())
}

/// What a program of Slurm answers.
fn ask(program: &'static str, arguments: &[&str]) -> Result<String, Error> {
    let answer = Command::new(program).args(arguments).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::config(
            program,
            "there is no such program here; start the sweep where Slurm's client programs are (a login node), or without \
             --slurm and with --jobs N",
        ),
        _ => Error::io("start", program, error),
    })?;
    if answer.status.success() {
        return Ok(String::from_utf8_lossy(&answer.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&answer.stderr);
    Err(Error::config(program, format!("Slurm refused: {}", said.trim())))
}
