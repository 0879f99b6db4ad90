use serde::{Deserialize, Serialize};

use crate::{
    engine::TaskSettingsRule,
    task::{Prompt, Task, TaskSettings},
};

/// A task as a run found it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskRecord {
    /// Name in tables.
    pub name: String,
    /// Class names in label order.
    pub classes: Vec<String>,
    /// The prompts of the first class, which show the templates.
    pub prompts: Vec<String>,
    /// Where the border between training and test images comes from.
    #[serde(default)]
    pub split_family: String,
    /// Training images found.
    pub train_images: usize,
    /// Test images found.
    pub test_images: usize,
    /// Settings of this task that the run follows.
    pub settings: TaskSettings,
}

impl TaskRecord {
    /// The record of `task` in a run with this rule.
    pub fn new(task: &Task, rule: TaskSettingsRule) -> Self {
        let text = |prompt: &Prompt| match prompt {
            Prompt::Words(words) => words.clone(),
            Prompt::Tokens(ids) => format!("{ids:?}"),
        };
        Self {
            name: task.name.clone(),
            classes: task.class_names.clone(),
            prompts: task.eval_prompts.first().into_iter().flatten().map(text).collect(),
            split_family: task.split_family.clone(),
            train_images: task.train.len(),
            test_images: task.test.len(),
            settings: rule.apply(task.settings),
        }
    }
}
