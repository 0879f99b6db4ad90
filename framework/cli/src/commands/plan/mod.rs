//! `clf plan`: what a run will take, before it is made.
//!
//! A child process makes the same run, cut short: a few steps of the task with the least and of the one with the most text,
//! and a few batches of test images, through the same engine into a run folder of the same form. What it took is carried
//! over to the whole run.

mod disk;
mod estimate;
mod folder;
mod measure;
mod needs;
mod opened;
mod short;
mod show;
mod tasks;
mod texts;
mod watch;
mod work;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Instant,
};

use clf_core::Error;
use serde::Serialize;

use super::{print, print_json};
use crate::{
    arguments::{CheckpointArguments, PlanArguments},
    device, paths,
    room::{Room, parameters},
};
use disk::Growth;
use estimate::Seconds;
use measure::Measured;
use needs::Need;
use opened::{Opened, Parts};
use tasks::{Plans, TaskPlan};
use work::Batch;

/// What a run will take.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Estimate {
    method: String,
    scenario: String,
    model: String,
    device: String,
    folder: PathBuf,
    tasks: Vec<TaskPlan>,
    steps: usize,
    scored_images: usize,
    /// The largest step.
    batch: Batch,
    gflop_a_step: f64,
    parameters: usize,
    trained: usize,
    /// Absent where no speed is recorded for the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<Seconds>,
    total_seconds: Option<f64>,
    /// The same in seconds of cores; measured alone.
    cpu_seconds: Option<f64>,
    peak_mib: Option<f64>,
    /// Bytes by file or kind of files.
    disk: BTreeMap<String, u64>,
    disk_bytes: u64,
    /// What checkpoints take beside that while the run goes on.
    checkpoint_bytes: u64,
    needs: Vec<Need>,
    /// Measured steps and the seconds that they took.
    measured: Option<(usize, f64)>,
}

/// `clf plan`.
pub fn plan(arguments: &PlanArguments) -> Result<(), Error> {
    let started = Instant::now();
    if let Some(folder) = &arguments.measure_into {
        return measure::here(arguments, started, folder);
    }
    let run = &arguments.run;
    let parts = Parts::open(run)?;
    let model = parts.model_name().to_owned();
    let (shape, is_there) = parts.shape()?;
    let opened = parts.with(shape);
    let plans = Plans { saving: run.checkpoints.checkpoint_every, ..opened.plans()? };
    let folder = run.out.clone().unwrap_or_else(|| opened.plan.folder(Path::new(paths::RUNS), &opened.file));
    let mut needs = needs::of_data(&opened, &run.setup.data.folder.open());
    needs.insert(0, needs::of_weights(&model, is_there));
    let mut estimate = Estimate::by_arithmetic(&opened, plans.clone(), model, folder, needs)?;
    if arguments.dry {
        estimate.guess(&opened, &plans, run.checkpoints, &device::describe(&device::open(&run.setup.data.device)?))?;
    } else {
        let measured = measure::apart(arguments, &opened, &plans, &estimate.folder)?;
        estimate.carry_over(&opened, plans, measured, run.checkpoints.keep_checkpoints);
    }
    if run.json {
        return print_json(&estimate);
    }
    print(&show::text(&estimate))
}

impl Estimate {
    /// What needs no measuring.
    fn by_arithmetic(
        opened: &Opened,
        plans: Plans,
        model: String,
        folder: PathBuf,
        needs: Vec<Need>,
    ) -> Result<Self, Error> {
        let (parameters, trained) = parameters(&opened.model, opened.plan.needs.trains);
        Ok(Self {
            method: opened.plan.entry.name.to_owned(),
            scenario: opened.file.head().name.clone(),
            model,
            device: String::new(),
            folder,
            steps: plans.steps(),
            scored_images: plans.scored(),
            batch: opened.batch(&plans)?,
            gflop_a_step: opened.gflop(&plans)?,
            parameters,
            trained: if plans.steps() == 0 { 0 } else { trained },
            tasks: plans.tasks,
            seconds: None,
            total_seconds: None,
            cpu_seconds: None,
            peak_mib: None,
            disk: BTreeMap::new(),
            disk_bytes: 0,
            checkpoint_bytes: 0,
            needs,
            measured: None,
        })
    }

