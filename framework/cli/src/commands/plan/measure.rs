//! A few real steps of the run, in a process of their own, whose peak memory is that of the run.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Read},
    num::NonZeroUsize,
    path::Path,
    process::{Command, Output, Stdio},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use clf_core::{Error, Scenario, engine::Saving, store::write_atomically, task::Task};
use serde::{Deserialize, Serialize};

use super::{
    folder::MeasuringFolder,
    opened::{Opened, Parts},
    short::{Short, Size, extremes},
    tasks::Plans,
    watch::{Spans, Watch},
    work::Asked,
};
use crate::{
    arguments::{CheckpointArguments, PlanArguments},
    commands::stop_flag,
    launch::Place,
    memory, paths,
    progress::say,
};

/// What the child leaves in its folder.
const RECORD: &str = "measured.json";
/// Its run folder.
const RUN: &str = "run";
/// Measured steps of a task.
const STEPS: u16 = 30;
/// The same where a step is heavy.
const HEAVY_STEPS: u16 = 6;
/// Scored batches of a task, and where they are heavy.
const BATCHES: (usize, usize) = (3, 1);
/// Batches of training images that are left where a method passes over all of them.
const PASSED_BATCHES: usize = 4;

/// Time between two looks at the child.
const TICK: Duration = Duration::from_millis(50);

/// What was measured.
#[derive(Serialize, Deserialize)]
pub struct Measured {
    /// Where the time went.
    pub spans: Spans,
    /// The tasks that were run.
    pub picks: Vec<usize>,
    /// Steps of a task in which a teacher saw new images.
    pub new_steps: usize,
    /// Test images of each of these tasks.
    pub tests: Vec<usize>,
    /// Training images of each of these tasks.
    pub trains: Vec<usize>,
    /// Name of the device.
    pub device: String,
    /// Most memory of the process in MiB.
    pub peak_mib: Option<f64>,
    /// Bytes of the files of the run folder.
    pub files: BTreeMap<String, u64>,
    /// Seconds of the whole measurement.
    pub seconds: f64,
}

/// Steps of a task that are measured.
fn steps(arguments: &PlanArguments, opened: &Opened, plans: &Plans) -> usize {
    let default = if opened.is_heavy(plans) { HEAVY_STEPS } else { STEPS };
    usize::from(arguments.steps.unwrap_or(default))
}

/// Runs this very command as a child that measures, and reads what it found.
///
/// # Errors
///
/// When the run could not be made.
pub fn apart(arguments: &PlanArguments, opened: &Opened, plans: &Plans, out: &Path) -> Result<Measured, Error> {
    let place = paths::nearest(out);
    let folder = MeasuringFolder::create_in(place)?;
    let own = env::current_exe().map_err(|error| Error::io("find", "the program itself", error))?;
    let steps = steps(arguments, opened, plans);
    say(&format!("measuring {steps} steps of up to two tasks; --dry measures nothing"));
    let mut child = Command::new(&own);
    child.args(env::args_os().skip(1)).arg("--measure-into").arg(folder.path());
    // The engine makes one step more, the end point of the schedule.
    let settings = [format!("train.steps={}", steps - 1), "train.epochs=0".to_owned()];
    child.args(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
    let output =
        folder.lock().and_then(|lock| output_of(child.stdin(lock))).map_err(|error| Error::io("start", &own, error))?;
    let Some(output) = output else { return Err(Error::Stopped("nothing was measured".to_owned())) };
    if !output.status.success() {
        return Err(failed(&output));
    }
    let path = folder.path().join(RECORD);
    let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
    serde_json::from_str(&text).map_err(|error| Error::Defect(format!("what was measured: {error}")))
}

/// Runs a child to its end; a request to stop, which may have come to this program alone, ends the child, and then this
/// program, which removes the folder.
fn output_of(child: &mut Command) -> io::Result<Option<Output>> {
    let stop = stop_flag();
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        // What cannot be read is not said.
        drop(stderr.map(|mut stderr| stderr.read_to_end(&mut said)));
        said
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if stop.load(Ordering::Relaxed) {
            // It leaves nothing that is needed.
            child.kill()?;
        }
        thread::sleep(TICK);
    };
    let stderr = reader.join().unwrap_or_default();
    let stopped = stop.load(Ordering::Relaxed);
    Ok((!stopped).then_some(Output { status, stdout: Vec::new(), stderr }))
}

