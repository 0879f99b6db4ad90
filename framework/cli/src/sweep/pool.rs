//! Executes points, some at a time, each as a process of its own.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    thread,
    time::{Duration, Instant},
};

use clf_core::{Error, counted};

use super::{
    Place,
    child::{Ending, OVERWRITE, Order, Running},
    file::SweepFile,
    ledger::{Entry, Event, Ledger},
    lock::{self, Lock},
    point::Point,
    signals::{Inbox, Request},
    state::finished,
};
use crate::progress;

/// Time between two looks at the processes.
const TICK: Duration = Duration::from_millis(50);
/// Time between two looks at points that other processes are at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Exit code of a run that was interrupted.
const INTERRUPTED: i32 = 130;

/// How points are executed.
pub struct Pool<'a> {
    /// The sweep.
    pub file: &'a SweepFile,
    /// Where its files are.
    pub place: &'a Place,
    /// The device of every process that may run at a time; that of the file, or the default, if it is not said.
    pub devices: Vec<Option<String>>,
    /// Threads of every process; as many as it likes if it is not said.
    pub threads: Option<usize>,
    /// Points whose folders hold finished runs that are to be replaced.
    pub replaced: BTreeSet<String>,
    /// How long to wait for other processes that are at a point; as long as it takes if it is not said.
    pub patience: Option<Duration>,
    /// Whether signals reach the processes through this one alone. Slurm sends those that end a job to all processes, and a
    /// second one would end them before they have saved what they have.
    pub apart: bool,
    /// The figure that is said of a finished run.
    pub metric: &'a str,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Runs that learned all tasks.
    pub finished: usize,
    /// Runs that ended with an error.
    pub failed: usize,
    /// Runs that were interrupted, and others that were not started because of it.
    pub unfinished: usize,
    /// Why it ended before its time.
    pub stopped: Option<Request>,
}

impl Pool<'_> {
    /// Executes all `points` that no other process executes meanwhile.
    ///
    /// # Errors
    ///
    /// When a process cannot be started or the ledger cannot be written; a run that fails is no error here.
    pub fn run(&self, points: &[&Point]) -> Result<Outcome, Error> {
        let mut inbox = Inbox::open().map_err(|error| Error::Defect(format!("no signal handler: {error}")))?;
        let mut round = Round::new(self, points);
        let result = round.work(&mut inbox);
        if result.is_err() {
            round.abandon();
        }
        result.map(|()| round.outcome)
    }
}

/// A pool at work.
struct Round<'a> {
    pool: &'a Pool<'a>,
    ledger: Ledger,
    varied: Vec<String>,
    total: usize,
    waiting: VecDeque<&'a Point>,
    slots: Vec<Option<(&'a Point, Running)>>,
    outcome: Outcome,
    /// When points of other processes are looked at again.
    look: Instant,
    begun: Instant,
    /// How often other processes were found at points.
    noted: BTreeMap<&'a str, usize>,
}

