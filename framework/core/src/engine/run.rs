use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use burn::tensor::Device;
use clf_clip::{Clip, Weights};

use super::{
    checkpoint::{Checkpoint, Saver, Saving, TaskProgress},
    evaluate::Row,
    observer::{Event, Observer},
    settings::{EvalSettings, TrainSettings},
    train::Border,
};
use crate::{
    capabilities::{Capabilities, Trains},
    config::Config,
    error::Error,
    hook::RegularizerHook,
    method::Method,
    metrics::AccuracyMatrix,
    random::Key,
    registry::MethodEntry,
    scenario::Scenario,
    state::{Past, State},
    task::{Task, TaskContext, TaskSettings},
};

/// A method on a scenario, ready to be executed.
pub struct Run<'a> {
    pub(super) method: Box<dyn Method>,
    pub(super) hooks: Vec<Box<dyn RegularizerHook>>,
    pub(super) around: Surroundings<'a>,
    train: TrainSettings,
    task_settings: TaskSettingsRule,
    pub(super) eval: EvalSettings,
    config: Config,
    /// Who watches.
    pub observers: Vec<&'a mut dyn Observer>,
    /// Set to stop at the next step.
    pub stop: Arc<AtomicBool>,
    /// Keeps the states of the method and its hooks in the outcome.
    pub keep_states: bool,
    /// Where to go on, instead of at the beginning.
    pub from: Option<Checkpoint>,
    pub(super) saver: Saver,
}

/// How far a run is.
pub(super) struct Journey {
    pub student: Clip,
    /// Rows of the accuracy matrix so far.
    pub rows: Vec<Vec<f64>>,
    /// Whether the student has learned what the next row is about.
    pub learned: bool,
    /// The task that an earlier run was at, with the states of the method and its hooks.
    pub under_way: Option<(TaskProgress, BTreeMap<String, State>)>,
}

/// What never changes in a run.
pub(super) struct Surroundings<'a> {
    pub scenario: &'a dyn Scenario,
    pub zero_shot: Clip,
    pub seed: u64,
    pub device: Device,
}

impl Surroundings<'_> {
    /// What a method and its hooks see at one end of a task.
    pub fn context<'b>(&'b self, border: &Border<'b>) -> TaskContext<'b> {
        let Border { task_id, task, settings, student, weights, trains } = *border;
        let Self { scenario, zero_shot, seed, device } = self;
        let reference = scenario.reference();
        TaskContext { task_id, task, student, weights, zero_shot, reference, settings, trains, seed: *seed, device }
    }

    /// What randomness of a task is drawn for.
    pub fn key(&self, task_id: usize) -> Key {
        Key { seed: self.seed, task: task_id as u64, ..Key::default() }
    }
}

/// Which settings of single tasks give way to those of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskSettingsRule {
    /// The learning rate was chosen by the user.
    pub lr: bool,
    /// The length was chosen by the user.
    pub length: bool,
}

impl TaskSettingsRule {
    /// The settings of a task that still count.
    #[must_use]
    pub fn apply(self, mut settings: TaskSettings) -> TaskSettings {
        if self.lr {
            settings.lr = None;
        }
        if self.length {
            (settings.steps, settings.epochs) = (None, None);
        }
        settings
    }
}

/// What a run leaves behind.
#[derive(Debug)]
pub struct Outcome {
    /// Accuracy on every task after every task.
    pub matrix: AccuracyMatrix,
    /// The final weights.
    pub weights: Weights,
    /// States of the method and its hooks, by `method` and `hook.NAME`; empty unless [`Run::keep_states`] is set.
    pub states: BTreeMap<String, State>,
}

impl<'a> Run<'a> {
    /// `method` on `scenario` with the untouched model `zero_shot`, outside of autodiff.
    ///
    /// # Errors
    ///
    /// When a setting has the wrong type or cannot be used, or when data of the scenario cannot.
    pub fn new(
        method: &'a MethodEntry,
        scenario: &'a dyn Scenario,
        config: &Config,
        zero_shot: Clip,
    ) -> Result<Self, Error> {
        let precision = config.precision()?;
        let device = zero_shot.device();
        precision.check(&device).map_err(|reason| Error::config("precision", reason))?;
        let zero_shot = zero_shot.with_precision(precision);
        let run = Self {
            method: config.build_method(method)?,
            hooks: config.build_hooks()?,
            around: Surroundings { scenario, device, zero_shot, seed: config.seed()? },
            train: config.train()?,
            task_settings: config.task_settings_rule(),
            eval: config.eval()?,
            config: config.clone(),
            observers: Vec::new(),
            stop: Arc::default(),
            keep_states: false,
            from: None,
            saver: Saver::new(Saving::Off),
        };
        run.check()?;
        Ok(run)
    }

