//! What a run consists of: tasks, steps, texts, rows.

use clf_core::{
    Capabilities, Error, Scenario,
    clip::{TextConfig, TokenBatch},
    engine::{Saving, TrainSettings},
    task::{Prompt, Task, tokenise},
};
use serde::Serialize;

use super::{
    texts::{Further, Texts},
    work::Asked,
};
use crate::launch::Plan;

/// Texts that are encoded at once without gradients.
const TEXT_CHUNK: usize = 128;

/// A task of the run.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskPlan {
    /// Name in tables.
    pub name: String,
    /// Number of classes.
    pub classes: usize,
    /// Training images.
    pub train: usize,
    /// Test images.
    pub test: usize,
    /// Training steps.
    pub steps: usize,
    /// Tokens of the longest class text of a step.
    pub length: usize,
    /// Amount of text in a step: classes times that length.
    #[serde(skip)]
    pub text: usize,
    /// Texts of a step at most, those that compete with the classes of the task included.
    #[serde(skip)]
    pub texts: Texts,
    /// Texts that a teacher reads in every step.
    #[serde(skip)]
    pub teacher_texts: Texts,
    /// Amount of text in the classifier of the task.
    #[serde(skip)]
    pub eval_text: usize,
    /// Steps in which a teacher sees its images for the first time, where it does not know them from another task.
    #[serde(skip)]
    pub new_steps: usize,
    /// Whether the method begins and ends it.
    #[serde(skip)]
    pub is_learned: bool,
    /// What passes over training images at the end of the task, as a multiple of what is measured.
    #[serde(skip)]
    pub passes: f64,
}

/// What a run consists of, and what of it is measured.
#[derive(Debug, Clone, Default)]
pub struct Plans {
    /// All tasks.
    pub tasks: Vec<TaskPlan>,
    /// Those that are measured.
    pub picks: Vec<usize>,
    /// The tasks whose images are scored, row by row.
    pub rows: Vec<Vec<usize>>,
    /// Measured steps of a task in which a teacher sees new images.
    pub new_steps: usize,
    /// Whether the first task has other steps than the rest: no images of earlier tasks come along.
    pub first_differs: bool,
    /// When the run is saved.
    pub saving: Saving,
}

/// Settings that decide about sizes.
pub struct Sizes<'a> {
    /// The run.
    pub plan: &'a Plan,
    /// The text tower.
    pub text: &'a TextConfig,
    /// The training settings of the run.
    pub train: TrainSettings,
}

impl Plans {
    /// Reads the scenario; nothing is picked yet.
    pub fn new(scenario: &dyn Scenario, sizes: &Sizes<'_>) -> Result<Self, Error> {
        let needs = sizes.plan.needs;
        let tasks = scenario.tasks().iter().map(|task| sizes.task(task, scenario)).collect::<Result<_, _>>()?;
        let first_differs = needs.provides_memory;
        let mut plans = Self { tasks, rows: rows(scenario, needs), first_differs, ..Self::default() };
        plans.add_texts(&Further { config: &sizes.plan.config, reference: scenario.reference(), text: sizes.text })?;
        if needs.joint {
            plans.join();
        }
        Ok(plans)
    }

    /// Adds what steps encode beside the classes of their task.
    fn add_texts(&mut self, further: &Further<'_>) -> Result<(), Error> {
        let mut before = Texts::default();
        for task in &mut self.tasks {
            let own = task.texts;
            task.texts = own.and(further.trained(own, before)?);
            task.teacher_texts = further.of_teacher(own, before)?;
            before = before.and(own);
        }
        Ok(())
    }

    /// All tasks are learned as one.
    fn join(&mut self) {
        let length = self.tasks.iter().map(|task| task.length).max().unwrap_or_default();
        let texts = Texts { count: self.tasks.iter().map(|task| task.classes).sum(), length };
        // Each task counted one more step than it has iterations.
        let steps = self.tasks.iter().map(|task| task.steps - 1).sum::<usize>() + 1;
        let new_steps = self.tasks.iter().map(|task| task.new_steps).sum();
        for (position, task) in self.tasks.iter_mut().enumerate() {
            task.is_learned = position == 0;
            (task.steps, task.texts, task.new_steps) =
                if position == 0 { (steps, texts, new_steps) } else { (0, Texts::default(), 0) };
            task.text = task.texts.tokens();
        }
    }

    /// Training steps of the whole run.
    pub fn steps(&self) -> usize {
        self.tasks.iter().map(|task| task.steps).sum()
    }

    /// Images that are scored in the whole run.
    pub fn scored(&self) -> usize {
        self.rows.iter().flatten().map(|id| self.tasks[*id].test).sum()
    }
}

impl Sizes<'_> {
    fn task(&self, task: &Task, scenario: &dyn Scenario) -> Result<TaskPlan, Error> {
        let needs = self.plan.needs;
        let tokens = tokenise(&task.train_prompts, self.text)?;
        let length = TokenBatch::new(&tokens).length();
        let all: Vec<Prompt> = task.eval_prompts.iter().flatten().cloned().collect();
        let all = tokenise(&all, self.text)?;
        let steps = if needs.fixed || needs.closed_form { 0 } else { self.iterations(task) + 1 };
        Ok(TaskPlan {
            name: task.name.clone(),
            classes: task.class_names.len(),
            train: task.train.len(),
            test: task.test.len(),
            steps,
            length,
            text: length * tokens.len(),
            texts: Texts { count: tokens.len(), length },
            teacher_texts: Texts::default(),
            eval_text: all.chunks(TEXT_CHUNK).map(|chunk| chunk.len() * TokenBatch::new(chunk).length()).sum(),
            new_steps: self.new_steps(task, scenario),
            is_learned: !needs.fixed,
            passes: 1.0,
        })
    }

    /// Iterations of a task, as the engine counts them.
    fn iterations(&self, task: &Task) -> usize {
        let settings = self.train.for_task(&self.plan.config.task_settings_rule().apply(task.settings));
        match settings.epochs {
            0 => settings.steps,
            epochs => epochs * task.order.batches_per_epoch(task.train.len(), settings.batch_size),
        }
    }

    /// Batches until a teacher knows all of its images.
    fn new_steps(&self, task: &Task, scenario: &dyn Scenario) -> usize {
        let batch = self.train.reference_batch_size;
        match Asked::of(&self.plan.config) {
            Asked::Reference => {
                let images = scenario.reference().and_then(|reference| Some(reference.images.as_ref()?.len()));
                images.unwrap_or_default().div_ceil(batch)
            }
            Asked::Current => task.train.len().div_ceil(batch),
            Asked::Memory | Asked::Nothing => 0,
        }
    }
}

/// Which tasks are scored in each row: of the untouched model all that are ever scored, then after each task.
fn rows(scenario: &dyn Scenario, needs: Capabilities) -> Vec<Vec<usize>> {
    let count = scenario.tasks().len();
    let scored = |learned: &mut dyn Iterator<Item = usize>| -> Vec<usize> {
        let learned: Vec<usize> = learned.collect();
        let is_scored = |task: &usize| learned.iter().any(|learned| scenario.candidates(*learned, *task).is_some());
        (0..count).filter(is_scored).collect()
    };
    let later = if needs.fixed {
        0..0
    } else if needs.joint {
        count..count + 1
    } else {
        1..count + 1
    };
    std::iter::once(scored(&mut (0..=count)))
        .chain(later.map(|learned| scored(&mut std::iter::once(learned))))
        .collect()
}
