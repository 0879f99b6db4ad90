use std::{
    ops::Range,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use clf_clip::{Activation, Clip, ClipConfig, Normalization, StateDictError, TextConfig, VisionConfig, random_weights};
use image::{DynamicImage, Rgb, RgbImage};
use rand::Rng;

use crate::{
    data::{BatchOrder, DatasetError, Samples},
    random::{Key, Purpose},
    scenario::Scenario,
    task::{Prompt, Reference, Task, TaskSettings},
};

/// Tasks of the world.
pub(super) const TASKS: usize = 3;
const TRAIN_IMAGES: usize = 30;
const TEST_IMAGES: usize = 14;
const SIDE: u32 = 16;
/// Names of the classes, task by task; the last ones are those of another last task.
const NAMES: [&[&str]; TASKS + 1] =
    [&["red", "green", "blue"], &["cat", "dog", "owl", "fox"], &["one", "two", "ten"], &["oak", "elm"]];

/// What may be read at the moment.
#[derive(Debug, Default)]
pub(super) struct Phase(AtomicUsize);

impl Phase {
    const SCORING: usize = usize::MAX;

    pub fn score(&self) {
        self.0.store(Self::SCORING, Ordering::SeqCst);
    }

    pub fn learn(&self, task: usize) {
        self.0.store(task, Ordering::SeqCst);
    }
}

/// Noise around a colour a class.
struct Pictures {
    task: usize,
    classes: usize,
    count: usize,
    test: bool,
    reversed: bool,
}

impl Pictures {
    fn sample(&self, index: usize) -> usize {
        if self.reversed { self.count - 1 - index } else { index }
    }
}

impl Samples for Pictures {
    fn len(&self) -> usize {
        self.count
    }

    fn label(&self, index: usize) -> Option<usize> {
        Some(self.sample(index) % self.classes)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let sample = self.sample(index);
        let class = (5 * self.task + sample % self.classes) as u32;
        let key = Key { task: self.task as u64, epoch: u64::from(self.test), sample: sample as u64, ..Key::default() };
        let mut rng = key.stream(Purpose::Method);
        let colour = [class * 53 % 256, class * 97 % 256, class * 151 % 256];
        let pixel = |_, _| Rgb(colour.map(|c| (c as i32 + rng.random_range(-40..40)).clamp(0, 255) as u8));
        Ok(DynamicImage::ImageRgb8(RgbImage::from_fn(SIDE, SIDE, pixel)))
    }
}

/// Three tasks of a few classes each, reference images with class names, and reference texts.
pub(super) struct World {
    procedure: &'static str,
    tasks: Vec<Task>,
    reference: Reference,
    pub phase: Arc<Phase>,
}

impl World {
    /// With `other_end` the last task is another one; with `reversed` test images come in the opposite order.
    pub fn new(procedure: &'static str, other_end: bool, reversed: bool) -> Self {
        let phase = Arc::new(Phase::default());
        phase.score();
        let task = |place: usize| {
            let content = if other_end && place + 1 == TASKS { TASKS } else { place };
            let pictures = |count, test| -> Arc<dyn Samples> {
                let classes = NAMES[content].len();
                let pictures = Pictures { task: content, classes, count, test, reversed: test && reversed };
                // Which task it is counts by its place, what it shows by its content.
                Arc::new(Guarded { place, pictures, phase: phase.clone() })
            };
            let prompt = |template: &str, name: &&str| Prompt::Words(template.replace("{}", name));
            let names = NAMES[content];
            Task {
                name: format!("task {place}"),
                class_names: names.iter().map(ToString::to_string).collect(),
                train_prompts: names.iter().map(|name| prompt("a {}.", name)).collect(),
                eval_prompts: names.iter().map(|name| vec![prompt("a {}.", name), prompt("the {}.", name)]).collect(),
                train: pictures(TRAIN_IMAGES, false),
                test: pictures(TEST_IMAGES, true),
                order: BatchOrder::Shuffled,
                reference_order: BatchOrder::Shuffled,
                split_family: String::new(),
                augment_once: false,
                settings: TaskSettings::default(),
            }
        };
        let words = |words: &[&str]| words.iter().map(|word| Prompt::Words((*word).to_owned())).collect();
        let reference = Reference {
            name: "tiny".to_owned(),
            images: Some(Arc::new(Pictures { task: 7, classes: 2, count: 20, test: false, reversed: false })),
            class_prompts: words(&["a cup.", "a box."]),
            texts: words(&[
                "some words",
                "a few more words",
                "the sea at night",
                "two birds",
                "a long and winding road",
            ]),
            order: BatchOrder::Shuffled,
        };
        Self { procedure, tasks: (0..TASKS).map(task).collect(), reference, phase }
    }

    /// A small untrained CLIP.
    pub fn model() -> Result<Clip, StateDictError> {
        let config = ClipConfig {
            embed_dim: 16,
            activation: Activation::QuickGelu,
            vision: VisionConfig {
                image_size: SIDE as usize,
                patch_size: 8,
                width: 32,
                layers: 1,
                heads: 2,
                normalization: Normalization::OpenAi,
            },
            text: TextConfig { context_length: 24, vocab_size: 1024, width: 32, layers: 1, heads: 2 },
        };
        Clip::from_state_dict(&random_weights(&config, 5), &config, &burn::tensor::Device::flex())
    }
}

/// Pictures that know when they may be read.
struct Guarded {
    place: usize,
    pictures: Pictures,
    phase: Arc<Phase>,
}

impl Samples for Guarded {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.pictures.label(index)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let what = match self.phase.0.load(Ordering::SeqCst) {
            Phase::SCORING => None,
            _ if self.pictures.test => Some("a test image was read while a task was learned"),
            learned if self.place > learned => Some("an image of a later task was read"),
            _ => None,
        };
        match what {
            None => self.pictures.image(index),
            Some(what) => Err(DatasetError::Corrupt {
                path: PathBuf::from(format!("image {index} of task {}", self.place)),
                reason: what.to_owned(),
            }),
        }
    }
}

impl Scenario for World {
    fn name(&self) -> &'static str {
        "tiny"
    }

    fn procedure(&self) -> &str {
        self.procedure
    }

    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn reference(&self) -> Option<&Reference> {
        Some(&self.reference)
    }

    fn candidates(&self, learned: usize, task: usize) -> Option<Range<usize>> {
        match (self.procedure, learned) {
            ("mtil", _) => Some(task..task + 1),
            (_, 0) => Some(0..TASKS),
            _ => (task < learned).then_some(0..learned),
        }
    }

    fn other_candidates(&self, learned: usize, task: usize) -> Option<Range<usize>> {
        let own = self.procedure != "mtil";
        self.candidates(learned, task).map(|_| if own { task..task + 1 } else { 0..TASKS })
    }
}
