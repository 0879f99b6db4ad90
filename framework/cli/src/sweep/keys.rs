//! Tables of the file: unknown keys, and settings by their path.

use clf_core::Error;
use toml::{Table, Value};

/// Refuses keys of `table` that are not among `known`.
///
/// # Errors
///
/// Names the first one and the nearest known one.
pub fn check_known(kind: &'static str, table: &Table, known: &[&str]) -> Result<(), Error> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Error::unknown(kind, key, known.iter().copied())),
        None => Ok(()),
    }
}

/// All values of `table` by their path: `"train.lr" = 1` and `train.lr = 1` are the same. A table for which `is_leaf` holds
/// is a value.
pub fn leaves(table: &Table, is_leaf: &dyn Fn(&Table) -> bool) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    collect(table, "", is_leaf, &mut found);
    found
}

fn collect(table: &Table, path: &str, is_leaf: &dyn Fn(&Table) -> bool, found: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Table(inner) if !is_leaf(inner) => collect(inner, &path, is_leaf, found),
            value => found.push((path, value.clone())),
        }
    }
}

/// `value` as `--set` takes it.
pub fn as_toml(value: &Value) -> String {
    match value {
        // As people write small rates.
        Value::Float(number) if *number != 0.0 && number.abs() < 1e-3 => format!("{number:e}"),
        Value::Float(number) if number.is_finite() => format!("{number:?}"),
        value => value.to_string(),
    }
}

/// `value` for people: text without quotes.
pub fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| as_toml(value), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_be_one_key_or_tables_in_tables() {
        let table: Table = "\"train.lr\" = 1e-5\n[hook.l2]\nweight = 2\n[hook.ema]".parse().unwrap();
        let leaves = leaves(&table, &|_| false);
        assert_eq!(leaves, [("train.lr".into(), Value::Float(1e-5)), ("hook.l2.weight".into(), Value::Integer(2))]);
    }

    #[test]
    fn a_value_is_written_so_that_it_is_read_back_as_the_same() {
        for text in
            ["1e-5", "1e-4", "-2.5e-4", "0.0", "0.001", "0.5", "5", "[\"l2\", \"ema\"]", "\"a = b\"", "true", "1e30"]
        {
            let value = |text: &str| format!("x = {text}").parse::<Table>().unwrap().remove("x").unwrap();
            assert_eq!(value(&as_toml(&value(text))), value(text));
        }
        assert_eq!(
            [1e-4, 5e-5, 1e-3, 1e30].map(|number| as_toml(&Value::Float(number))),
            ["1e-4", "5e-5", "0.001", "1e30"]
        );
        assert_eq!(as_text(&Value::String("cosine".into())), "cosine");
    }
}