    /// What the method and its hooks need together.
    pub fn capabilities(&self) -> Capabilities {
        self.hooks.iter().fold(self.method.capabilities(), |all, hook| all.and(hook.capabilities()))
    }

    /// Emits [`Event::Checkpoint`] as often as `rule` says.
    #[must_use]
    pub fn with_checkpoints(self, rule: Saving) -> Self {
        Self { saver: Saver::new(rule), ..self }
    }

    /// Learns all tasks in order from `start`, scoring everything before the first and after each; or what is left of that
    /// from a checkpoint.
    ///
    /// # Errors
    ///
    /// When data cannot be read, a value is not finite, an observer fails or the user stops the run.
    pub fn execute(mut self, start: Weights) -> Result<Outcome, Error> {
        let tasks = self.around.scenario.tasks();
        let mut at = match self.from.take() {
            Some(checkpoint) => self.go_on(checkpoint)?,
            None => self.set_out(start)?,
        };
        while at.rows.len() <= tasks.len() {
            let learned = at.rows.len();
            let row = if self.capabilities().joint && learned < tasks.len() {
                // The tasks before the last one have no rows of their own: nothing is learned before all is.
                Row { learned, predictions: Vec::new(), other: Vec::new() }
            } else {
                self.learn(&mut at)?;
                self.evaluate(&at.student, learned..learned + 1)?.swap_remove(0)
            };
            self.arrive(&mut at, &row)?;
        }
        let states = if self.keep_states { self.save()? } else { BTreeMap::new() };
        let names = tasks.iter().map(|task| task.name.clone()).collect();
        let counts = tasks.iter().map(|task| task.test.len()).collect();
        Ok(Outcome {
            matrix: AccuracyMatrix::with_rows(names, counts, at.rows),
            weights: Weights::of(&at.student),
            states,
        })
    }

    /// Scores the untouched model, which is all there is to a method that never changes it.
    fn set_out(&mut self, start: Weights) -> Result<Journey, Error> {
        let tasks = self.around.scenario.tasks().len();
        let untouched = self.evaluate(&self.around.zero_shot.clone(), 0..tasks + 1)?;
        self.emit(&Event::Untouched(&untouched))?;
        let student = start.load_into(self.around.zero_shot.clone());
        let mut at = Journey { student, rows: Vec::new(), learned: false, under_way: None };
        let rows = if self.capabilities().fixed { tasks + 1 } else { 1 };
        untouched.iter().take(rows).try_for_each(|row| self.arrive(&mut at, row))?;
        if at.rows.len() <= tasks {
            self.save_at(&at, None)?;
        }
        Ok(at)
    }

    /// Takes up a run where a checkpoint left it.
    fn go_on(&mut self, checkpoint: Checkpoint) -> Result<Journey, Error> {
        let Checkpoint { rows, learned, student, task, states } = checkpoint;
        let student = student.load_into(self.around.zero_shot.clone());
        if task.is_none() {
            let known = rows.len() - usize::from(!learned);
            self.load(&states, known)?;
        }
        let under_way = task.map(|task| (task, states));
        Ok(Journey { student, rows, learned, under_way })
    }

    /// Learns what the next row is about, if that is not done yet.
    fn learn(&mut self, at: &mut Journey) -> Result<(), Error> {
        if at.learned {
            return Ok(());
        }
        let tasks = self.around.scenario.tasks();
        let left = if self.capabilities().joint {
            self.train_task(0, &Task::joint(tasks), at)?
        } else {
            let task_id = at.rows.len() - 1;
            self.train_task(task_id, &tasks[task_id], at)?
        };
        at.student = left.load_into(at.student.clone());
        at.learned = true;
        self.save_at(at, None)
    }