impl<'a> Round<'a> {
    fn new(pool: &'a Pool<'a>, points: &[&'a Point]) -> Self {
        Self {
            pool,
            ledger: Ledger::new(pool.place.ledger()),
            varied: pool.file.varied(),
            total: points.len(),
            waiting: points.iter().copied().collect(),
            slots: pool.devices.iter().map(|_| None).collect(),
            outcome: Outcome::default(),
            look: Instant::now(),
            begun: Instant::now(),
            noted: BTreeMap::new(),
        }
    }

    fn work(&mut self, inbox: &mut Inbox) -> Result<(), Error> {
        loop {
            for request in inbox.requests() {
                self.stop(request);
            }
            self.reap()?;
            if self.outcome.stopped.is_some() {
                self.outcome.unfinished += self.waiting.drain(..).len();
            } else {
                self.fill()?;
            }
            if self.waiting.is_empty() && self.slots.iter().all(Option::is_none) {
                return Ok(());
            }
            thread::sleep(TICK);
        }
    }

    fn stop(&mut self, request: Request) {
        let again = self.outcome.stopped.is_some();
        let running = self.slots.iter().flatten().map(|(_, running)| running);
        match request {
            // Slurm tells the first process of the job alone that its time is nearly over.
            Request::TimeIsUp => running.for_each(Running::stop_alone),
            Request::Stop => running.for_each(Running::stop),
        }
        if !again {
            let runs = counted(self.slots.iter().flatten().count(), "run");
            progress::say(&format!("stopping {runs}; interrupt again to stop at once"));
        }
        self.outcome.stopped.get_or_insert(request);
    }

    /// Ends what is still running because of an error of the pool itself.
    fn abandon(&mut self) {
        for (_, running) in self.slots.iter_mut().flatten() {
            running.stop_alone();
        }
        while self.slots.iter_mut().flatten().any(|(_, running)| matches!(running.poll(), Ok(None))) {
            thread::sleep(TICK);
        }
        for slot in 0..self.slots.len() {
            let Some((point, mut running)) = self.slots[slot].take() else { continue };
            if let Ok(Some(ending)) = running.poll() {
                // The error of the pool is the one to report.
                drop(self.record(point, &ending));
            }
        }
    }

    fn reap(&mut self) -> Result<(), Error> {
        for slot in 0..self.slots.len() {
            let Some((point, running)) = &mut self.slots[slot] else { continue };
            let Some(ending) = running.poll()? else { continue };
            let point = *point;
            // Before the lock goes: nobody else is to tell of the end.
            self.record(point, &ending)?;
            self.slots[slot] = None;
        }
        Ok(())
    }

    /// Starts runs where nothing runs.
    fn fill(&mut self) -> Result<(), Error> {
        if Instant::now() < self.look {
            return Ok(());
        }
        for slot in 0..self.slots.len() {
            if self.slots[slot].is_some() {
                continue;
            }
            self.slots[slot] = self.next(slot)?;
            if self.slots[slot].is_none() && !self.waiting.is_empty() {
                self.look = Instant::now() + LOOK_AGAIN;
                return self.lose_patience();
            }
        }
        Ok(())
    }

    /// The first point that can be run now, at work.
    fn next(&mut self, slot: usize) -> Result<Option<(&'a Point, Running)>, Error> {
        for _ in 0..self.waiting.len() {
            let Some(point) = self.waiting.pop_front() else { break };
            match lock::take(&self.pool.place.lock(&point.name))? {
                Lock::Taken => {
                    // Who only looks where things stand has the lock for a moment too.
                    let looks = self.noted.entry(&point.name).or_insert(0);
                    *looks += 1;
                    if *looks == 2 {
                        progress::say(&format!("another process runs {}", point.label(&self.varied)));
                    }
                    self.waiting.push_back(point);
                }
                Lock::Mine(_) if self.is_finished(point) => {
                    self.outcome.finished += 1;
                    self.say("finished elsewhere", point, "");
                }
                Lock::Mine(file) => {
                    let running = Running::start(self.order(point, slot), file)?;
                    self.ledger.add(&[Entry::new(point, Event::Started)])?;
                    progress::say(&format!("started {}", point.label(&self.varied)));
                    return Ok(Some((point, running)));
                }
            }
        }
        Ok(None)
    }

    fn is_finished(&self, point: &Point) -> bool {
        !self.pool.replaced.contains(&point.name) && finished(&self.pool.place.run(&point.name)).is_some()
    }

    fn order(&self, point: &Point, slot: usize) -> Order {
        let pool = self.pool;
        let mut arguments = point.arguments(pool.file, pool.place, pool.devices[slot].as_deref());
        if pool.replaced.contains(&point.name) {
            arguments.push(OVERWRITE.to_owned());
        }
        Order { arguments, threads: pool.threads, log: pool.place.log(&point.name), apart: pool.apart }
    }

    fn lose_patience(&self) -> Result<(), Error> {
        let idle = self.slots.iter().all(Option::is_none);
        match (self.pool.patience, self.waiting.front()) {
            (Some(patience), Some(point)) if idle && self.begun.elapsed() > patience => {
                let reason =
                    "another process has been running this point for some time; clf sweep FILE --status says where";
                Err(Error::config(&point.name, reason))
            }
            _ => Ok(()),
        }
    }

    /// Writes down how a run ended.
    fn record(&mut self, point: &Point, ending: &Ending) -> Result<(), Error> {
        let result = finished(&self.pool.place.run(&point.name));
        let mut entry = Entry::new(point, Event::Failed);
        entry.exit_code = ending.code;
        entry.seconds = Some(ending.time.as_secs_f64());
        match (ending.code, result) {
            (Some(0), Some(result)) => {
                entry.event = Event::Finished;
                entry.seconds = Some(result.seconds);
                entry.metrics = result.metrics;
                self.outcome.finished += 1;
                let figure =
                    entry.metrics.get(self.pool.metric).map(|value| format!(": {} {value:.1}", self.pool.metric));
                self.say("finished", point, &figure.unwrap_or_default());
            }
            (code, _) if code == Some(INTERRUPTED) || (code.is_none() && self.outcome.stopped.is_some()) => {
                entry.event = Event::Stopped;
                self.outcome.unfinished += 1;
                self.say("interrupted", point, "");
            }
            (code, _) => {
                entry.error = ending.error.clone().or_else(|| Some("it left no finished result".to_owned()));
                self.outcome.failed += 1;
                let code = code.map(|code| format!("exit code {code}, ")).unwrap_or_default();
                let error = entry.error.as_deref().unwrap_or_default();
                let log = self.pool.place.log(&point.name);
                self.say("FAILED", point, &format!(": {code}{error}\n  see {}", log.display()));
            }
        }
        self.ledger.add(&[entry])
    }

    fn say(&self, what: &str, point: &Point, more: &str) {
        let Outcome { finished, failed, unfinished, .. } = self.outcome;
        let done = finished + failed + unfinished;
        progress::say(&format!("[{done}/{}] {what} {}{more}", self.total, point.label(&self.varied)));
    }
}
