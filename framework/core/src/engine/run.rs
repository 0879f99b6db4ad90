use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use burn::tensor::Device;
use clf_clip::{Clip, Weights};

use super::{
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
    entry: &'a MethodEntry,
    config: Config,
    /// Who watches.
    pub observers: Vec<&'a mut dyn Observer>,
    /// Set to stop at the next step.
    pub stop: Arc<AtomicBool>,
    /// Keeps the states of the method and its hooks in the outcome.
    pub keep_states: bool,
    /// Puts new objects, with the saved state of the old ones, in place of the method and its hooks after this iteration
    /// of every task and between tasks. Nothing may change by it.
    pub rebuild_after: Option<usize>,
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
            entry: method,
            config: config.clone(),
            observers: Vec::new(),
            stop: Arc::default(),
            keep_states: false,
            rebuild_after: None,
        };
        run.check()?;
        Ok(run)
    }

    /// What the method and its hooks need together.
    pub fn capabilities(&self) -> Capabilities {
        self.hooks.iter().fold(self.method.capabilities(), |all, hook| all.and(hook.capabilities()))
    }

    /// Learns all tasks in order from `start`, scoring everything before the first and after each.
    ///
    /// # Errors
    ///
    /// When data cannot be read, a value is not finite, an observer fails or the user stops the run.
    pub fn execute(mut self, start: Weights) -> Result<Outcome, Error> {
        let scenario = self.around.scenario;
        let tasks = scenario.tasks();
        let names = tasks.iter().map(|task| task.name.clone()).collect();
        let counts = tasks.iter().map(|task| task.test.len()).collect();
        let mut matrix = AccuracyMatrix::new(names, counts);

        let untouched = self.evaluate(&self.around.zero_shot.clone(), 0..tasks.len() + 1)?;
        self.emit(&Event::Untouched(&untouched))?;
        let mut student = start.load_into(self.around.zero_shot.clone());
        let Capabilities { joint, fixed, .. } = self.capabilities();
        for (learned, untouched) in untouched.into_iter().enumerate() {
            let row = match learned.checked_sub(1).filter(|_| !fixed) {
                None => untouched,
                // The tasks before the last one have no rows of their own: nothing is learned before all is.
                Some(_) if joint && learned < tasks.len() => {
                    Row { learned, predictions: Vec::new(), other: Vec::new() }
                }
                Some(_) if joint => {
                    student = self.train_task(0, &Task::joint(tasks), &student)?.load_into(student);
                    self.evaluate(&student, learned..learned + 1)?.swap_remove(0)
                }
                Some(task_id) => {
                    student = self.train_task(task_id, &tasks[task_id], &student)?.load_into(student);
                    self.rebuild_between_tasks(learned)?;
                    self.evaluate(&student, learned..learned + 1)?.swap_remove(0)
                }
            };
            if learned == tasks.len() {
                self.emit_kept()?;
            }
            self.emit(&Event::Evaluated(&row))?;
            matrix.push(row.accuracies(tasks.len()));
        }
        let states = if self.keep_states { self.save()? } else { BTreeMap::new() };
        Ok(Outcome { matrix, weights: Weights::of(&student), states })
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
    fn load(&mut self, states: &BTreeMap<String, State>, learned: usize) -> Result<(), Error> {
        let past = Past { tasks: &self.around.scenario.tasks()[..learned], device: &self.around.device };
        let none = State::default();
        let state = |name: &str| states.get(name).unwrap_or(&none);
        self.method.load(state("method"), &past)?;
        for (name, hook) in self.config.hooks()?.iter().zip(&mut self.hooks) {
            hook.load(state(&format!("hook.{name}")), &past)?;
        }
        Ok(())
    }

    /// New objects in place of the method and the hooks.
    fn rebuild(&mut self) -> Result<(), Error> {
        self.method = self.config.build_method(self.entry)?;
        self.hooks = self.config.build_hooks()?;
        Ok(())
    }

    /// See [`Run::rebuild_after`].
    pub(super) fn rebuild_if_due(&mut self, start: &Border<'_>, iteration: usize) -> Result<(), Error> {
        if self.rebuild_after != Some(iteration) {
            return Ok(());
        }
        let states = self.save()?;
        self.rebuild()?;
        self.begin_task(start)?;
        self.begin_hooks(start)?;
        self.load(
            &states,
            if self.capabilities().joint { self.around.scenario.tasks().len() } else { start.task_id + 1 },
        )
    }

    fn rebuild_between_tasks(&mut self, learned: usize) -> Result<(), Error> {
        if self.rebuild_after.is_none() {
            return Ok(());
        }
        let states = self.save()?;
        self.rebuild()?;
        self.load(&states, learned)
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

    pub(super) fn stop_if_asked(&self, task: usize, step: usize) -> Result<(), Error> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted { task, step }) } else { Ok(()) }
    }
}
