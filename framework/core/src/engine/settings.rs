use serde::{Deserialize, Serialize};

use crate::{data::Augment, error::Error, task::TaskSettings};

/// How a task is trained; the `[train]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrainSettings {
    /// Peak learning rate.
    pub lr: f64,
    /// Iterations of a task, when `epochs` is 0. One more is run, the end point of the schedule.
    pub steps: usize,
    /// Epochs of a task; 0 means that `steps` counts.
    pub epochs: usize,
    /// Steps of linear warm-up.
    pub warmup: usize,
    /// Images of the task in a step.
    pub batch_size: usize,
    /// Reference images in a step.
    pub reference_batch_size: usize,
    /// Images or texts that go through a tower at once, 0 for all. Less memory, some 40% more time, and the same losses and
    /// gradients but for the order of sums.
    pub micro_batch: usize,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Term that keeps the division of Adam finite.
    pub epsilon: f64,
    /// Random part of the training transform.
    pub augment: Augment,
}

impl TrainSettings {
    /// These settings with those of one task in place.
    #[must_use]
    pub fn for_task(&self, task: &TaskSettings) -> Self {
        let mut settings = self.clone();
        if let Some(lr) = task.lr {
            settings.lr = lr;
        }
        if let Some(steps) = task.steps {
            (settings.steps, settings.epochs) = (steps, 0);
        }
        if let Some(epochs) = task.epochs {
            settings.epochs = epochs;
        }
        settings
    }

    /// Refuses values with which nothing can be trained.
    ///
    /// # Errors
    ///
    /// Names the setting.
    pub fn check(&self) -> Result<(), Error> {
        let positive =
            [("train.batch-size", self.batch_size), ("train.reference-batch-size", self.reference_batch_size)];
        for (place, value) in positive {
            if value == 0 {
                return Err(Error::config(place, "must be 1 or more"));
            }
        }
        let finite =
            [("train.lr", self.lr), ("train.weight-decay", self.weight_decay), ("train.epsilon", self.epsilon)];
        for (place, value) in finite {
            if !value.is_finite() || value < 0.0 {
                return Err(Error::config(place, format!("{value} is not a finite number of at least 0")));
            }
        }
        for (place, value) in [("train.beta1", self.beta1), ("train.beta2", self.beta2)] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::config(place, format!("{value} is not in [0, 1)")));
            }
        }
        if self.steps == 0 && self.epochs == 0 {
            return Err(Error::config("train.steps", "must be 1 or more when train.epochs is 0"));
        }
        Ok(())
    }
}

/// How models are scored; the `[eval]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EvalSettings {
    /// Images scored at once; never changes a score.
    pub batch_size: usize,
    /// What is done to a test image.
    pub transform: EvalTransform,
}

impl EvalSettings {
    /// Refuses values with which nothing can be scored.
    ///
    /// # Errors
    ///
    /// Names the setting.
    pub fn check(&self) -> Result<(), Error> {
        match self.batch_size {
            0 => Err(Error::config("eval.batch-size", "must be 1 or more")),
            _ => Ok(()),
        }
    }
}

/// What is done to a test image before it is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvalTransform {
    /// Resize and centre crop.
    #[default]
    Test,
    /// A random training crop, as the published class-incremental code does by mistake.
    Train,
}