    /// Time, memory and disk from recorded rates.
    fn guess(
        &mut self,
        opened: &Opened,
        plans: &Plans,
        checkpoints: CheckpointArguments,
        device: &str,
    ) -> Result<(), Error> {
        device.clone_into(&mut self.device);
        let threads = rayon::current_num_threads();
        if device == "cpu" {
            let scored = work::image_gflop(&opened.model);
            let seconds = Seconds {
                step: work::recorded_seconds(self.gflop_a_step, threads),
                scored_image: work::recorded_seconds(scored, threads),
                train: work::recorded_seconds(self.gflop_a_step * self.steps as f64, threads),
                score: work::recorded_seconds(scored * self.scored_images as f64, threads),
                ..Seconds::default()
            };
            self.total_seconds = Some(seconds.total());
            self.seconds = Some(seconds);
        }
        let hooks = opened.plan.config.hooks()?.len();
        self.peak_mib = Some(work::recorded_peak_mib(&opened.model, &self.batch, opened.plan.needs, hooks));
        let room = Room::of(&opened.model, opened.plan.needs, &opened.plan.config, checkpoints)?;
        self.disk = disk::by_arithmetic(&room, self.steps, &rows(opened, plans));
        self.add_checkpoints(room.checkpoints());
        Ok(())
    }

    /// Adds bytes of checkpoints, those that stay for good and those that are there while the run goes on, and all up.
    fn add_checkpoints(&mut self, [for_good, meanwhile]: [u64; 2]) {
        if for_good > 0 {
            self.disk.insert("checkpoints".to_owned(), for_good);
        }
        self.checkpoint_bytes = meanwhile - for_good;
        self.disk_bytes = self.disk.values().sum();
    }

    /// Time, memory and disk from what was measured.
    fn carry_over(&mut self, opened: &Opened, mut plans: Plans, measured: Measured, keep: Option<NonZeroUsize>) {
        plans.picks.clone_from(&measured.picks);
        plans.new_steps = measured.new_steps;
        let passes = opened.plan.needs.closed_form || opened.plan.needs.provides_memory;
        if let (true, Some(short)) = (passes, measured.trains.iter().max()) {
            plans.tasks.iter_mut().for_each(|task| task.passes = task.train as f64 / *short as f64);
        }
        let wall = estimate::seconds(&plans, &measured.spans, |span| span.wall);
        let cpu = estimate::seconds(&plans, &measured.spans, |span| span.cpu);
        self.total_seconds = Some(wall.total());
        self.cpu_seconds = Some(cpu.total());
        self.seconds = Some(wall);
        let measured_steps = measured.spans.tasks.iter().map(|task| task.steps.len()).sum();
        self.peak_mib = measured.peak_mib.map(|peak| peak + grown_mib(opened, &plans, &measured));
        let mut short_rows: Vec<usize> =
            measured.spans.scorings.iter().map(|row| row.batches.iter().map(|(_, images)| images).sum()).collect();
        let rows = rows(opened, &plans);
        if opened.plan.needs.fixed {
            short_rows = short_rows.repeat(measured.picks.len() + 1);
        }
        let growth = Growth { steps: (self.steps, measured_steps), rows: &rows, short_rows: &short_rows };
        self.disk = disk::of_run(&measured.files, &growth);
        self.add_checkpoints(disk::of_checkpoints(&measured.files, keep));
        self.device = measured.device;
        self.measured = Some((measured_steps, measured.seconds));
    }
}

/// Images in each row of the record.
fn rows(opened: &Opened, plans: &Plans) -> Vec<usize> {
    let rows: Vec<usize> = plans.rows.iter().map(|row| row.iter().map(|id| plans.tasks[*id].test).sum()).collect();
    // A model that never changes is scored once, and its row is recorded after every task.
    if opened.plan.needs.fixed { rows.repeat(plans.tasks.len() + 1) } else { rows }
}

/// What a long run keeps more than a short one in MiB: a teacher's features of its images, and predictions.
fn grown_mib(opened: &Opened, plans: &Plans, measured: &Measured) -> f64 {
    let batch = opened.plan.config.train().map_or(0, |train| train.reference_batch_size);
    let seen = plans.tasks.iter().map(|task| task.new_steps.min(task.steps)).max().unwrap_or_default();
    let new_images = seen.saturating_sub(measured.new_steps) * batch;
    let features = new_images * (4 * opened.model.embed_dim + FEATURE_ENTRY);
    let rows = plans.tasks.len() + 1;
    let tests = plans.tasks.iter().map(|task| task.test).sum::<usize>();
    let short = (measured.picks.len() + 1) * measured.tests.iter().sum::<usize>();
    (features + (rows * tests).saturating_sub(short) * PREDICTION) as f64 / 1024.0 / 1024.0
}

/// Bytes around the features of an image in memory.
const FEATURE_ENTRY: usize = 64;
/// Bytes of label and prediction of an image under both protocols.
const PREDICTION: usize = 32;
