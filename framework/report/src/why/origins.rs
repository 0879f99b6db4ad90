//! The settings of a run with their origins, which stand behind the values as comments.

use std::path::Path;

use clf_core::Error;
use toml::{Table, Value};

use crate::settings::collect;

/// A setting as the record has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Path of the key.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Where the value comes from.
    pub origin: Option<String>,
}

/// What stands between a value and its origin.
const SEPARATOR: &str = "  # ";

/// All settings in `text`, the file `path`.
pub fn settings(path: &Path, text: &str) -> Result<Vec<Setting>, Error> {
    let table: Table =
        text.parse().map_err(|error: toml::de::Error| Error::damaged(path, error.to_string()))?;
    let mut leaves = Vec::new();
    collect("", &Value::Table(table), &mut leaves);
    let origins = origins(text);
    let origin = |key: &str| origins.iter().find(|(known, _)| known == key).map(|(_, origin)| origin.clone());
    Ok(leaves.into_iter().map(|(key, value)| Setting { origin: origin(&key), key, value }).collect())
}

/// Keys and origins, line by line; a value that takes several lines has none.
fn origins(text: &str) -> Vec<(String, String)> {
    let mut place = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(table) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            place = format!("{table}.");
        } else if let Some((key, origin)) = origin(line) {
            found.push((format!("{place}{key}"), origin.to_owned()));
        }
    }
    found
}

/// Key and origin of a line `key = value  # origin`; both value and origin may hold the separator.
fn origin(line: &str) -> Option<(&str, &str)> {
    let (key, _) = line.split_once(" = ")?;
    let is_whole = |(at, _): &(usize, &str)| line[..*at].parse::<Table>().is_ok();
    let (at, _) = line.match_indices(SEPARATOR).find(is_whole)?;
    Some((key, &line[at + SEPARATOR.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_the_origin_behind_it() {
        let text = "# method a, scenario b\nseed = 0  # default\nx = \"a  # b\"  # --set x=a  # b\n\n[hook.l2]\nweight = 1.5  # hook l2\n";
        let found: Vec<_> = settings(Path::new("config.toml"), text)
            .unwrap()
            .into_iter()
            .map(|setting| (setting.key, setting.origin.unwrap()))
            .collect();
        let expected = [("seed", "default"), ("x", "--set x=a  # b"), ("hook.l2.weight", "hook l2")];
        assert_eq!(found, expected.map(|(key, origin)| (key.to_owned(), origin.to_owned())));
    }
}
