use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clf_core::Error;
use serde::{Deserialize, de::DeserializeOwned};

/// A training step as the run folder has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepLine {
    /// 0-based task.
    pub task: usize,
    /// 0-based iteration within the task.
    pub step: usize,
    /// Weighted sum of all terms.
    pub loss: f64,
    /// Every term before weighting.
    pub terms: BTreeMap<String, f64>,
    /// Learning rate.
    pub lr: f64,
    /// Euclidean norm of the whole gradient.
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

/// Reads the steps of the run in `folder`, with their times where they are known. A last line that is only half
/// written is left out, so a run that goes on can be read.
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

fn lines<T: DeserializeOwned>(path: &PathBuf) -> Result<Vec<T>, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    let mut found = Vec::new();
    for (i, line) in text.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(value) => found.push(value),
            Err(_) if !line.ends_with('\n') => {}
            Err(error) => {
                let reason = format!("line {} is not a step of a run: {error}; repeat the run", i + 1);
                return Err(Error::config(path.display().to_string(), reason));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
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
        assert!(error.contains("metrics.jsonl: line 2 is not a step of a run"), "{error}");
    }
}
