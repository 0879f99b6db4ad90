use std::{collections::BTreeSet, env, num::NonZeroUsize, path::Path, thread, time::Duration};

use clf_core::{Error, counted};
use clf_report::Format;
use clf_scenarios::ScenarioFile;
use serde::Serialize;

use super::{print, print_json};
use crate::{
    arguments::SweepArguments,
    device,
    earlier::Earlier,
    progress, shell,
    sweep::{
        Place,
        check::{check, scenario},
        child::program,
        file::SweepFile,
        ledger::{Entry, Event, Ledger},
        point::{Point, points},
        pool::{Outcome, Pool},
        signals::Request,
        slurm::{self, Script, Submitted},
        state::{State, finished, is_at_work, standings},
        view::{Frame, View, metric},
    },
};

/// How long a task of a job array waits for another process that is at its point, such as the one that it was before it
/// was requeued.
const PATIENCE: Duration = Duration::from_mins(1);

/// `clf sweep`.
pub fn sweep(arguments: &SweepArguments) -> Result<(), Error> {
    let sweep = Sweep::read(arguments)?;
    if let Some(name) = &arguments.action.point {
        return sweep.run_one(name);
    }
    if arguments.action.status {
        return sweep.show();
    }
    let todo = sweep.todo()?;
    match (arguments.action.slurm, arguments.action.dry_run) {
        (true, _) => sweep.submit(&todo),
        (false, true) => sweep.print_commands(),
        (false, false) => sweep.run(&todo),
    }
}

/// A sweep, and what is asked of it.
struct Sweep<'a> {
    arguments: &'a SweepArguments,
    file: SweepFile,
    place: Place,
    points: Vec<Point>,
    scenario: ScenarioFile,
    metric: &'static str,
}

/// Points that are not finished.
struct Todo<'a> {
    points: Vec<&'a Point>,
    /// Those whose folders hold other finished runs, which may be replaced.
    replaced: BTreeSet<String>,
}

impl<'a> Sweep<'a> {
    fn read(arguments: &'a SweepArguments) -> Result<Self, Error> {
        let file = SweepFile::read(&arguments.file)?;
        let place = Place::new(arguments.out.clone().unwrap_or_else(|| file.out.clone()));
        let in_file = |error: Error| match error {
            Error::Io { .. } => error,
            error => Error::config(arguments.file.display().to_string(), error.to_string()),
        };
        let points = points(&file).map_err(in_file)?;
        let scenario = scenario(&file, &place, &points).map_err(in_file)?;
        let asked = arguments.metric.as_deref().or(file.metric.as_deref());
        let metric = metric(asked, &scenario.head().procedure)?;
        Ok(Self { arguments, file, place, points, scenario, metric })
    }

