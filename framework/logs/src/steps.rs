use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use clf_core::Error;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// A training step as the run folder has it; a value that was not finite is not a number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepLine {
    /// 0-based task.
    pub task: usize,
    /// 0-based iteration within the task.
    pub step: usize,
    /// Weighted sum of all terms.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// Every term before weighting.
    #[serde(deserialize_with = "numbers")]
    pub terms: BTreeMap<String, f64>,
    /// Learning rate.
    #[serde(deserialize_with = "number")]
    pub lr: f64,
    /// Euclidean norm of the whole gradient.
    #[serde(deserialize_with = "number")]
    pub grad_norm: f64,
    /// What depends on the clock.
    #[serde(flatten)]
    pub timing: Timing,
}

/// What of a step depends on the clock; absent where it was not recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Timing {
    /// Images of the task and of all streams, per second.
    #[serde(default)]
    pub images_per_second: Option<f64>,
    /// Seconds in which training waited for images.
    #[serde(default)]
    pub data_seconds: Option<f64>,
}

/// A line of `timing.jsonl`.
#[derive(Deserialize)]
struct TimingLine {
    task: usize,
    step: usize,
    #[serde(flatten)]
    timing: Timing,
}

/// Reads the steps of the run in `folder`, with their times where they are known: the step at `i` is line `i + 1` of
/// `metrics.jsonl`. A last line that was cut off, as where a run was killed, is left out with a warning.
///
/// # Errors
///
/// When `metrics.jsonl` is missing, or a line before the last one is damaged.
pub fn read_steps(folder: &Path) -> Result<Vec<StepLine>, Error> {
    let mut steps: Vec<StepLine> = lines(&folder.join("metrics.jsonl"))?;
    let path = folder.join("timing.jsonl");
    if path.exists() {
        let timing = lines::<TimingLine>(&path)?.into_iter().map(|line| ((line.task, line.step), line.timing));
        let timing: BTreeMap<_, _> = timing.collect();
        for step in &mut steps {
            if let Some(known) = timing.get(&(step.task, step.step)) {
                step.timing = *known;
            }
        }
    }
    Ok(steps)
}

/// What is wrong with line `number`, counted from 1, of a file of steps.
pub fn damaged_line(path: &Path, number: usize, reason: &str) -> Error {
    Error::damaged(path, format!("line {number} is no record of a step: {reason}"))
}

/// The records of a file of JSON lines, a record a line.
fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let cannot = |error| Error::io("read", path, error);
    let mut file = BufReader::new(File::open(path).map_err(cannot)?);
    let (mut found, mut line) = (Vec::new(), Vec::new());
    while file.read_until(b'\n', &mut line).map_err(cannot)? > 0 {
        match serde_json::from_slice(&line) {
            Ok(record) => found.push(record),
            Err(_) if !line.ends_with(b"\n") => {
                tracing::warn!("{}: the last line was cut off and is left out", path.display());
            }
            Err(error) => return Err(damaged_line(path, found.len() + 1, &error.to_string())),
        }
        line.clear();
    }
    Ok(found)
}

/// A number, or null where it was not finite.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let numbers: BTreeMap<String, Option<f64>> = Deserialize::deserialize(from)?;
    Ok(numbers.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const STEP: &str = r#"{"task":0,"step":3,"loss":1.5,"terms":{"ce":1.0},"lr":0.1,"grad-norm":2.0"#;

    fn read(metrics: &str, timing: Option<&str>) -> Result<Vec<StepLine>, Error> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("metrics.jsonl"), metrics).unwrap();
        if let Some(timing) = timing {
            fs::write(folder.path().join("timing.jsonl"), timing).unwrap();
        }
        read_steps(folder.path())
    }

    #[test]
    fn times_are_taken_from_the_file_that_has_them() {
        let together = read(&format!("{STEP},\"images-per-second\":7.5,\"data-seconds\":0.25}}\n"), None).unwrap();
        let timing = "{\"task\":0,\"step\":3,\"images-per-second\":7.5,\"data-seconds\":0.25,\"seconds\":2.0}\n";
        let apart = read(&format!("{STEP}}}\n"), Some(timing)).unwrap();
        assert_eq!(together, apart);
        assert_eq!(apart[0].timing.images_per_second, Some(7.5));
        assert_eq!(read(&format!("{STEP}}}\n"), None).unwrap()[0].timing, Timing::default());
    }

    #[test]
    fn a_half_written_last_line_is_left_out_and_a_damaged_one_is_named() {
        assert_eq!(read(&format!("{STEP}}}\n{{\"task\":0,"), None).unwrap().len(), 1);
        let error = read(&format!("{STEP}}}\nrubbish\n{STEP}}}\n"), None).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl: line 2 is no record of a step"), "{error}");
        let steps = read(&format!("{STEP}}}\n"), Some("{\"task\":0,\"step\":3,\"images-per-")).unwrap();
        assert_eq!(steps[0].timing, Timing::default());
    }

    #[test]
    fn a_value_that_was_not_finite_is_not_a_number() {
        let line = STEP.replace("1.5", "null").replace("{\"ce\":1.0}", "{\"ce\":null,\"l2\":0.5}");
        let steps = read(&format!("{line}}}\n"), None).unwrap();
        assert!(steps[0].loss.is_nan() && steps[0].terms["ce"].is_nan() && steps[0].terms["l2"] == 0.5, "{steps:?}");
        read(&format!("{}}}\n", STEP.replace("\"lr\":0.1,", "")), None).unwrap_err();
    }
}
