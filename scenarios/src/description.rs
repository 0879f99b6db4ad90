use std::collections::BTreeMap;

use clf_core::task::TaskSettings;
use serde::Deserialize;

/// A scenario as TOML.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Description {
    /// One sentence.
    pub summary: String,
    /// Model that is used unless the user names another.
    pub model: Option<String>,
    /// How tasks are made and scored.
    #[serde(flatten)]
    pub procedure: Procedure,
    /// Data outside of the tasks.
    pub reference: Option<ReferenceDescription>,
    /// Training settings of all tasks.
    #[serde(default)]
    pub train: toml::Table,
    /// Evaluation settings.
    #[serde(default)]
    pub eval: toml::Table,
    /// Settings of single methods, by name.
    #[serde(default)]
    pub methods: toml::Table,
}

/// The two procedures.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "procedure", rename_all = "kebab-case")]
pub enum Procedure {
    /// Multi-domain task-incremental: every task has its own dataset, and its classes are known at test time.
    Mtil {
        /// The tasks, in order.
        tasks: Vec<TaskDescription>,
    },
    /// Class-incremental: one dataset, cut by class; all classes seen so far compete at test time.
    #[serde(rename_all = "kebab-case")]
    ClassIncremental {
        /// The dataset, by name or locator.
        dataset: String,
        /// Classes of the first task.
        initial_increment: usize,
        /// Classes of every other task.
        increment: usize,
        /// Labels in the order in which they are learned; label order when absent.
        class_order: Option<Vec<usize>>,
        /// Prompt templates instead of those of the dataset.
        templates: Option<Vec<String>>,
        /// Class names to replace, old = new.
        #[serde(default)]
        rename: BTreeMap<String, String>,
    },
}

/// One task of an `mtil` scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TaskDescription {
    /// The dataset, by name or locator.
    pub dataset: String,
    /// Name in tables; that of the dataset when absent.
    pub name: Option<String>,
    /// Prompt templates instead of those of the dataset; the first is the training prompt.
    pub templates: Option<Vec<String>>,
    /// Peak learning rate of this task.
    pub lr: Option<f64>,
    /// Iterations of this task.
    pub steps: Option<usize>,
    /// Epochs of this task.
    pub epochs: Option<usize>,
}

impl TaskDescription {
    pub(crate) fn settings(&self) -> TaskSettings {
        TaskSettings { lr: self.lr, steps: self.steps, epochs: self.epochs }
    }
}

/// Reference images and texts; they need not belong together.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReferenceDescription {
    /// Dataset whose training images are used.
    pub images: Option<String>,
    /// Dataset whose captions are used, or its class names in its training prompt if it has no captions.
    pub texts: Option<String>,
    /// Use only the first so many texts.
    pub texts_limit: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_procedures_are_read() {
        let mtil: Description = toml::from_str(
            "summary = 'x'\nprocedure = 'mtil'\n[[tasks]]\ndataset = 'a'\nlr = 1e-3\n[[tasks]]\ndataset = 'folder:b'\n",
        )
        .unwrap();
        assert!(matches!(mtil.procedure, Procedure::Mtil { tasks } if tasks[0].lr == Some(1e-3)));
        let cil: Description = toml::from_str(
            "summary = 'x'\nprocedure = 'class-incremental'\ndataset = 'a'\ninitial-increment = 4\nincrement = 2\n",
        )
        .unwrap();
        assert!(matches!(cil.procedure, Procedure::ClassIncremental { initial_increment: 4, .. }));
    }

    #[test]
    fn an_unknown_key_is_refused_at_every_level() {
        for bad in [
            "summary = 'x'\nprocedure = 'mtil'\ntasks = []\ntypo = 1\n",
            "summary = 'x'\nprocedure = 'mtil'\n[[tasks]]\ndataset = 'a'\nrate = 1\n",
            "summary = 'x'\nprocedure = 'mtil'\ntasks = []\n[reference]\nimage = 'a'\n",
        ] {
            assert!(toml::from_str::<Description>(bad).is_err(), "{bad}");
        }
    }
}
