use serde::Serialize;
use toml::Value;

use super::folder::Folder;
use crate::{origins::Setting, settings::collect};

/// A key in which two runs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// Path of the key.
    pub key: String,
    /// Its value in the one run; absent where it has none.
    pub left: Option<String>,
    /// Its value in the other run.
    pub right: Option<String>,
    /// Where the one value comes from, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_origin: Option<String>,
    /// Where the other value comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_origin: Option<String>,
}

/// A value and where it comes from, by key.
type Leaf = (String, Value, Option<String>);

/// What a key of the environment is about.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Configuration,
    Data,
    Weights,
    Environment,
}

/// Differences of configuration, data, weights and environment.
pub fn all(left: &Folder, right: &Folder) -> (Vec<Change>, Vec<Change>, Vec<Change>, Vec<Change>) {
    let (left, right) = (leaves(left), leaves(right));
    let of = |kind: Kind| {
        let own = |leaves: &[(Kind, Leaf)]| -> Vec<Leaf> {
            leaves.iter().filter(|(other, _)| *other == kind).map(|(_, leaf)| leaf.clone()).collect()
        };
        changes(&own(&left), &own(&right))
    };
    (of(Kind::Configuration), of(Kind::Data), of(Kind::Weights), of(Kind::Environment))
}

fn leaves(folder: &Folder) -> Vec<(Kind, Leaf)> {
    let named = [("method", Kind::Configuration), ("scenario", Kind::Data), ("model", Kind::Weights)];
    let named = named.into_iter().filter_map(|(name, kind)| Some((kind, (name.to_owned(), folder.named(name)?, None))));
    let settings = folder.settings.iter().cloned();
    let value = |text: String| text.parse().unwrap_or(Value::String(text));
    let settings =
        settings.map(|Setting { key, value: text, origin }| (Kind::Configuration, (key, value(text), origin)));
    let mut found = Vec::new();
    collect("", &Value::Table(folder.environment.clone()), &mut found);
    let environment = found.into_iter().filter(|(key, _)| key != "start");
    let environment = environment.map(|(key, value)| (kind(&key), (key, value, None)));
    named.chain(settings).chain(environment).collect()
}

fn kind(key: &str) -> Kind {
    match key {
        "weights-sha256" | "activation" | "start-sha256" => Kind::Weights,
        "version" | "program-sha256" | "device" | "precision" | "threads" => Kind::Environment,
        _ if key.starts_with("tasks.") && key.contains(".settings.") => Kind::Configuration,
        // What the method and its hooks ask for follows from the settings.
        _ if key.starts_with("needs.") => Kind::Configuration,
        _ => Kind::Data,
    }
}

/// The keys whose values differ, in order of first appearance.
fn changes(left: &[Leaf], right: &[Leaf]) -> Vec<Change> {
    let get = |leaves: &[Leaf], key: &str| leaves.iter().find(|(other, ..)| other == key).cloned();
    let own = right.iter().filter(|(key, ..)| get(left, key).is_none());
    let keys = left.iter().chain(own).map(|(key, ..)| key);
    let change = |key: &String| {
        let (left, right) = (get(left, key), get(right, key));
        let value = |leaf: &Option<Leaf>| leaf.as_ref().map(|(_, value, _)| value.clone());
        let (one, other) = (value(&left), value(&right));
        if one == other {
            return None;
        }
        let (one, other) = shown(one, other);
        let origin = |leaf: Option<Leaf>| leaf.and_then(|(.., origin)| origin);
        Some(Change {
            key: key.clone(),
            left: one,
            right: other,
            left_origin: origin(left),
            right_origin: origin(right),
        })
    };
    keys.filter_map(change).collect()
}

/// Two values that differ; of two lists, how long they are and where they differ first.
fn shown(left: Option<Value>, right: Option<Value>) -> (Option<String>, Option<String>) {
    if let (Some(Value::Array(left)), Some(Value::Array(right))) = (&left, &right)
        && left.len().max(right.len()) > 3
    {
        let at = left.iter().zip(right).take_while(|(one, other)| one == other).count();
        let item = |list: &[Value]| list.get(at).map_or_else(|| "nothing".to_owned(), Value::to_string);
        let text = |list: &[Value]| Some(format!("{} values, {} at {at}", list.len(), item(list)));
        return (text(left), text(right));
    }
    let text =
        |value: Option<Value>| value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    (text(left), text(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(key: &str, value: impl Into<Value>) -> Leaf {
        (key.to_owned(), value.into(), Some("default".to_owned()))
    }

    #[test]
    fn keys_of_either_side_that_differ_are_named_in_order() {
        let left = [leaf("a", 1), leaf("b", "x"), leaf("c", 2)];
        let right = [leaf("a", 1), leaf("c", 3), leaf("d", true)];
        let found: Vec<_> =
            changes(&left, &right).into_iter().map(|change| (change.key, change.left, change.right)).collect();
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            ("b".to_owned(), text("x"), None),
            ("c".to_owned(), text("2"), text("3")),
            ("d".to_owned(), None, text("true")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn of_long_lists_the_first_item_that_differs_is_shown() {
        let list = |items: &[&str]| Value::Array(items.iter().map(|item| Value::from(*item)).collect());
        let (left, right) = shown(Some(list(&["a", "b", "c", "d"])), Some(list(&["a", "b", "x", "d", "e"])));
        assert_eq!(left.unwrap(), "4 values, \"c\" at 2");
        assert_eq!(right.unwrap(), "5 values, \"x\" at 2");
    }
}
