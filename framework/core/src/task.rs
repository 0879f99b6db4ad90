//! Tasks, reference data, and what is known at the borders of a task.

use std::{cell::LazyCell, sync::Arc};

use burn::tensor::{Device, Tensor};
use clf_clip::{Clip, TextConfig, TokenBatch, Tokenizer};
use serde::{Deserialize, Serialize};

use crate::{
    data::{BatchOrder, Samples},
    error::Error,
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
    /// Settings of this task alone.
    pub settings: TaskSettings,
}

impl Task {
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
    /// The untouched model.
    pub zero_shot: &'a Clip,
    /// The scenario's reference texts, tokenised; empty when it has none.
    pub reference_texts: &'a [Vec<u32>],
    /// Where tensors live, without autodiff.
    pub device: &'a Device,
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

/// What a method sees of a batch of test images.
pub struct Scoring<'a> {
    /// The model under test, outside of autodiff.
    pub model: &'a Clip,
    /// Unit features of the images, `[batch, embed]`.
    pub image_features: Tensor<2>,
    /// Unit features of the candidate classes, averaged over templates, `[classes, embed]`.
    pub classifier: Tensor<2>,
}

impl Scoring<'_> {
    /// 100 times the cosine of every image with every candidate class.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, classes]`
    pub fn cosine_scores(&self) -> Tensor<2> {
        self.image_features.clone().matmul(self.classifier.clone().transpose()) * EVALUATION_SCALE
    }
}
