use std::path::Path;

use clf_core::{
    Error,
    store::{Environment, RunResult, read_config, read_environment},
};
use toml::{Table, Value};

/// Keys of the environment that say where a run was made, not what was run. Start weights are known by their hash, needs
/// follow from the method and its settings.
const INCIDENTAL: [&str; 6] = ["version", "program-sha256", "device", "threads", "start", "needs"];
/// Ends the keys that records of earlier versions do not have, or have empty: nothing can be said of them there.
const ADDED_LATER: &str = ".prompts-sha256";
/// Longer values are cut in messages.
const SHOWN: usize = 100;

/// Everything that the outcome of a run depends on, besides the machine: its configuration, weights and data.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    leaves: Vec<(String, Value)>,
}

/// The first key in which two runs differ, and both values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Path of the key.
    pub key: String,
    /// Its value in the one run.
    pub left: String,
    /// Its value in the other run.
    pub right: String,
}

impl Settings {
    /// The settings of a run of `method` in `scenario`.
    ///
    /// # Errors
    ///
    /// When the environment cannot be put into a table, which is a defect.
    pub fn new(method: &str, scenario: &str, config: &Table, environment: &Environment) -> Result<Self, Error> {
        let mut environment = Table::try_from(environment).map_err(|error| Error::Defect(error.to_string()))?;
        environment.retain(|key, _| !INCIDENTAL.contains(&key));
        let named = [("method", method), ("scenario", scenario)];
        let mut leaves = named.map(|(key, name)| (key.to_owned(), Value::String(name.to_owned()))).to_vec();
        collect("", &Value::Table(config.clone()), &mut leaves);
        collect("", &Value::Table(environment), &mut leaves);
        Ok(Self { leaves })
    }

    /// The settings of the run in `folder`.
    ///
    /// # Errors
    ///
    /// When a file of the run is missing or damaged.
    pub fn read(folder: &Path, result: &RunResult) -> Result<Self, Error> {
        Self::new(&result.method, &result.scenario, &read_config(folder)?, &read_environment(folder)?)
    }

    /// Everything but the seed: what repetitions of a run have in common.
    #[must_use]
    pub fn without_seed(mut self) -> Self {
        self.leaves.retain(|(key, _)| key != "seed");
        self
    }

    /// Where `self` and `other` differ first.
    pub fn first_difference(&self, other: &Self) -> Option<Difference> {
        self.all_differences(other).next()
    }

    /// Where `self` and `other` differ, each key once.
    pub(crate) fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found: Vec<Difference> = Vec::new();
        for difference in self.all_differences(other) {
            if !found.contains(&difference) {
                found.push(difference);
            }
        }
        found
    }

    /// Keys that both have come twice.
    fn all_differences<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Difference> + 'a {
        let keys = self.leaves.iter().chain(&other.leaves).map(|(key, _)| key);
        keys.map(move |key| (key, self.get(key), other.get(key)))
            .filter(|(key, left, right)| {
                left != right && !(key.ends_with(ADDED_LATER) && (unknown(*left) || unknown(*right)))
            })
            .map(|(key, left, right)| Difference { key: key.clone(), left: shown(left), right: shown(right) })
    }

    /// The value of a setting as a text; nothing where there is no such setting.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.leaves.iter().find(|(leaf, _)| leaf == key).map(|(_, value)| value)
    }
}

/// Adds all values below `value` with their paths; a list of plain values is one value.
fn collect(path: &str, value: &Value, leaves: &mut Vec<(String, Value)>) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| collect(&join(key), value, leaves)),
        Value::Array(items) if items.iter().any(Value::is_table) => {
            items.iter().enumerate().for_each(|(i, item)| collect(&join(&i.to_string()), item, leaves));
        }
        value => leaves.push((path.to_owned(), value.clone())),
    }
}

fn unknown(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.as_str() == Some(""))
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    if text.chars().count() > SHOWN { text.chars().take(SHOWN).chain("...".chars()).collect() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(config: &str, change: impl Fn(&mut Table)) -> Settings {
        let environment = r#"{"version": "1", "device": "cpu", "threads": 2, "weights-sha256": "ab", "activation": "gelu",
            "tasks": [{"name": "a", "classes": ["x", "y"], "prompts": ["an x"], "train-images": 4, "test-images": 2,
                       "settings": {"lr": 0.5}}]}"#;
        let mut table = serde_json::from_str::<Table>(environment).unwrap();
        change(&mut table);
        Settings::new("zscl", "bench", &config.parse().unwrap(), &table.try_into().unwrap()).unwrap()
    }

    #[test]
    fn equal_settings_on_another_machine_do_not_differ() {
        let here = settings("seed = 0", |_| ());
        let there = settings("seed = 0  # default", |table| drop(table.insert("threads".into(), Value::Integer(9))));
        assert_eq!(here.first_difference(&there), None);
    }

    #[test]
    fn the_first_difference_has_its_key_and_both_values() {
        let of = |left: &Settings, right: &Settings| {
            let Difference { key, left, right } = left.first_difference(right).unwrap();
            [key, left, right]
        };
        let one = settings("seed = 0\nhooks = []\n[train]\nlr = 1e-3", |_| ());
        let two = settings("seed = 0\nhooks = ['l2']\n[train]\nlr = 1e-4", |_| ());
        assert_eq!(of(&one, &two), ["hooks", "[]", "[\"l2\"]"]);
        let more = settings("seed = 0\nhooks = []\n[train]\nlr = 1e-3\nsteps = 5", |_| ());
        assert_eq!(of(&one, &more), ["train.steps", "nothing", "5"]);
        let other = settings("seed = 0\nhooks = []\n[train]\nlr = 1e-3", |table| {
            table["tasks"][0]["settings"]["lr"] = Value::Float(0.25);
        });
        assert_eq!(of(&one, &other), ["tasks.0.settings.lr", "0.5", "0.25"]);
    }

    #[test]
    fn what_an_earlier_version_did_not_record_is_no_difference() {
        let with = |hash: &str| {
            let hash = Value::String(hash.to_owned());
            settings("seed = 0", |table| {
                drop(table["tasks"][0].as_table_mut().unwrap().insert("prompts-sha256".into(), hash.clone()));
            })
        };
        assert_eq!(settings("seed = 0", |_| ()).first_difference(&with("ab")), None);
        assert_eq!(with("ab").first_difference(&with("cd")).unwrap().key, "tasks.0.prompts-sha256");
    }

    #[test]
    fn repetitions_differ_in_the_seed_alone() {
        let [one, two] = ["seed = 0", "seed = 1"].map(|seed| settings(seed, |_| ()));
        assert_ne!(one.first_difference(&two), None);
        assert_eq!(one.without_seed().first_difference(&two.without_seed()), None);
    }
}