    /// Adds a row to the matrix.
    fn arrive(&mut self, at: &mut Journey, row: &Row) -> Result<(), Error> {
        let tasks = self.around.scenario.tasks().len();
        if row.learned == tasks {
            self.emit_kept()?;
        }
        at.rows.push(row.accuracies(tasks));
        at.learned = false;
        self.emit(&Event::Evaluated(row))
    }

    /// A checkpoint, unless none are wanted.
    pub(super) fn save_at(&mut self, at: &Journey, task: Option<TaskProgress>) -> Result<(), Error> {
        if !self.saver.is_on() {
            return Ok(());
        }
        let begun = Instant::now();
        let (rows, learned, student) = (at.rows.clone(), at.learned, Weights::of(&at.student));
        let checkpoint = Checkpoint { rows, learned, student, task, states: self.save()? };
        self.emit(&Event::Checkpoint { checkpoint: &checkpoint, begun })?;
        self.saver.saved(begun);
        Ok(())
    }

    /// Says what was trained and what is kept beside the weights.
    fn emit_kept(&mut self) -> Result<(), Error> {
        let needs = self.capabilities();
        let trains = if needs.fixed || needs.closed_form { Trains::Nothing } else { needs.trains };
        let mut kept = self.method.kept()?;
        for hook in &self.hooks {
            kept = kept.and(hook.kept()?);
        }
        self.emit(&Event::Kept { trains, kept })
    }

    /// The states of the method and of every hook.
    fn save(&self) -> Result<BTreeMap<String, State>, Error> {
        let names = self.config.hooks()?;
        let hooks = names.iter().zip(&self.hooks).map(|(name, hook)| Ok((format!("hook.{name}"), hook.save()?)));
        std::iter::once(Ok(("method".to_owned(), self.method.save()?))).chain(hooks).collect()
    }

    /// Gives saved states to the method and the hooks; `learned` tasks, the current one included, are known.
    pub(super) fn load(&mut self, states: &BTreeMap<String, State>, learned: usize) -> Result<(), Error> {
        let past = Past { tasks: &self.around.scenario.tasks()[..learned], device: &self.around.device };
        let none = State::default();
        let state = |name: &str| states.get(name).unwrap_or(&none);
        self.method.load(state("method"), &past)?;
        for (name, hook) in self.config.hooks()?.iter().zip(&mut self.hooks) {
            hook.load(state(&format!("hook.{name}")), &past)?;
        }
        Ok(())
    }

    /// Tasks whose data may be touched while `task_id` is learned.
    pub(super) fn known_tasks(&self, task_id: usize) -> usize {
        if self.capabilities().joint { self.around.scenario.tasks().len() } else { task_id + 1 }
    }

    /// Refuses settings and data with which the run could not end well.
    fn check(&self) -> Result<(), Error> {
        self.train.check()?;
        self.eval.check()?;
        self.method.check()?;
        self.hooks.iter().try_for_each(|hook| hook.check())?;
        let needs = self.capabilities();
        if (needs.fixed || needs.closed_form) && !self.hooks.is_empty() {
            let reason = "the method never trains a step, so a hook would never run";
            return Err(Error::config("hooks", reason));
        }
        for task in self.around.scenario.tasks() {
            self.settings_of(task)
                .check()
                .map_err(|error| Error::config(format!("task {}", task.name), error.to_string()))?;
            task.check()?;
        }
        let reference = self.around.scenario.reference();
        if needs.reference_texts && reference.is_none_or(|reference| reference.texts.is_empty()) {
            return Err(Error::config("reference texts", "the set has neither captions nor classes"));
        }
        Ok(())
    }

    pub(super) fn settings_of(&self, task: &Task) -> TrainSettings {
        self.train.for_task(&self.task_settings.apply(task.settings))
    }

    pub(super) fn emit(&mut self, event: &Event<'_>) -> Result<(), Error> {
        self.observers.iter_mut().try_for_each(|observer| observer.on_event(event))
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn stop_if_asked(&self, task: usize, step: usize) -> Result<(), Error> {
        if self.is_stopped() { Err(Error::Interrupted { task, step }) } else { Ok(()) }
    }
}
