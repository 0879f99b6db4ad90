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
    error::Error,
    hook::RegularizerHook,
    method::Method,
    metrics::AccuracyMatrix,
    scenario::Scenario,
    task::{Task, tokenise},
};

/// Everything a run needs, ready to be executed.
pub struct Run<'a> {
    /// Seed of all randomness.
    pub seed: u64,
    /// The method.
    pub method: Box<dyn Method>,
    /// Its hooks, in order.
    pub hooks: Vec<Box<dyn RegularizerHook>>,
    /// The tasks.
    pub scenario: &'a dyn Scenario,
    /// Training settings of all tasks.
    pub train: TrainSettings,
    /// Whether settings of single tasks give way to `train`, because the user chose those.
    pub ignore_task_settings: TaskSettingsRule,
    /// Evaluation settings.
    pub eval: EvalSettings,
    /// The untouched model, outside of autodiff.
    pub zero_shot: Clip,
    /// Reference texts, tokenised; see [`Run::prepare`].
    pub reference_texts: Vec<Vec<u32>>,
    /// Where tensors live, without autodiff.
    pub device: Device,
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

impl Run<'_> {
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
        self.train.check()?;
        self.prepare()?;
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

    /// Tokenises the reference texts if somebody needs them.
    fn prepare(&mut self) -> Result<(), Error> {
        if let Some(reference) = self.scenario.reference().filter(|_| self.capabilities().reference_texts) {
            self.reference_texts = tokenise(&reference.texts, &self.zero_shot.config().text)?;
        }
        Ok(())
    }

    pub(super) fn settings_of(&self, task: &Task) -> TrainSettings {
        let mut settings = task.settings;
        if self.ignore_task_settings.lr {
            settings.lr = None;
        }
        if self.ignore_task_settings.length {
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
