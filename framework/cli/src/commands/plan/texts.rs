//! Texts that a step encodes, beside those of the classes of its task.

use clf_core::{
    Error,
    clip::{TextConfig, TokenBatch},
    config::Config,
    task::{Prompt, Reference, tokenise},
};
use toml::Value;

use super::work::{of_hook, of_method};

/// Texts that are looked at for their length.
const LOOKED_AT: usize = 1000;
/// Start and end of a text.
const ENDS: usize = 2;

/// Texts, and the tokens of the longest of them, to which all are padded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Texts {
    /// How many.
    pub count: usize,
    /// Tokens of each.
    pub length: usize,
}

impl Texts {
    /// Those of `prompts`; the first ones tell their length.
    fn of(prompts: &[Prompt], text: &TextConfig) -> Result<Self, Error> {
        let tokens = tokenise(&prompts[..prompts.len().min(LOOKED_AT)], text)?;
        let length = if tokens.is_empty() { 0 } else { TokenBatch::new(&tokens).length() };
        Ok(Self { count: prompts.len(), length })
    }

    /// These and `other` ones.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, length: self.length.max(other.length) }
    }

    /// All of their tokens.
    pub fn tokens(self) -> usize {
        self.count * self.length
    }
}

/// What decides about further texts.
pub struct Further<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The reference data.
    pub reference: Option<&'a Reference>,
    /// The text tower.
    pub text: &'a TextConfig,
}

impl Further<'_> {
    /// Texts that are trained with the classes `own` of a task, with those of the tasks `before` it: at most, where they differ
    /// from step to step.
    ///
    /// # Errors
    ///
    /// When a text cannot be put into tokens.
    pub fn trained(&self, own: Texts, before: Texts) -> Result<Texts, Error> {
        let setting = |key| of_method(self.config, key);
        // Images of earlier tasks that are replayed come with the classes of theirs.
        let replayed = if setting("candidates").is_some() { before.and(own) } else { Texts::default() };
        Ok(match setting("negatives").and_then(Value::as_str) {
            Some("seen-classes") => before,
            Some("reference-texts") => Texts { count: number(setting("negatives-count")), ..self.reference()? },
            _ => replayed,
        })
    }

    /// Texts that a teacher reads in every step: none where it reads them once.
    ///
    /// # Errors
    ///
    /// When a text cannot be put into tokens.
    pub fn of_teacher(&self, own: Texts, before: Texts) -> Result<Texts, Error> {
        let setting = |key| of_hook(self.config, "distill", key);
        let is_student = setting("teacher").and_then(Value::as_str) == Some("student");
        let is_cached = setting("cache").and_then(Value::as_bool) != Some(false);
        if is_cached && !is_student {
            return Ok(Texts::default());
        }
        match setting("texts").and_then(Value::as_str).unwrap_or_default() {
            "classes" => Ok(own),
            "seen-classes" => Ok(before.and(own)),
            "random" => {
                Ok(Texts { count: number(setting("random-texts")), length: number(setting("random-length")) + ENDS })
            }
            "reference-classes" => {
                Texts::of(self.reference.map_or(&[][..], |reference| &reference.class_prompts), self.text)
            }
            _ => self.reference(),
        }
    }

    fn reference(&self) -> Result<Texts, Error> {
        Texts::of(self.reference.map_or(&[][..], |reference| &reference.texts), self.text)
    }
}

fn number(value: Option<&Value>) -> usize {
    value.and_then(Value::as_integer).and_then(|value| value.try_into().ok()).unwrap_or_default()
}
