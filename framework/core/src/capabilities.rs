//! What a method or hook needs and what it trains.

use serde::{Deserialize, Serialize};

use crate::{error::Error, scenario::ScenarioHead};

/// Which parameters of the model a method changes. The logit scale is never trained (reference, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trains {
    /// Both towers.
    #[default]
    Both,
    /// The image tower.
    Image,
    /// The text tower.
    Text,
    /// Nothing.
    Nothing,
}

impl Trains {
    /// Whether the parameter with this OpenAI name is trained.
    pub fn includes(self, name: &str) -> bool {
        let visual = name.starts_with("visual.");
        match self {
            Self::Both => name != "logit_scale",
            Self::Image => visual,
            Self::Text => !visual && name != "logit_scale",
            Self::Nothing => false,
        }
    }
}

/// What a method or hook needs, and what it trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(clippy::struct_excessive_bools, reason = "independent needs")]
pub struct Capabilities {
    /// Needs a set of reference images.
    pub reference_images: bool,
    /// Needs reference texts.
    pub reference_texts: bool,
    /// Needs the class names of the reference images.
    pub reference_classes: bool,
    /// Needs images of earlier tasks, a stream called `memory`.
    pub memory: bool,
    /// Provides that stream.
    pub provides_memory: bool,
    /// Learns all tasks at once, as one task over all classes; an upper bound, not a continual method.
    pub joint: bool,
    /// Never learns anything, so that one evaluation is enough.
    pub fixed: bool,
    /// Learns without training steps.
    pub closed_form: bool,
    /// Scores with what it learned beside the weights of the model.
    pub scores_from_state: bool,
    /// A hook that leaves behind an average of its own in place of the weights of a task.
    pub averages: bool,
    /// Which parameters of the model are trained.
    pub trains: Trains,
}

impl Capabilities {
    /// The needs of both; what is learned is that of `self`.
    #[must_use]
    pub fn and(self, hook: Self) -> Self {
        Self {
            reference_images: self.reference_images || hook.reference_images,
            reference_texts: self.reference_texts || hook.reference_texts,
            reference_classes: self.reference_classes || hook.reference_classes,
            memory: self.memory || hook.memory,
            provides_memory: self.provides_memory || hook.provides_memory,
            ..self
        }
    }

    /// Refuses a scenario that lacks what is needed, and hooks that lack each other.
    ///
    /// # Errors
    ///
    /// Names what is missing and how to provide it.
    pub fn check(self, method: &str, scenario: &ScenarioHead) -> Result<(), Error> {
        let of_reference = |what: &str| {
            (
                format!("it needs reference {what} and the scenario has none"),
                format!("add [reference] {what} = DATASET to the scenario, or --reference-{what} DATASET"),
            )
        };
        let (reason, hint) = if (self.reference_images || self.reference_classes) && !scenario.reference_images {
            of_reference("images")
        } else if self.reference_texts && !scenario.reference_texts {
            of_reference("texts")
        } else if self.memory && !self.provides_memory {
            ("it needs images of earlier tasks and nothing keeps any".to_owned(), "add --hook exemplars".to_owned())
        } else if self.provides_memory && !self.memory {
            let hint = "add --hook distill --set hook.distill.images=memory, or leave exemplars out";
            ("it keeps images of earlier tasks and nothing looks at them".to_owned(), hint.to_owned())
        } else {
            return Ok(());
        };
        Err(Error::Capability { method: method.to_owned(), scenario: scenario.name.clone(), reason, hint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn towers_are_told_apart_by_name_and_the_logit_scale_belongs_to_none() {
        let names = ["visual.proj", "text_projection", "logit_scale"];
        let included = |trains: Trains| names.map(|name| trains.includes(name));
        assert_eq!(included(Trains::Both), [true, true, false]);
        assert_eq!(included(Trains::Image), [true, false, false]);
        assert_eq!(included(Trains::Text), [false, true, false]);
        assert_eq!(included(Trains::Nothing), [false, false, false]);
    }

    #[test]
    fn what_is_missing_is_named_with_its_fix() {
        let bare = ScenarioHead { name: "bare".into(), ..ScenarioHead::default() };
        let text = |needs: Capabilities| needs.check("m", &bare).unwrap_err().to_string();
        let none = Capabilities::default();
        assert!(none.check("m", &bare).is_ok());
        assert!(text(Capabilities { reference_images: true, ..none }).contains("--reference-images"));
        assert!(text(Capabilities { reference_classes: true, ..none }).contains("--reference-images"));
        assert!(text(Capabilities { reference_texts: true, ..none }).contains("--reference-texts"));
        let memory = Capabilities { memory: true, ..none };
        assert!(text(memory).contains("--hook exemplars"));
        let kept = Capabilities { provides_memory: true, ..none };
        assert!(memory.and(kept).check("m", &bare).is_ok());
        assert!(text(kept).contains("hook.distill.images=memory"));
    }
}
