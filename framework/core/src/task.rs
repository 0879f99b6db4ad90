//! Tasks, reference data, and what is known at the borders of a task.

use std::{cell::LazyCell, sync::Arc};

use burn::tensor::{Device, Tensor};
use clf_clip::{Clip, TextConfig, TokenBatch, Tokenizer, Weights, kernels::product, unit};
use serde::{Deserialize, Serialize};

use crate::{
    capabilities::Trains,
    data::{Augment, BatchOrder, Concat, Samples, Stream, Subset},
    engine::TrainSettings,
    error::Error,
    random::Key,
};

/// Factor on cosines at evaluation (CLIP's zero-shot classifier).
pub const EVALUATION_SCALE: f64 = 100.0;

/// A prompt, as words or as token ids made elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Words, tokenised with the model's vocabulary.
    Words(String),
    /// Token ids, start and end included.
    Tokens(Vec<u32>),
}

/// Token ids of `prompts` for a text tower of this shape.
///
/// # Errors
///
/// When there is no tokenizer for the vocabulary, or an id lies outside of it.
pub fn tokenise(prompts: &[Prompt], text: &TextConfig) -> Result<Vec<Vec<u32>>, Error> {
    let tokenizer = LazyCell::new(|| Tokenizer::for_vocab_size(text.vocab_size));
    let tokens = |prompt: &Prompt| match prompt {
        Prompt::Words(words) => match &*tokenizer {
            Ok(tokenizer) => Ok(tokenizer.encode(words, text.context_length)),
            Err(error) => Err(Error::config("model", error.to_string())),
        },
        Prompt::Tokens(ids) => match ids.iter().find(|id| **id as usize >= text.vocab_size) {
            Some(id) => Err(Error::config("prompt", format!("token {id} is not in the vocabulary"))),
            None if ids.len() > text.context_length => {
                Err(Error::config("prompt", format!("{} tokens, at most {} fit", ids.len(), text.context_length)))
            }
            None => Ok(ids.clone()),
        },
    };
    prompts.iter().map(tokens).collect()
}

impl From<String> for Prompt {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

/// Settings of one task that differ from those of the run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TaskSettings {
    /// Peak learning rate.
    pub lr: Option<f64>,
    /// Iterations.
    pub steps: Option<usize>,
    /// Epochs, instead of iterations.
    pub epochs: Option<usize>,
}

/// One task of a scenario: what is learned and what is scored.
#[derive(Clone)]
pub struct Task {
    /// Name in tables.
    pub name: String,
    /// Class names in label order.
    pub class_names: Vec<String>,
    /// The prompt of each class while training.
    pub train_prompts: Vec<Prompt>,
    /// The prompts of each class at evaluation, whose features are averaged; `[class][template]`.
    pub eval_prompts: Vec<Vec<Prompt>>,
    /// Images to learn from, labels `0..class_names.len()`.
    pub train: Arc<dyn Samples>,
    /// Images to score, same labels.
    pub test: Arc<dyn Samples>,
    /// Order of the training images.
    pub order: BatchOrder,
    /// Order of the same images where they serve as reference images as well.
    pub reference_order: BatchOrder,
    /// Where the border between training and test images comes from (see
    /// [`DatasetInfo::split_family`](crate::data::DatasetInfo::split_family)).
    pub split_family: String,
    /// Whether an image is cropped at random once and looks the same in every epoch.
    pub augment_once: bool,
    /// Settings of this task alone.
    pub settings: TaskSettings,
}

impl Task {
    /// All of `tasks` as one task over all their classes, in order.
    pub fn joint(tasks: &[Self]) -> Self {
        let all = |part: fn(&Self) -> &Arc<dyn Samples>| -> Arc<dyn Samples> {
            let mut first = 0;
            let shifted = tasks.iter().map(|task| {
                first += task.class_names.len();
                let indices: Vec<usize> = (0..part(task).len()).collect();
                let subset = Subset::of_indices(part(task).clone(), &indices);
                Arc::new(subset.with_labels_from(first - task.class_names.len())) as Arc<dyn Samples>
            });
            Arc::new(Concat::new(shifted.collect()))
        };
        Self {
            name: "all tasks".to_owned(),
            class_names: tasks.iter().flat_map(|task| task.class_names.clone()).collect(),
            train_prompts: tasks.iter().flat_map(|task| task.train_prompts.clone()).collect(),
            eval_prompts: tasks.iter().flat_map(|task| task.eval_prompts.clone()).collect(),
            train: all(|task| &task.train),
            test: all(|task| &task.test),
            order: BatchOrder::Shuffled,
            reference_order: BatchOrder::Shuffled,
            split_family: tasks.first().map(|task| task.split_family.clone()).unwrap_or_default(),
            augment_once: tasks.iter().any(|task| task.augment_once),
            settings: TaskSettings::default(),
        }
    }

    /// Refuses data that cannot be learned or scored.
    ///
    /// # Errors
    ///
    /// When there are no classes, no images in a split, or a label without a class.
    pub fn check(&self) -> Result<(), Error> {
        let place = format!("task {}", self.name);
        let classes = self.class_names.len();
        if classes == 0 || self.eval_prompts.iter().any(Vec::is_empty) {
            return Err(Error::config(place, "the dataset has no classes; caption sets are for reference"));
        }
        for (split, samples) in [("training", &self.train), ("test", &self.test)] {
            if samples.is_empty() {
                return Err(Error::config(place, format!("there are no {split} images")));
            }
            let odd = (0..samples.len()).find(|index| samples.label(*index).is_none_or(|label| label >= classes));
            if let Some(index) = odd {
                let reason = format!("{split} image {index} has label {:?} of {classes} classes", samples.label(index));
                return Err(Error::config(place, reason));
            }
        }
        Ok(())
    }
}

