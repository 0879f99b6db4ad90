//! Where every point stands: its run folder decides, then who is at it, then what the ledger and Slurm say.

use std::{collections::BTreeMap, fs, path::Path};

use clf_core::{Error, store::RunResult};
use serde::Serialize;

use super::{
    Place,
    ledger::{Entry, Event, Ledger},
    lock,
    point::Point,
    slurm::queue::{Queue, Task},
};

/// Where a point stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// All tasks are learned.
    Finished,
    /// A process is at it.
    Running,
    /// Slurm has it in its queue.
    Queued,
    /// The last attempt ended with an error.
    Failed,
    /// The last attempt was interrupted, or killed without a word.
    Stopped,
    /// It was never tried.
    Waiting,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Finished, Self::Running, Self::Queued, Self::Failed, Self::Stopped, Self::Waiting];

    /// Name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Running => "running",
            Self::Queued => "queued",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
        }
    }
}

/// A point and where it stands.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// The point.
    pub point: &'a Point,
    /// Where it stands.
    pub state: State,
    /// What else there is to say: an error, a place.
    pub detail: String,
    /// Exit code of the last attempt that ended.
    pub exit_code: Option<i32>,
    /// The task of the Slurm job that it was given to last.
    pub slurm: Option<String>,
    /// The result, of a finished run.
    pub result: Option<RunResult>,
}

/// The result of a run folder, finished or not; none if it cannot be read.
pub fn result_of(folder: &Path) -> Option<RunResult> {
    serde_json::from_slice(&fs::read(folder.join("result.json")).ok()?).ok()
}

/// The result of a finished run.
pub fn finished(folder: &Path) -> Option<RunResult> {
    result_of(folder).filter(|result| result.finished)
}

/// Whether a process is at a point.
pub fn is_at_work(place: &Place, point: &Point) -> bool {
    lock::is_taken(&place.lock(&point.name))
}

/// Where all points stand.
pub struct Standings<'a> {
    /// The points, in order.
    pub points: Vec<Standing<'a>>,
    /// Why Slurm could not be asked, where it should have been.
    pub problem: Option<String>,
}

/// Where all of `points` stand.
///
/// # Errors
///
/// When the ledger cannot be read.
pub fn standings<'a>(points: &'a [Point], place: &Place) -> Result<Standings<'a>, Error> {
    let entries = Ledger::new(place.ledger()).read()?;
    let mut history: BTreeMap<&str, History<'_>> = BTreeMap::new();
    for entry in &entries {
        history.entry(&entry.point).or_default().add(entry);
    }
    let tasks: Vec<&str> = history.values().filter_map(|history| history.slurm).collect();
    let queue = Queue::ask(&tasks);
    let none = History::default();
    let standing = |point: &'a Point| stands(point, place, history.get(&*point.name).unwrap_or(&none), &queue);
    Ok(Standings { points: points.iter().map(standing).collect(), problem: queue.problem.clone() })
}

/// What the ledger knows of a point.
#[derive(Default)]
struct History<'a> {
    last: Option<&'a Entry>,
    ended: Option<&'a Entry>,
    slurm: Option<&'a str>,
}

impl<'a> History<'a> {
    fn add(&mut self, entry: &'a Entry) {
        match entry.event {
            Event::Submitted => self.slurm = entry.slurm.as_deref(),
            Event::Started => self.last = Some(entry),
            Event::Finished | Event::Failed | Event::Stopped => (self.last, self.ended) = (Some(entry), Some(entry)),
        }
    }
}

fn stands<'a>(point: &'a Point, place: &Place, history: &History<'_>, queue: &Queue) -> Standing<'a> {
    let result = result_of(&place.run(&point.name));
    let tasks = result.as_ref().map_or(0, |result| result.tasks.len());
    let result = result.filter(|result| result.finished);
    let (state, detail) = match (&result, history.slurm.and_then(|task| queue.get(task))) {
        (Some(_), _) => (State::Finished, String::new()),
        (None, _) if is_at_work(place, point) => (State::Running, at(history)),
        (None, Some(Task { waits: false, state })) => (State::Running, format!("Slurm: {state}")),
        (None, Some(Task { waits: true, state })) => (State::Queued, format!("Slurm: {state}")),
        (None, None) => ended(history, tasks, queue),
    };
    Standing {
        point,
        state,
        detail,
        exit_code: history.ended.and_then(|entry| entry.exit_code),
        slurm: history.slurm.map(str::to_owned),
        result,
    }
}

/// On which machine a run goes on, and since when.
fn at(history: &History<'_>) -> String {
    history.last.map_or_else(String::new, |entry| format!("on {} since {}", entry.host, entry.time))
}

fn ended(history: &History<'_>, tasks: usize, queue: &Queue) -> (State, String) {
    let begun = if tasks > 0 { ", continued by the next start" } else { "" };
    match history.last {
        None => (State::Waiting, given_to(history, queue)),
        Some(Entry { event: Event::Failed, error, exit_code, .. }) => {
            let code = exit_code.map(|code| format!("exit code {code}: ")).unwrap_or_default();
            (State::Failed, format!("{code}{}", error.as_deref().unwrap_or("it did not say why")))
        }
        Some(Entry { event: Event::Stopped, .. }) => (State::Stopped, format!("interrupted{begun}")),
        Some(Entry { event: Event::Finished, .. }) => {
            (State::Waiting, "it was finished once, but its run folder is gone".to_owned())
        }
        Some(Entry { host, .. }) => (State::Stopped, format!("killed without a word on {host}{begun}")),
    }
}

/// What became of a task that never said a word.
fn given_to(history: &History<'_>, queue: &Queue) -> String {
    match history.slurm {
        Some(_) if queue.problem.is_some() => "given to Slurm, which does not answer".to_owned(),
        Some(task) => format!("given to Slurm, but not in its queue; see slurm/{task}.log"),
        None => String::new(),
    }
}
