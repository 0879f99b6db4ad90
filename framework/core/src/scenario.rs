use std::ops::Range;

use crate::task::{Reference, Task};

/// An ordered list of tasks and what is scored after each: the third of the four contracts.
///
/// A scenario is opened with all its data before a run starts, so that a missing file is found at once.
pub trait Scenario: Send + Sync {
    /// Name in tables and run records.
    fn name(&self) -> &str;

    /// The procedure that built it: `mtil` or `class-incremental`.
    fn procedure(&self) -> &str;

    /// The tasks, in order.
    fn tasks(&self) -> &[Task];

    /// Reference data for methods that need it.
    fn reference(&self) -> Option<&Reference>;

    /// Which tasks' classes compete for a test image of `task` once `learned` tasks are learned.
    ///
    /// `None` means that the image is not scored then. `learned` 0 asks for the untouched model.
    fn candidates(&self, learned: usize, task: usize) -> Option<Range<usize>>;

    /// The same under the other protocol, which is scored beside the first: without the task where the procedure tells it
    /// (X-TAIL, Xu et al. 2024, arXiv 2406.18868: the classes of all tasks compete), with it where the procedure does not.
    fn other_candidates(&self, _learned: usize, _task: usize) -> Option<Range<usize>> {
        None
    }
}

/// What is known of a test image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Its task: the classes of that task compete.
    TaskAware,
    /// Nothing: classes of other tasks compete as well.
    TaskAgnostic,
}

impl Protocol {
    /// What the main figures of `procedure` are made under, and the other one.
    pub fn of(procedure: &str) -> (Self, Self) {
        match procedure {
            "class-incremental" => (Self::TaskAgnostic, Self::TaskAware),
            _ => (Self::TaskAware, Self::TaskAgnostic),
        }
    }

    /// Name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::TaskAware => "task-aware",
            Self::TaskAgnostic => "task-agnostic",
        }
    }
}

/// What a scenario says before its data is opened: enough to resolve a configuration and to check capabilities.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScenarioHead {
    /// Name in tables and run records.
    pub name: String,
    /// The procedure: `mtil` or `class-incremental`.
    pub procedure: String,
    /// Whether there are reference images.
    pub reference_images: bool,
    /// Whether there are reference texts.
    pub reference_texts: bool,
    /// Settings that the scenario brings: `[train]`, `[eval]`, `[hook.NAME]` and, under `[methods.NAME]`, those of single
    /// methods.
    pub settings: toml::Table,
}