    /// Checks all points, and finds those that are not finished.
    fn todo(&self) -> Result<Todo<'_>, Error> {
        self.arguments.devices.iter().chain(&self.file.device()).try_for_each(|name| device::check_name(name))?;
        let earlier = check(&self.file, &self.place, &self.points, &self.scenario)?;
        let found = || self.points.iter().zip(&earlier);
        let is_in_the_way = |earlier: &Earlier| match earlier {
            Earlier::OtherBuild => !self.arguments.rules.any_build,
            earlier => earlier.reason().is_some(),
        };
        let in_the_way: Vec<_> = found().filter(|(_, earlier)| is_in_the_way(earlier)).collect();
        if let Some((point, earlier)) = in_the_way.first().filter(|_| !self.arguments.rules.overwrite) {
            return Err(self.refusal(point, earlier, in_the_way.len()));
        }
        let replaced: BTreeSet<String> = in_the_way.iter().map(|(point, _)| point.name.clone()).collect();
        let is_open =
            |earlier: &Earlier| matches!(earlier, Earlier::Nothing | Earlier::Begun) || is_in_the_way(earlier);
        let mut points: Vec<&Point> = found().filter(|(_, earlier)| is_open(earlier)).map(|(point, _)| point).collect();
        if self.arguments.rules.skip_failed {
            let standings = standings(&self.points, &self.place)?;
            let failed = |point: &Point| {
                standings.points.iter().any(|other| other.point.name == point.name && other.state == State::Failed)
            };
            points.retain(|point| !failed(point));
        }
        Ok(Todo { points, replaced })
    }

    fn refusal(&self, point: &Point, earlier: &Earlier, count: usize) -> Error {
        let reason = earlier.reason().unwrap_or_default();
        let more = if count > 1 {
            format!(", and so it is with {}", counted(count - 1, "other point"))
        } else {
            String::new()
        };
        let take = if *earlier == Earlier::OtherBuild { "--any-build takes such runs as they are, " } else { "" };
        let hint = format!("{take}--overwrite repeats them (not with --slurm), --out begins elsewhere");
        Error::config(self.place.run(&point.name).display().to_string(), format!("{reason}{more}\n  hint: {hint}"))
    }

    /// Runs points on this machine.
    fn run(&self, todo: &Todo<'_>) -> Result<(), Error> {
        let given = &self.arguments.devices;
        let jobs = self.arguments.jobs.map_or(given.len().max(1), NonZeroUsize::get);
        let threads = self.threads(jobs);
        self.announce(todo.points.len(), jobs, threads);
        let pool = Pool {
            file: &self.file,
            place: &self.place,
            devices: (0..jobs).map(|slot| given.get(slot % given.len().max(1)).cloned()).collect(),
            threads,
            replaced: todo.replaced.clone(),
            patience: None,
            apart: !slurm::is_inside(),
            metric: self.metric,
        };
        let outcome = if todo.points.is_empty() { Outcome::default() } else { pool.run(&todo.points)? };
        self.show()?;
        self.verdict(&outcome)
    }

    /// Threads of each of `jobs` processes; what the user set in the environment is left alone.
    fn threads(&self, jobs: usize) -> Option<usize> {
        let is_set = env::var_os("RAYON_NUM_THREADS").is_some_and(|value| !value.is_empty());
        match self.arguments.threads {
            Some(threads) => Some(threads.get()),
            None if is_set || jobs == 1 => None,
            None => Some((thread::available_parallelism().map_or(1, usize::from) / jobs).max(1)),
        }
    }

    fn announce(&self, todo: usize, jobs: usize, threads: Option<usize>) {
        let earlier = self.points.iter().filter(|point| finished(&self.place.run(&point.name)).is_some()).count();
        let each = threads.map_or_else(String::new, |threads| format!(", RAYON_NUM_THREADS={threads} each"));
        let points = counted(self.points.len(), "point");
        progress::say(&format!("{points}: {earlier} finished earlier, {todo} to run, {jobs} at a time{each}"));
    }

    /// Runs one point, as a task of a job array does.
    fn run_one(&self, name: &str) -> Result<(), Error> {
        let names = self.points.iter().map(|point| point.name.as_str());
        let point = self.points.iter().find(|point| point.name == name);
        let point = point.ok_or_else(|| {
            let error = Error::unknown("point of this sweep", name, names);
            Error::config(self.arguments.file.display().to_string(), format!("{error}; was the file changed?"))
        })?;
        if self.arguments.action.dry_run {
            return print(&self.command(point));
        }
        let pool = Pool {
            file: &self.file,
            place: &self.place,
            devices: vec![self.arguments.devices.first().cloned()],
            threads: self.arguments.threads.map(NonZeroUsize::get),
            replaced: BTreeSet::new(),
            patience: Some(PATIENCE),
            apart: !slurm::is_inside(),
            metric: self.metric,
        };
        let outcome = pool.run(&[point])?;
        if outcome.stopped == Some(Request::TimeIsUp) && outcome.unfinished > 0 && slurm::requeue(&self.file.slurm)? {
            progress::say("the time of the job is nearly over; its task is in the queue again");
        }
        self.verdict(&outcome)
    }

    /// Writes job scripts, and submits them.
    fn submit(&self, todo: &Todo<'_>) -> Result<(), Error> {
        let standings = standings(&self.points, &self.place)?;
        if let Some(problem) = standings.problem {
            return Err(Error::config("squeue", format!("which points are submitted already is not known: {problem}")));
        }
        let busy = |point: &Point| {
            let mut others = standings.points.iter().filter(|other| other.point.name == point.name);
            others.any(|other| matches!(other.state, State::Running | State::Queued))
        };
        let (busy, free): (Vec<&Point>, Vec<&Point>) = todo.points.iter().copied().partition(|point| busy(point));
        let finished = self.points.len() - todo.points.len();
        let points = counted(self.points.len(), "point");
        let line = format!("{points}: {finished} finished or left out, {} submitted or running", busy.len());
        progress::say(&format!("{line}, {} to submit", free.len()));
        let jobs = if free.is_empty() { Vec::new() } else { self.hand_over(&free)? };
        if self.arguments.json {
            return print_json(&Jobs { jobs });
        }
        for Submitted { job, points, script } in &jobs {
            let what = if self.arguments.action.dry_run {
                "not submitted".to_owned()
            } else {
                format!("submitted as job {job}")
            };
            print(&format!("{}, {what}, {}", counted(*points, "point"), script.display()))?;
        }
        if jobs.is_empty() { print("nothing to submit") } else { Ok(()) }
    }

    fn hand_over(&self, points: &[&Point]) -> Result<Vec<Submitted>, Error> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Error::io("find", path, error));
        let place = Place::new(absolute(self.place.out())?);
        let stem = self.arguments.file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let script = Script {
            settings: &self.file.slurm,
            program: &program()?,
            file: &absolute(&self.arguments.file)?,
            place: &place,
            folder: &absolute(Path::new("."))?,
            name: &format!("clf-{stem}"),
            device: self.arguments.devices.first().map(String::as_str),
        };
        slurm::submit(&script, &place, points, self.arguments.action.dry_run)
    }

    fn print_commands(&self) -> Result<(), Error> {
        let standings = standings(&self.points, &self.place)?;
        let varied = self.file.varied();
        if self.arguments.json {
            let record = |(point, standing)| PlannedPoint::new(point, standing, self.list(point));
            let states = standings.points.iter().map(|standing| standing.state);
            return print_json(&self.points.iter().zip(states).map(record).collect::<Vec<_>>());
        }
        for (i, (point, standing)) in self.points.iter().zip(&standings.points).enumerate() {
            let place = format!("{}/{}", i + 1, self.points.len());
            print(&format!("# {place} {} ({})", point.label(&varied), standing.state.name()))?;
            print(&self.command(point))?;
        }
        Ok(())
    }

    fn list(&self, point: &Point) -> Vec<String> {
        let device = self.arguments.devices.first().map(String::as_str);
        std::iter::once("clf".to_owned()).chain(point.arguments(&self.file, &self.place, device)).collect()
    }

    fn command(&self, point: &Point) -> String {
        shell::line(&self.list(point))
    }

    /// Shows where all points stand, and brings the ledger up to date.
    fn show(&self) -> Result<(), Error> {
        if let Err(error) = self.note_finished() {
            tracing::warn!("the ledger is not up to date: {error}");
        }
        let standings = standings(&self.points, &self.place)?;
        if let Some(problem) = &standings.problem {
            tracing::warn!("what Slurm does is not known: {problem}");
        }
        let head = self.scenario.head();
        let varied = self.file.varied();
        let frame = Frame { scenario: &head.name, procedure: &head.procedure, varied: &varied, metric: self.metric };
        let view = View::new(&standings.points, &self.place, &frame);
        if self.place.ledger().exists() {
            view.write_csv(&self.place).unwrap_or_else(|error| tracing::warn!("{error}"));
        }
        if self.arguments.json {
            return print_json(&view);
        }
        let format = if self.arguments.markdown { Format::Markdown } else { Format::Text };
        let parts =
            [view.settings_table(format), view.unfinished_table(format), view.best_line(), Some(view.states_line())];
        print(&parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"))
    }

    /// Adds finished runs to the ledger that it does not know, because whoever made them was killed.
    fn note_finished(&self) -> Result<(), Error> {
        let entry = |point: &Point| {
            let result = finished(&self.place.run(&point.name)).filter(|_| !is_at_work(&self.place, point))?;
            let mut entry = Entry::new(point, Event::Finished);
            (entry.seconds, entry.metrics) = (Some(result.seconds), result.metrics);
            Some(entry)
        };
        Ledger::new(self.place.ledger()).add_finished(self.points.iter().filter_map(entry).collect())
    }

    /// The end of the program that fits what came of the runs.
    fn verdict(&self, outcome: &Outcome) -> Result<(), Error> {
        let Outcome { finished, failed, unfinished, .. } = *outcome;
        if unfinished > 0 {
            let runs = counted(finished, "run");
            let reason = format!("{runs} finished, {unfinished} did not; the same command goes on with them");
            return Err(Error::Stopped(reason));
        }
        if failed > 0 {
            let logs = self.place.log("NAME");
            let hint = format!(
                "--status says why, {} more; the same command tries them again, with --skip-failed it does not",
                logs.display()
            );
            return Err(Error::RunsFailed { failed, runs: finished + failed, hint });
        }
        Ok(())
    }
}

/// What was submitted, in JSON.
#[derive(Serialize)]
struct Jobs {
    jobs: Vec<Submitted>,
}

/// A point and its command, in JSON.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PlannedPoint<'a> {
    name: &'a str,
    method: &'a str,
    seed: u64,
    settings: &'a crate::sweep::Settings,
    state: State,
    command: Vec<String>,
}

impl<'a> PlannedPoint<'a> {
    fn new(point: &'a Point, state: State, command: Vec<String>) -> Self {
        let Point { name, method, seed, settings, .. } = point;
        Self { name, method, seed: *seed, settings, state, command }
    }
}
