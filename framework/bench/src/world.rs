//! A scenario of noise, of any size.

use std::ops::Range;

use clf_core::{
    Error, Scenario, ScenarioHead,
    clip::{Clip, ClipConfig},
    config::Config,
    data::BatchOrder,
    engine::Run,
    random::Key,
    registry::{self, MethodEntry},
    task::{Prompt, Reference, Task, TaskSettings},
};

use crate::{
    model::SEED,
    noise::{Images, prompts},
};

/// How much of everything there is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Tasks.
    pub tasks: usize,
    /// Classes of each task.
    pub classes: usize,
    /// Training images of each task.
    pub train: usize,
    /// Test images of each task.
    pub test: usize,
    /// Prompt templates of each class.
    pub templates: usize,
    /// Reference images.
    pub reference_images: usize,
    /// Reference texts.
    pub reference_texts: usize,
    /// Longest text in tokens.
    pub text_length: usize,
    /// Whether test images are scored.
    pub scored: bool,
}

/// Tasks of random images with random prompts.
pub struct World {
    tasks: Vec<Task>,
    reference: Reference,
    scored: bool,
}

impl World {
    /// A world of this size for a model of this shape; its images have the size that the model reads.
    pub fn new(size: &Size, config: &ClipConfig) -> Self {
        let side = config.vision.image_size;
        let texts = |task: usize, epoch: u64, count: usize| {
            let key = Key { seed: SEED, task: task as u64, epoch, ..Key::default() };
            prompts(count, size.text_length, &config.text, key)
        };
        let task = |id: usize| Task {
            name: format!("task {id}"),
            class_names: (0..size.classes).map(|class| format!("class {class}")).collect(),
            train_prompts: texts(id, 0, size.classes),
            eval_prompts: texts(id, 1, size.classes * size.templates)
                .chunks(size.templates)
                .map(<[Prompt]>::to_vec)
                .collect(),
            train: Images::new(size.train, size.classes, side),
            test: Images::new(size.test, size.classes, side),
            order: BatchOrder::Shuffled,
            reference_order: BatchOrder::Shuffled,
            split_family: String::new(),
            augment_once: false,
            settings: TaskSettings::default(),
        };
        let reference = Reference {
            name: "noise".to_owned(),
            images: Some(Images::new(size.reference_images, 1, side)),
            class_prompts: Vec::new(),
            texts: texts(size.tasks, 0, size.reference_texts),
            order: BatchOrder::Shuffled,
        };
        Self { tasks: (0..size.tasks).map(task).collect(), reference, scored: size.scored }
    }

    /// Method `method` on this world with `settings` on top of its defaults.
    ///
    /// # Errors
    ///
    /// When a setting cannot be used.
    pub fn run(&self, method: &str, settings: toml::Table, clip: Clip) -> Result<Run<'_>, Error> {
        let entry = registry::find::<MethodEntry>(method)?;
        let config = Config::resolve(entry, &self.head(settings), Vec::new(), &[])?;
        Run::new(entry, self, &config, clip)
    }

    /// What the world says of itself before it is opened.
    pub fn head(&self, settings: toml::Table) -> ScenarioHead {
        ScenarioHead {
            name: self.name().to_owned(),
            procedure: self.procedure().to_owned(),
            reference_images: true,
            reference_texts: true,
            settings,
        }
    }
}

impl Scenario for World {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn procedure(&self) -> &'static str {
        "mtil"
    }

    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn reference(&self) -> Option<&Reference> {
        Some(&self.reference)
    }

    fn candidates(&self, _learned: usize, task: usize) -> Option<Range<usize>> {
        self.scored.then_some(task..task + 1)
    }
}