/// Data outside of all tasks on which a method may tie the student to a teacher.
#[derive(Clone)]
pub struct Reference {
    /// What it is, for the run record.
    pub name: String,
    /// Reference images; labels are ignored.
    pub images: Option<Arc<dyn Samples>>,
    /// Training prompts of the classes of the reference images; empty where there are no classes.
    pub class_prompts: Vec<Prompt>,
    /// Reference texts; need not belong to the images.
    pub texts: Vec<Prompt>,
    /// Order of the reference images. It is the same in every task, as in the original.
    pub order: BatchOrder,
}

/// What a method and its hooks see at the borders of a task.
pub struct TaskContext<'a> {
    /// 0-based number of the task.
    pub task_id: usize,
    /// The task.
    pub task: &'a Task,
    /// The student as the task finds it (or leaves it), outside of autodiff.
    pub student: &'a Clip,
    /// Its weights, and behind them the parameters of the method's own.
    pub weights: &'a Weights,
    /// The untouched model.
    pub zero_shot: &'a Clip,
    /// Data outside of all tasks, where the scenario has any.
    pub reference: Option<&'a Reference>,
    /// How the task is trained.
    pub settings: &'a TrainSettings,
    /// Which parameters of the model are trained.
    pub trains: Trains,
    /// Seed of the run.
    pub seed: u64,
    /// Where tensors live, without autodiff.
    pub device: &'a Device,
}

impl TaskContext<'_> {
    /// What randomness of this task is drawn for.
    pub fn key(&self) -> Key {
        Key { seed: self.seed, task: self.task_id as u64, ..Key::default() }
    }

    /// The training prompt of every class, tokenised.
    ///
    /// # Errors
    ///
    /// When a prompt cannot be tokenised.
    pub fn class_tokens(&self) -> Result<Vec<Vec<u32>>, Error> {
        self.tokenise(&self.task.train_prompts)
    }

    /// Token ids of `prompts` for this model.
    ///
    /// # Errors
    ///
    /// When a prompt cannot be tokenised.
    pub fn tokenise(&self, prompts: &[Prompt]) -> Result<Vec<Vec<u32>>, Error> {
        tokenise(prompts, &self.student.config().text)
    }

    /// The scenario's reference images under the test transform, in an order that is the same in every task (as in the
    /// original, where every task is a process with the same seed).
    ///
    /// # Errors
    ///
    /// When the scenario has none.
    pub fn reference_stream(&self) -> Result<Stream, Error> {
        let reference = self.reference.and_then(|reference| Some((reference.images.clone()?, &reference.order)));
        let (samples, order) =
            reference.ok_or_else(|| Error::config("reference images", "the scenario has no reference images"))?;
        Ok(Stream {
            name: Stream::REFERENCE,
            samples,
            order: order.clone(),
            batch_size: self.settings.reference_batch_size,
            augment: Augment::None,
            key: Key { seed: self.seed, ..Key::default() },
        })
    }

    /// The task's own training images in an order of their own.
    pub fn current_stream(&self, augment: Augment) -> Stream {
        Stream {
            name: Stream::CURRENT,
            samples: self.task.train.clone(),
            order: self.task.reference_order.clone(),
            batch_size: self.settings.reference_batch_size,
            augment,
            key: self.key(),
        }
    }
}

/// Texts encoded at once when no gradient is needed.
const TEXT_CHUNK: usize = 128;

/// Unit text features in chunks, for frozen models.
///
/// # Shapes
///
/// - output: `[texts, embed]`
pub fn encode_texts_in_chunks(model: &Clip, texts: &[Vec<u32>]) -> Tensor<2> {
    Tensor::cat(texts.chunks(TEXT_CHUNK).map(|chunk| model.encode_texts(&TokenBatch::new(chunk))).collect(), 0)
}

/// Classes of one task among those that compete for a test image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidates {
    /// 0-based task.
    pub task: usize,
    /// Number of its classes.
    pub classes: usize,
}

/// What a method sees of a batch of test images.
pub struct Scoring<'a> {
    /// The model under test, outside of autodiff.
    pub model: &'a Clip,
    /// Unit features of the images, `[batch, embed]`.
    pub image_features: Tensor<2>,
    /// Unit features of the candidate classes, averaged over templates, `[classes, embed]`.
    pub classifier: Tensor<2>,
    /// The tasks that the candidate classes come from, in the order of the classifier's rows.
    pub candidates: &'a [Candidates],
}

impl Scoring<'_> {
    /// 100 times the cosine of every image with every candidate class.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, classes]`
    pub fn cosine_scores(&self) -> Tensor<2> {
        product(self.image_features.clone(), self.classifier.clone().transpose()) * EVALUATION_SCALE
    }
}

/// The zero-shot classifier: unit features of each prompt, averaged over templates, of length one again.
///
/// # Shapes
///
/// - `prompts`: `[classes][templates]`
/// - output: `[classes, embed]`
///
/// # Errors
///
/// When a prompt cannot be tokenised.
pub fn zero_shot_classifier(model: &Clip, prompts: &[Vec<Prompt>]) -> Result<Tensor<2>, Error> {
    let all: Vec<Prompt> = prompts.iter().flatten().cloned().collect();
    let features = encode_texts_in_chunks(model, &tokenise(&all, &model.config().text)?);
    let mut first = 0;
    let mut classes = Vec::with_capacity(prompts.len());
    for templates in prompts {
        classes.push(features.clone().narrow(0, first, templates.len()).mean_dim(0));
        first += templates.len();
    }
    Ok(unit(Tensor::cat(classes, 0)))
}
