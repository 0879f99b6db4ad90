//! Random settings.

use clf_core::{
    Error,
    random::{Key, Purpose},
};
use rand::Rng;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::keys::check_known;

/// What a setting is drawn from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Distribution {
    /// A number between two bounds.
    Uniform([f64; 2]),
    /// A number between two bounds above 0 whose logarithm is uniform.
    LogUniform([f64; 2]),
    /// A whole number between two bounds, both included.
    Int([i64; 2]),
    /// One of some values.
    Choice(Vec<Value>),
}

/// Names of the distributions in a file.
const KINDS: [&str; 4] = ["uniform", "log-uniform", "int", "choice"];

/// Whether `table` stands for a distribution and not for a path through tables.
pub fn is_distribution(table: &Table) -> bool {
    !table.is_empty() && !table.values().any(Value::is_table)
}

impl Distribution {
    /// Reads the distribution of the setting `path`.
    ///
    /// # Errors
    ///
    /// When it is none, or its bounds cannot be used.
    pub fn read(path: &str, value: &Value) -> Result<Self, Error> {
        let wrong = |reason: String| Error::config(format!("[random] {path}"), reason);
        let Some(table) = value.as_table() else {
            return Err(wrong(format!(
                "{value} is no distribution; write for example {{ log-uniform = [1e-6, 1e-4] }}"
            )));
        };
        check_known("distribution", table, &KINDS).map_err(|error| wrong(error.to_string()))?;
        if table.len() != 1 {
            return Err(wrong("it has two distributions; keep one".to_owned()));
        }
        let read: Self = value.clone().try_into().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
        match read.problem() {
            Some(reason) => Err(wrong(reason.to_owned())),
            None => Ok(read),
        }
    }

    fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Uniform([low, high]) | Self::LogUniform([low, high]) if !(low.is_finite() && high.is_finite()) => {
                Some("the bounds must be finite")
            }
            Self::LogUniform([low, _]) if *low <= 0.0 => Some("the bounds of log-uniform must be above 0"),
            Self::Uniform([low, high]) | Self::LogUniform([low, high]) if low > high => {
                Some("the first bound is the larger one")
            }
            Self::Int([low, high]) if low > high => Some("the first bound is the larger one"),
            Self::Choice(values) if values.is_empty() => Some("there is nothing to choose from"),
            _ => None,
        }
    }

    /// Draw `sample` of the setting `path`. It depends on nothing else: more samples, or more settings, keep what was drawn.
    pub fn draw(&self, path: &str, seed: u64, sample: u64) -> Value {
        let mut rng = Key { seed, task: number_of(path), epoch: 0, sample }.stream(Purpose::Sweep);
        match self {
            Self::Uniform([low, high]) => within(low + rng.random::<f64>() * (high - low), *low, *high),
            Self::LogUniform([low, high]) => {
                within((low.ln() + rng.random::<f64>() * (high.ln() - low.ln())).exp(), *low, *high)
            }
            Self::Int([low, high]) => Value::Integer(rng.random_range(*low..=*high)),
            Self::Choice(values) => values[rng.random_range(0..values.len())].clone(),
        }
    }
}

/// Four digits are enough to tell settings apart, and can be read and typed.
fn within(value: f64, low: f64, high: f64) -> Value {
    let rounded = format!("{value:.3e}").parse().unwrap_or(value);
    Value::Float(f64::clamp(rounded, low, high))
}

/// A number for a path, so that every setting has draws of its own.
fn number_of(path: &str) -> u64 {
    let hash = Sha256::digest(path.as_bytes());
    hash.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Distribution, String> {
        let table: Table = format!("x = {text}").parse().unwrap();
        Distribution::read("x", &table["x"]).map_err(|error| error.to_string())
    }

    #[test]
    fn draws_lie_within_their_bounds_and_fill_them() {
        let draws = |text: &str| -> Vec<f64> {
            let distribution = read(text).unwrap();
            (0..2000).map(|sample| distribution.draw("a", 3, sample)).map(|v| v.as_float().unwrap()).collect()
        };
        let uniform = draws("{ uniform = [-1, 3.0] }");
        assert!(uniform.iter().all(|value| (-1.0..=3.0).contains(value)));
        assert!((uniform.iter().sum::<f64>() / 2000.0 - 1.0).abs() < 0.1);
        let log = draws("{ log-uniform = [1e-6, 1e-2] }");
        assert!(log.iter().all(|value| (1e-6..=1e-2).contains(value)));
        let below = log.iter().filter(|value| **value < 1e-4).count();
        assert!((900..1100).contains(&below), "half of the draws lie below the middle exponent, not {below}");
    }

    #[test]
    fn whole_numbers_and_choices_reach_every_value() {
        let int = read("{ int = [2, 4] }").unwrap();
        let mut seen: Vec<i64> = (0..50).map(|sample| int.draw("a", 0, sample).as_integer().unwrap()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [2, 3, 4]);
        let choice = read("{ choice = ['a', 7] }").unwrap();
        assert!((0..50).any(|sample| choice.draw("a", 0, sample) == Value::Integer(7)));
    }

    #[test]
    fn a_draw_depends_on_seed_setting_and_number_alone() {
        let uniform = read("{ uniform = [0, 1] }").unwrap();
        let draw = |path: &str, seed, sample| uniform.draw(path, seed, sample);
        assert_eq!(draw("a", 1, 2), draw("a", 1, 2));
        let others = [draw("b", 1, 2), draw("a", 2, 2), draw("a", 1, 3)];
        assert!(others.iter().all(|other| *other != draw("a", 1, 2)));
    }

    #[test]
    fn a_distribution_that_cannot_be_is_refused() {
        for (text, part) in [
            ("{ log_uniform = [1, 2] }", "did you mean \"log-uniform\"?"),
            ("{ log-uniform = [0, 2] }", "above 0"),
            ("{ uniform = [2, 1] }", "larger one"),
            ("{ uniform = [0, inf] }", "finite"),
            ("{ int = [0.5, 2] }", "[random] x"),
            ("{ choice = [] }", "nothing to choose"),
            ("{ uniform = [0, 1], int = [0, 1] }", "keep one"),
            ("5", "no distribution"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
