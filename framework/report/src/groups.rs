//! Which runs belong together, and what groups of them are called.

use std::path::Path;

use clf_core::store::RunResult;

use crate::settings::{Difference, Settings};

/// Digits of a hash, and characters of any other value, in the name of a group.
const DIGITS: usize = 8;
const VALUE: usize = 24;

/// What is looked at of a run.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    pub result: &'a RunResult,
    pub settings: &'a Settings,
    pub folder: &'a Path,
}

impl Member<'_> {
    /// Whether `other` is the same but for the seed.
    pub fn is_repeated_by(self, other: Member<'_>) -> bool {
        self.result.method == other.result.method && self.differences(other).is_empty()
    }

    fn differences(self, other: Member<'_>) -> Vec<Difference> {
        self.settings.clone().without_seed().differences(&other.settings.clone().without_seed())
    }
}

/// The name of a group that begins with `run`, behind groups with their names and first runs: its method and, where an earlier
/// group has the same, what differs.
pub(crate) fn new_name<'a>(earlier: impl Iterator<Item = (&'a str, Member<'a>)> + Clone, run: Member<'_>) -> String {
    let method = &run.result.method;
    let Some((_, first)) = earlier.clone().find(|(_, first)| first.result.method == *method) else {
        return method.clone();
    };
    let mut texts = first.differences(run).into_iter().map(|Difference { key, right, .. }| {
        let digits = if key.ends_with("sha256") { DIGITS } else { VALUE };
        let value: String = right.trim_matches('"').chars().take(digits).collect();
        format!("{key}={value}")
    });
    // Two folders may hold the same run.
    let what = texts.next().unwrap_or_else(|| run.folder.display().to_string());
    let name = format!("{method} [{what}{}]", if texts.next().is_some() { ", ..." } else { "" });
    // Two groups may begin with the same difference.
    let same = earlier.filter(|(other, _)| *other == name || other.starts_with(&format!("{name} #"))).count();
    if same > 0 { format!("{name} #{}", same + 1) } else { name }
}

/// What must be equal in all runs of a table, by name.
pub(crate) fn common(result: &RunResult) -> [(&'static str, String); 5] {
    [
        ("scenario", result.scenario.clone()),
        ("procedure", result.procedure.clone()),
        ("number of tasks", result.tasks.len().to_string()),
        ("tasks", result.tasks.join(", ")),
        ("test images", format!("{:?}", result.test_images)),
    ]
}
