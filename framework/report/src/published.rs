//! Published figures as rows beside those of our own runs.

use std::{collections::BTreeMap, sync::LazyLock};

use clf_core::store::RunResult;
use serde::{Deserialize, Serialize};

use crate::comparison::Comparison;

/// A file that cannot be read would be a defect of the build, which a test finds; then there are no rows.
static PUBLISHED: LazyLock<Vec<PublishedScenario>> =
    LazyLock::new(|| toml::from_str::<File>(include_str!("../published.toml")).unwrap_or_default().scenario);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<PublishedScenario>,
}

/// What one paper says of a named scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PublishedScenario {
    /// Name of the scenario.
    pub name: String,
    /// The model of the paper.
    pub model: String,
    /// Where the figures stand.
    pub source: String,
    /// The same in a few words, for rows of tables.
    pub short: String,
    /// The tasks in order.
    pub tasks: Vec<String>,
    /// Test images of each task.
    pub test_images: Vec<usize>,
    /// A row a method.
    pub row: Vec<PublishedRow>,
}

/// The figures of one method, in percent, as they were printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PublishedRow {
    /// Our name of the method; nothing where we have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Its name in the source.
    pub label: String,
    /// Figures by name.
    pub metrics: BTreeMap<String, f64>,
    /// Transfer of every task but the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfer_of: Vec<f64>,
    /// Average of every task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub avg_of: Vec<f64>,
    /// Accuracy on every task after the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_of: Vec<f64>,
}

impl PublishedScenario {
    /// What was published for the scenario of `result`, if its tasks and test images are those of the paper: nothing for
    /// a part of the data.
    pub(crate) fn of(result: &RunResult) -> Option<&'static Self> {
        let fits = |scenario: &&Self| {
            (&scenario.name, &scenario.tasks, &scenario.test_images)
                == (&result.scenario, &result.tasks, &result.test_images)
        };
        PUBLISHED.iter().find(fits)
    }

    /// Where the rows come from, in a sentence.
    pub fn line(&self) -> String {
        format!("published: {}; {}", self.source, self.model)
    }

    /// The rows with their names in tables.
    pub(crate) fn labelled(&self) -> impl Iterator<Item = (String, &PublishedRow)> {
        self.row.iter().map(|row| (format!("{} ({})", row.label, self.short), row))
    }
}

impl PublishedRow {
    /// A figure; not a number where the source has none.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        self.metrics.get(name).copied().unwrap_or(f64::NAN)
    }

    /// Transfer of every task, not a number for the first; nothing where the source has none.
    pub(crate) fn transfers(&self) -> Vec<f64> {
        if self.transfer_of.is_empty() {
            return Vec::new();
        }
        std::iter::once(f64::NAN).chain(self.transfer_of.iter().copied()).collect()
    }
}

