use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// SHA-256 of all class names with their training and evaluation prompts; empty in records of earlier versions.
    #[serde(default)]
    pub prompts_sha256: String,
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
        Self {
            name: task.name.clone(),
            classes: task.class_names.clone(),
            prompts: task.eval_prompts.first().into_iter().flatten().map(text).collect(),
            prompts_sha256: prompts_sha256(task),
            split_family: task.split_family.clone(),
            train_images: task.train.len(),
            test_images: task.test.len(),
            settings: rule.apply(task.settings),
        }
    }
}

fn text(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Words(words) => words.clone(),
        Prompt::Tokens(ids) => format!("{ids:?}"),
    }
}

/// Hash of everything that is said of the classes of `task`, in order.
fn prompts_sha256(task: &Task) -> String {
    let mut hash = Sha256::new();
    let mut add = |kind: &str, text: &str| {
        // With its length, so that two texts never read like one.
        hash.update(format!("{kind} {} ", text.len()));
        hash.update(text);
    };
    task.class_names.iter().for_each(|name| add("class", name));
    task.train_prompts.iter().for_each(|prompt| add("train", &text(prompt)));
    for prompts in &task.eval_prompts {
        add("templates", &prompts.len().to_string());
        for prompt in prompts {
            add("eval", &text(prompt));
        }
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        data::{BatchOrder, Concat},
        task::TaskSettings,
    };

    fn hash(change: impl Fn(&mut Task)) -> String {
        let words = |text: &str| Prompt::Words(text.to_owned());
        let none = Arc::new(Concat::new(Vec::new()));
        let mut task = Task {
            name: "a".to_owned(),
            class_names: ["cat", "dog"].map(String::from).to_vec(),
            train_prompts: ["a cat", "a dog"].map(words).to_vec(),
            eval_prompts: vec![["a cat", "the cat"].map(words).to_vec(), ["a dog", "the dog"].map(words).to_vec()],
            train: none.clone(),
            test: none,
            order: BatchOrder::Shuffled,
            reference_order: BatchOrder::Shuffled,
            split_family: String::new(),
            augment_once: false,
            settings: TaskSettings::default(),
        };
        change(&mut task);
        TaskRecord::new(&task, TaskSettingsRule::default()).prompts_sha256
    }

    #[test]
    fn the_hash_of_the_prompts_tells_every_name_and_prompt_apart() {
        let plain = hash(|_| ());
        assert_eq!(plain.len(), 64);
        assert_eq!(plain, hash(|task| task.name = "b".to_owned()), "the name of the task is no prompt");
        let others = [
            hash(|task| task.class_names[1] = "hound".to_owned()),
            hash(|task| task.train_prompts[1] = Prompt::Words("one dog".to_owned())),
            hash(|task| task.eval_prompts[1][0] = Prompt::Words("one dog".to_owned())),
            hash(|task| task.eval_prompts.swap(0, 1)),
            hash(|task| task.eval_prompts[0].truncate(1)),
            hash(|task| task.train_prompts[0] = Prompt::Tokens(vec![1])),
        ];
        assert!(others.iter().all(|other| *other != plain));
        assert!(others.iter().enumerate().all(|(i, one)| others[..i].iter().all(|other| one != other)));
    }
}
