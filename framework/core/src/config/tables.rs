use toml::{Table, Value};

use crate::error::Error;

/// Reads TOML; `place` is where it stands, for the error.
pub(super) fn parse(place: &str, text: &str) -> Result<Table, Error> {
    text.parse().map_err(|error: toml::de::Error| Error::config(place, error.to_string()))
}

/// `table` as the innermost table of `path`.
pub(super) fn nested<'a>(
    path: impl IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator>,
    table: Table,
) -> Table {
    path.into_iter().rev().fold(table, |table, key| Table::from_iter([(key.to_owned(), Value::Table(table))]))
}

/// Moves the table `key` out of `table`, if it is one.
pub(super) fn take_table(table: Option<&mut Table>, key: &str) -> Option<Table> {
    match table?.remove(key)? {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

/// `path.key`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The value at a path with dots.
pub(super) fn lookup<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = table.get(first)?;
    rest.map_or(Some(value), |rest| lookup(value.as_table()?, rest))
}

/// All values that are not tables, with their paths.
pub(super) fn leaves(table: &Table, path: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => found.extend(leaves(inner, &join(path, key))),
            value => found.push((join(path, key), value.clone())),
        }
    }
    found
}