impl Comparison {
    /// What was published for the scenario of these runs.
    pub fn published(&self) -> Option<&'static PublishedScenario> {
        PublishedScenario::of(&self.first().result)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write, path::Path};

    use toml::{Table, Value};

    use super::*;

    fn file() -> Vec<PublishedScenario> {
        toml::from_str::<File>(include_str!("../published.toml")).unwrap().scenario
    }

    fn result(change: impl Fn(&mut RunResult)) -> RunResult {
        let scenario = &file()[0];
        let mut result: RunResult = serde_json::from_value(serde_json::json!({
            "method": "zscl", "scenario": scenario.name, "procedure": "mtil", "model": "ViT-B-16", "seed": 0,
            "finished": true, "seconds": 1.0, "tasks": scenario.tasks, "test-images": scenario.test_images, "metrics": {},
        }))
        .unwrap();
        change(&mut result);
        result
    }

    #[test]
    fn rows_belong_to_the_whole_scenario_alone() {
        assert_eq!(PublishedScenario::of(&result(|_| ())).map(|it| it.row.len()), Some(8));
        assert_eq!(PublishedScenario::of(&result(|it| it.scenario += "_limit-test-20")), None);
        assert_eq!(PublishedScenario::of(&result(|it| it.test_images[3] -= 1)), None);
        assert_eq!(PublishedScenario::of(&result(|it| it.tasks.swap(0, 1))), None);
    }

    #[test]
    fn the_means_of_the_tasks_are_the_figures() {
        for scenario in file() {
            assert_eq!(scenario.tasks.len(), scenario.test_images.len(), "{}", scenario.name);
            for row in scenario.row {
                let of = [("transfer", &row.transfer_of), ("mtil_avg", &row.avg_of), ("mtil_last", &row.last_of)];
                for (metric, values) in of.into_iter().filter(|(_, values)| !values.is_empty()) {
                    let mean = values.iter().sum::<f64>() / values.len() as f64;
                    // Both were rounded to one decimal.
                    assert!((mean - row.metric(metric)).abs() < 0.1 + 1e-9, "{metric} of {}: {mean}", row.label);
                }
            }
        }
    }

    /// The project's facts, where they lie beside the repository; without them a line that cannot be overlooked.
    fn facts() -> Option<Table> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/protocol/published.toml");
        if let Ok(text) = fs::read_to_string(&path) {
            return Some(text.parse().unwrap());
        }
        let line = format!("\nSKIPPED published figures: needs {}\n", path.display());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        None
    }

    fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_float().unwrap()).collect()
    }

    #[test]
    fn every_row_of_a_table_of_the_paper_is_here_and_no_other() {
        let Some(facts) = facts() else { return };
        let in_table = |entry: &&Value| entry["in_paper_table"].as_str() != Some("none");
        let mut expected: Vec<&Value> = facts["mtil"].as_array().unwrap().iter().filter(in_table).collect();
        for scenario in file().iter().filter(|scenario| scenario.name.starts_with("mtil")) {
            for row in &scenario.row {
                let named = |entry: &&Value| {
                    let method = entry["method"].as_str().unwrap().replace('_', "-");
                    entry["scenario"].as_str() == Some(&scenario.name) && Some(method) == row.method
                };
                let at = expected.iter().position(named).unwrap();
                let entry = expected.swap_remove(at);
                let figures = [("transfer", "transfer"), ("avg", "mtil_avg"), ("last", "mtil_last")];
                for (theirs, ours) in figures {
                    assert_eq!(entry[theirs].as_float(), Some(row.metric(ours)), "{theirs} of {}", row.label);
                }
                assert_eq!(numbers(&entry["per_dataset_transfer"]), row.transfer_of);
                assert_eq!(numbers(&entry["per_dataset_avg"]), row.avg_of);
                assert_eq!(numbers(&entry["per_dataset_last"]), row.last_of);
                assert!(scenario.source.ends_with(entry["in_paper_table"].as_str().unwrap()), "{}", row.label);
            }
        }
        assert!(expected.is_empty(), "{expected:?}");
    }

    #[test]
    fn the_rows_of_class_incremental_scenarios_are_those_of_the_facts() {
        let Some(facts) = facts() else { return };
        let rows = facts["cil_docs"]["rows"].as_array().unwrap();
        let ours: usize = file().iter().filter(|it| it.name.starts_with("cil")).map(|it| it.row.len()).sum();
        assert_eq!(rows.len(), ours);
        for entry in rows {
            let scenario = file().into_iter().find(|it| Some(it.name.as_str()) == entry["scenario"].as_str()).unwrap();
            let row =
                scenario.row.iter().find(|row| Some(row.label.as_str()) == entry["method_label"].as_str()).unwrap();
            assert_eq!(entry["avg"].as_float(), Some(row.metric("cil_avg")), "{}", row.label);
            assert_eq!(entry["last"].as_float(), Some(row.metric("cil_last")), "{}", row.label);
        }
    }
}