/// Why the child did not come to its end.
fn failed(output: &Output) -> Error {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = stderr.split_once("error: ").map_or(stderr.trim(), |(_, said)| said.trim());
    match output.status.code() {
        Some(130) => Error::Stopped("nothing was measured".to_owned()),
        Some(2) => Error::config("the measured run", said),
        Some(code) => {
            Error::Device(format!("the measured run ended with code {code}: {said}\n  hint: --dry measures nothing"))
        }
        None => Error::Device(format!(
            "the measured run was ended ({}); there are {:.0} MiB of memory now\n  hint: where it needs more, smaller batches \
             with --set train.batch-size=N or --micro-batch N, or --dry to measure nothing",
            output.status,
            memory::available_mib().unwrap_or_default()
        )),
    }
}

/// Makes the short run and leaves what it took in `folder`; for the child.
///
/// # Errors
///
/// When the run cannot be made.
pub fn here(arguments: &PlanArguments, started: Instant, folder: &Path) -> Result<(), Error> {
    let parts = Parts::open(&arguments.run)?;
    let inputs = parts.load()?;
    let opened = parts.with(inputs.model().clone());
    let plans = opened.plans()?;
    let picks = picks(&opened, &plans);
    let (size, new_steps) = size(&opened, &plans, &picks)?;
    let (run, mut watch) = (folder.join(RUN), Watch::since(started));
    let place = Place { folder: &run, goes_on: false, checkpoints: checkpoints(arguments, &opened)? };
    let short = Short::new(&*opened.scenario, &picks, size);
    inputs.run_watched(&opened.plan, &short, &place, stop_flag(), Some(&mut watch))?;
    let counts = |of: fn(&Task) -> usize| short.tasks().iter().map(of).collect();
    let measured = Measured {
        tests: counts(|task| task.test.len()),
        trains: counts(|task| task.train.len()),
        new_steps,
        device: inputs.device(),
        spans: watch.spans,
        peak_mib: memory::peak_mib(),
        files: files(&run)?,
        seconds: started.elapsed().as_secs_f64(),
        picks,
    };
    let text = serde_json::to_string(&measured).map_err(|error| Error::Defect(error.to_string()))?;
    write_atomically(&folder.join(RECORD), text.as_bytes())
}

/// One checkpoint towards the end of a task, so that one is seen, and all that there are stay; none where none are wanted.
fn checkpoints(arguments: &PlanArguments, opened: &Opened) -> Result<CheckpointArguments, Error> {
    let late = NonZeroUsize::new(opened.plan.config.train()?.steps.saturating_sub(1)).unwrap_or(NonZeroUsize::MIN);
    Ok(match arguments.run.checkpoints.checkpoint_every {
        Saving::Off => arguments.run.checkpoints,
        _ => CheckpointArguments { checkpoint_every: Saving::Every(late), keep_checkpoints: Some(NonZeroUsize::MAX) },
    })
}

/// The tasks that are run; all where they are learned as one.
fn picks(opened: &Opened, plans: &Plans) -> Vec<usize> {
    if opened.plan.needs.joint {
        return (0..plans.tasks.len()).collect();
    }
    extremes(&plans.tasks.iter().map(|task| task.text).collect::<Vec<_>>())
}

/// How short the run is, and in how many of its steps a teacher sees new images: the first half, so that both kinds of steps
/// are seen.
fn size(opened: &Opened, plans: &Plans, picks: &[usize]) -> Result<(Size, usize), Error> {
    let (train, eval) = (opened.plan.config.train()?, opened.plan.config.eval()?);
    let (steps, needs) = (train.steps + 1, opened.plan.needs);
    let asked = Asked::of(&opened.plan.config);
    let batches = if steps > usize::from(HEAVY_STEPS) { BATCHES.0 } else { BATCHES.1 };
    let learned = picks.iter().map(|id| &plans.tasks[*id]).filter(|task| task.is_learned);
    let fewest = learned.map(|task| task.new_steps).min().unwrap_or_default();
    let new_steps = fewest.min(steps / 2).max(1);
    let new_images = new_steps * train.reference_batch_size;
    let passes_over_all = needs.closed_form || needs.provides_memory;
    let size = Size {
        train: match asked {
            Asked::Current => Some(new_images),
            _ if passes_over_all => Some(PASSED_BATCHES * train.batch_size),
            _ => None,
        },
        test: batches * eval.batch_size,
        reference: if asked == Asked::Reference { new_images } else { usize::MAX },
    };
    Ok((size, new_steps))
}

/// The files below `folder` with their bytes, by their paths in it.
fn files(folder: &Path) -> Result<BTreeMap<String, u64>, Error> {
    let failed = |error| Error::io("read", folder, error);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let about = entry.metadata().map_err(failed)?;
        if about.is_dir() {
            found.extend(files(&entry.path())?.into_iter().map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            found.insert(name, about.len());
        }
    }
    Ok(found)
}
