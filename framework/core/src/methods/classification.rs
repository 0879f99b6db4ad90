use burn::tensor::Tensor;
use clf_clip::{TokenBatch, kernels::product};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{
    capabilities::{Capabilities, Trains},
    config::below_one,
    error::Error,
    losses,
    method::Method,
    random::Purpose,
    state::{Past, State},
    step::{LossTerm, Step},
    task::{TaskContext, zero_shot_classifier},
};

/// Which towers are trained (reference scripts, `--train-mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainMode {
    /// Both.
    Whole,
    /// The image tower.
    Image,
    /// The text tower.
    Text,
}

/// What training the text tower means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextMode {
    /// The text tower is trained.
    Intended,
    /// The classifier is computed once, so that the image tower is what is trained (reference, section 3).
    Published,
}

/// Texts that compete with the classes of the task without ever being right (reference configs, `ce_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Negatives {
    /// None.
    None,
    /// The classes of the tasks before.
    SeenClasses,
    /// Reference texts, drawn anew in each step.
    ReferenceTexts,
}

/// Cross entropy over the classes of the current task; everything else is done by hooks.
///
/// Fine-tuning, ZSCL and LwF are this method with different hooks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Classification {
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f64,
    /// Which towers are trained.
    pub train_mode: TrainMode,
    /// What training the text tower means.
    pub text_mode: TextMode,
    /// Further texts in the cross entropy.
    pub negatives: Negatives,
    /// How many reference texts are drawn as negatives in a step.
    pub negatives_count: usize,
    /// The classifier that does not change, in published text mode; `[classes, embed]`.
    #[serde(skip)]
    frozen: Option<Tensor<2>>,
    /// Token ids to take negatives from.
    #[serde(skip)]
    others: Vec<Vec<u32>>,
    /// Token ids of all classes up to the current task.
    #[serde(skip)]
    seen: Vec<Vec<u32>>,
}

impl Classification {
    /// Default configuration, the first layer of every method that is built on this one.
    pub const DEFAULTS: &'static str = include_str!("classification.toml");

    fn published_text(&self) -> bool {
        self.train_mode == TrainMode::Text && self.text_mode == TextMode::Published
    }

    /// Unit features of the texts that compete, those of the task's classes first.
    ///
    /// # Shapes
    ///
    /// - output: `[classes + negatives, embed]`
    fn text_features(&self, step: &Step<'_>) -> Tensor<2> {
        let classes = self.frozen.clone().unwrap_or_else(|| step.text_features());
        let texts: Vec<&[u32]> = match self.negatives {
            Negatives::ReferenceTexts => {
                let mut rng = step.key().stream(Purpose::Method);
                let draw = |_| self.others[rng.random_range(0..self.others.len())].as_slice();
                (0..self.negatives_count).map(draw).collect()
            }
            Negatives::None | Negatives::SeenClasses => self.others.iter().map(Vec::as_slice).collect(),
        };
        if texts.is_empty() {
            return classes;
        }
        Tensor::cat(vec![classes, step.encode_texts(&TokenBatch::new(&texts))], 0)
    }
}

impl Method for Classification {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        let trains = match self.train_mode {
            TrainMode::Whole => Trains::Both,
            TrainMode::Text if self.text_mode == TextMode::Intended => Trains::Text,
            TrainMode::Image | TrainMode::Text => Trains::Image,
        };
        let reference_texts = self.negatives == Negatives::ReferenceTexts;
        Capabilities { reference_texts, trains, ..Capabilities::default() }
    }

    fn check(&self) -> Result<(), Error> {
        if self.negatives == Negatives::ReferenceTexts && self.negatives_count == 0 {
            return Err(Error::config("method.negatives-count", "must be 1 or more, or method.negatives none"));
        }
        below_one("method.label-smoothing", self.label_smoothing)
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        self.others = match self.negatives {
            Negatives::None => Vec::new(),
            Negatives::SeenClasses => std::mem::take(&mut self.seen),
            Negatives::ReferenceTexts => task.tokenise(task.reference.map_or(&[][..], |reference| &reference.texts))?,
        };
        if self.negatives == Negatives::SeenClasses {
            self.seen = [self.others.clone(), task.class_tokens()?].concat();
        }
        let fixed = || zero_shot_classifier(task.student, &task.task.eval_prompts);
        self.frozen = self.published_text().then(fixed).transpose()?;
        Ok(())
    }

    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        let logits = step.scaled(product(step.image_features(), self.text_features(step).transpose()));
        Ok(vec![LossTerm::new("ce", losses::cross_entropy(logits, step.labels(), self.label_smoothing))])
    }

    fn save(&self) -> Result<State, Error> {
        State::default().with_value("others", &self.others)?.with_value("seen", &self.seen)
    }

    fn load(&mut self, state: &State, _past: &Past<'_>) -> Result<(), Error> {
        (self.others, self.seen) = (state.value("others")?, state.value("seen")?);
        Ok(())
    }
}
