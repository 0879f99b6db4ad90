use std::collections::BTreeMap;

use clf_core::task::TaskSettings;
use serde::Deserialize;

use crate::limits::Shots;

/// A scenario as TOML.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Keys")]
pub struct Description {
    /// Model that is used unless the user names another.
    pub model: Option<String>,
    /// How tasks are made and scored.
    pub procedure: Procedure,
    /// Data outside of the tasks.
    pub reference: Option<ReferenceDescription>,
    /// Training settings of all tasks.
    pub train: toml::Table,
    /// Evaluation settings.
    pub eval: toml::Table,
    /// Settings of hooks, whichever method uses them, by name.
    pub hook: toml::Table,
    /// Settings of single methods, by name.
    pub methods: toml::Table,
}

/// The two procedures.
#[derive(Debug, Clone)]
pub enum Procedure {
    /// Multi-domain task-incremental: every task has its own dataset, and its classes are known at test time.
    Mtil {
        /// The tasks in order.
        tasks: Vec<TaskDescription>,
        /// Few-shot learning: how many training images of a class there are.
        shots: Option<Shots>,
    },
    /// Class-incremental: one dataset, cut by class; all classes seen so far compete at test time.
    ClassIncremental(Increments),
}

/// How a dataset is cut into increments of classes.
#[derive(Debug, Clone)]
pub struct Increments {
    /// The dataset, by name or locator.
    pub dataset: String,
    /// Classes of the first task.
    pub initial: usize,
    /// Classes of every other task.
    pub increment: usize,
    /// Labels in the order in which they are learned; label order when absent.
    pub class_order: Option<Vec<usize>>,
    /// Prompt templates instead of those of the dataset.
    pub templates: Option<Vec<String>>,
    /// Class names to replace, old = new.
    pub rename: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ProcedureName {
    Mtil,
    ClassIncremental,
}

/// Every key of a scenario file, before it is known which belong together.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    #[serde(rename = "summary")]
    _summary: String,
    model: Option<String>,
    procedure: ProcedureName,
    tasks: Option<Vec<TaskDescription>>,
    few_shot: Option<Shots>,
    dataset: Option<String>,
    initial_increment: Option<usize>,
    increment: Option<usize>,
    class_order: Option<Vec<usize>>,
    templates: Option<Vec<String>>,
    #[serde(default)]
    rename: BTreeMap<String, String>,
    reference: Option<ReferenceDescription>,
    #[serde(default)]
    train: toml::Table,
    #[serde(default)]
    eval: toml::Table,
    #[serde(default)]
    hook: toml::Table,
    #[serde(default)]
    methods: toml::Table,
}

impl TryFrom<Keys> for Description {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let needs = |key: &str| format!("the procedure needs the key `{key}`");
        let of_increments = keys.dataset.is_some()
            || keys.initial_increment.is_some()
            || keys.increment.is_some()
            || keys.class_order.is_some();
        let procedure = match keys.procedure {
            ProcedureName::Mtil if of_increments || keys.templates.is_some() || !keys.rename.is_empty() => {
                return Err("the procedure mtil takes `tasks`; datasets and templates belong into them".to_owned());
            }
            ProcedureName::Mtil => {
                let tasks = keys.tasks.ok_or_else(|| needs("tasks"))?;
                match tasks.iter().find(|task| task.steps.is_some() && task.epochs.is_some()) {
                    Some(task) => return Err(format!("task {:?} has both steps and epochs", task.dataset)),
                    None => Procedure::Mtil { tasks, shots: keys.few_shot },
                }
            }
            ProcedureName::ClassIncremental if keys.tasks.is_some() || keys.few_shot.is_some() => {
                return Err(
                    "the procedure class-incremental makes its tasks itself; remove `tasks` and `few-shot`".to_owned()
                );
            }
            ProcedureName::ClassIncremental => Procedure::ClassIncremental(Increments {
                dataset: keys.dataset.ok_or_else(|| needs("dataset"))?,
                initial: keys.initial_increment.ok_or_else(|| needs("initial-increment"))?,
                increment: keys.increment.ok_or_else(|| needs("increment"))?,
                class_order: keys.class_order,
                templates: keys.templates,
                rename: keys.rename,
            }),
        };
        let Keys { model, reference, train, eval, hook, methods, .. } = keys;
        Ok(Self { model, procedure, reference, train, eval, hook, methods })
    }
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
        assert!(matches!(mtil.procedure, Procedure::Mtil { tasks, .. } if tasks[0].lr == Some(1e-3)));
        let cil: Description = toml::from_str(
            "summary = 'x'\nprocedure = 'class-incremental'\ndataset = 'a'\ninitial-increment = 4\nincrement = 2\n",
        )
        .unwrap();
        assert!(matches!(cil.procedure, Procedure::ClassIncremental(Increments { initial: 4, .. })));
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

    #[test]
    fn a_key_of_the_other_procedure_is_refused() {
        for bad in [
            "summary = 'x'\nprocedure = 'mtil'\ntasks = []\ndataset = 'a'\n",
            "summary = 'x'\nprocedure = 'mtil'\n",
            "summary = 'x'\nprocedure = 'class-incremental'\ndataset = 'a'\ninitial-increment = 4\n",
            "summary = 'x'\nprocedure = 'class-incremental'\ntasks = []\n",
        ] {
            assert!(toml::from_str::<Description>(bad).is_err(), "{bad}");
        }
    }
}
