use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use burn::tensor::Device;
use clf_clip::{Clip, Weights};

use super::{
    observer::{Event, Observer},
    settings::{EvalSettings, TrainSettings},
};
use crate::{
    capabilities::{Capabilities, Trains},
    config::Config,
    error::Error,
    hook::RegularizerHook,
    method::Method,
    metrics::AccuracyMatrix,
    registry::MethodEntry,
    scenario::Scenario,
    task::{Task, tokenise},
};

/// A method on a scenario, ready to be executed.
pub struct Run<'a> {
    pub(super) seed: u64,
    pub(super) method: Box<dyn Method>,
    pub(super) hooks: Vec<Box<dyn RegularizerHook>>,
    pub(super) scenario: &'a dyn Scenario,
    train: TrainSettings,
    task_settings: TaskSettingsRule,
    pub(super) eval: EvalSettings,
    pub(super) zero_shot: Clip,
    pub(super) reference_texts: Vec<Vec<u32>>,
    pub(super) device: Device,
    /// Who watches.
    pub observers: Vec<&'a mut dyn Observer>,
    /// Set to stop at the next step.
    pub stop: Arc<AtomicBool>,
}

/// Which settings of single tasks give way to those of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskSettingsRule {
    /// The learning rate was chosen by the user.
    pub lr: bool,
    /// The length was chosen by the user.
    pub length: bool,
}

/// What a run leaves behind.
#[derive(Debug)]
pub struct Outcome {
    /// Accuracy on every task after every task.
    pub matrix: AccuracyMatrix,
    /// The final weights.
    pub weights: Weights,
}

impl<'a> Run<'a> {
    /// `method` on `scenario` with the untouched model `zero_shot`, outside of autodiff.
    ///
    /// # Errors
    ///
    /// When a setting has the wrong type or cannot be used, or when data of the scenario cannot.
    pub fn new(
        method: &MethodEntry,
        scenario: &'a dyn Scenario,
        config: &Config,
        zero_shot: Clip,
    ) -> Result<Self, Error> {
        let run = Self {
            seed: config.seed()?,
            method: config.build_method(method)?,
            hooks: config.build_hooks()?,
            scenario,
            train: config.train()?,
            task_settings: config.task_settings_rule(),
            eval: config.eval()?,
            device: zero_shot.device(),
            zero_shot,
            reference_texts: Vec::new(),
            observers: Vec::new(),
            stop: Arc::default(),
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
        self.tokenise_reference()?;
        let scenario = self.scenario;
        let names = scenario.tasks().iter().map(|task| task.name.clone()).collect();
        let counts = scenario.tasks().iter().map(|task| task.test.len()).collect();
        let mut matrix = AccuracyMatrix::new(names, counts);

        let untouched = self.evaluate(&self.zero_shot.clone(), 0..scenario.tasks().len() + 1)?;
        self.emit(&Event::Untouched(&untouched))?;
        let mut student = start.load_into(self.zero_shot.clone());
        let trains = self.capabilities().trains != Trains::Nothing;
        for (learned, untouched) in untouched.into_iter().enumerate() {
            let row = match learned.checked_sub(1).filter(|_| trains) {
                None => untouched,
                Some(task_id) => {
                    student = self.train_task(task_id, &scenario.tasks()[task_id], &student)?.load_into(student);
                    self.evaluate(&student, learned..learned + 1)?.swap_remove(0)
                }
            };
            self.emit(&Event::Evaluated(&row))?;
            matrix.push(row.accuracies(scenario.tasks().len()));
        }
        Ok(Outcome { matrix, weights: Weights::of(&student) })
    }

    /// Refuses settings and data with which the run could not end well.
    fn check(&self) -> Result<(), Error> {
        self.train.check()?;
        if self.eval.batch_size == 0 {
            return Err(Error::config("eval.batch-size", "must be at least 1"));
        }
        let needs = self.capabilities();
        if needs.trains == Trains::Nothing && !self.hooks.is_empty() {
            return Err(Error::config("hooks", "the method never trains, so a hook would never run"));
        }
        for task in self.scenario.tasks() {
            self.settings_of(task)
                .check()
                .map_err(|error| Error::config(format!("task {}", task.name), error.to_string()))?;
            task.check()?;
        }
        let reference = self.scenario.reference();
        if needs.reference_texts && reference.is_none_or(|reference| reference.texts.is_empty()) {
            return Err(Error::config("reference texts", "the set has neither captions nor classes"));
        }
        Ok(())
    }

    fn tokenise_reference(&mut self) -> Result<(), Error> {
        if let Some(reference) = self.scenario.reference().filter(|_| self.capabilities().reference_texts) {
            self.reference_texts = tokenise(&reference.texts, &self.zero_shot.config().text)?;
        }
        Ok(())
    }

    pub(super) fn settings_of(&self, task: &Task) -> TrainSettings {
        let mut settings = task.settings;
        if self.task_settings.lr {
            settings.lr = None;
        }
        if self.task_settings.length {
            (settings.steps, settings.epochs) = (None, None);
        }
        self.train.for_task(&settings)
    }

    pub(super) fn emit(&mut self, event: &Event<'_>) -> Result<(), Error> {
        self.observers.iter_mut().try_for_each(|observer| observer.on_event(event))
    }

    pub(super) fn stop_if_asked(&self, task: usize, step: usize) -> Result<(), Error> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted { task, step }) } else { Ok(()) }
    }
}
