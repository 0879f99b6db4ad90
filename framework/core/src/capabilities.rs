//! What a method or hook needs and what it trains.

use serde::Serialize;

use crate::{error::Error, scenario::ScenarioHead};

/// Which parameters a method changes. The logit scale is never trained (reference, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trains {
    /// Both towers.
    #[default]
    Both,
    /// Nothing; the engine skips training.
    Nothing,
}

impl Trains {
    /// Whether the parameter with this OpenAI name is trained.
    pub fn includes(self, name: &str) -> bool {
        match self {
            Self::Both => name != "logit_scale",
            Self::Nothing => false,
        }
    }
}

/// What a method or hook needs from a scenario, and what it trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Capabilities {
    /// Needs a set of reference images.
    pub reference_images: bool,
    /// Needs reference texts.
    pub reference_texts: bool,
    /// Which parameters are trained.
    pub trains: Trains,
}

impl Capabilities {
    /// The needs of both; the training scope is that of `self`.
    #[must_use]
    pub fn and(self, hook: Self) -> Self {
        Self {
            reference_images: self.reference_images || hook.reference_images,
            reference_texts: self.reference_texts || hook.reference_texts,
            trains: self.trains,
        }
    }

    /// Refuses a scenario that lacks what is needed.
    ///
    /// # Errors
    ///
    /// Names what is missing and how to provide it.
    pub fn check(self, method: &str, scenario: &ScenarioHead) -> Result<(), Error> {
        let missing = match self {
            Self { reference_images: true, .. } if !scenario.reference_images => ("images", "--reference-images"),
            Self { reference_texts: true, .. } if !scenario.reference_texts => ("texts", "--reference-texts"),
            _ => return Ok(()),
        };
        Err(Error::Capability {
            method: method.to_owned(),
            scenario: scenario.name.clone(),
            reason: format!("it needs reference {} and the scenario has none", missing.0),
            hint: format!("add [reference] {} = DATASET to the scenario, or {} DATASET", missing.0, missing.1),
        })
    }
}
