//! What a run recorded of its training steps.

use std::{collections::BTreeMap, path::Path};

use clf_core::Error;
use clf_logs::{StepLine, Timing, damaged_line, read_steps};

/// Something that every step has one value of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quantity {
    /// The weighted sum of all terms.
    Loss,
    /// A term before weighting.
    Term(String),
    /// The learning rate.
    LearningRate,
    /// The norm of the whole gradient.
    GradientNorm,
}

impl Quantity {
    /// Its name above a chart.
    pub fn title(&self) -> String {
        match self {
            Self::Loss => "loss (weighted sum)".to_owned(),
            Self::Term(name) => format!("term {name}"),
            Self::LearningRate => "learning rate".to_owned(),
            Self::GradientNorm => "gradient norm".to_owned(),
        }
    }
}

/// The steps of a run.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// For each task the values of each quantity, a value a step. Steps without a quantity have no number there.
    pub tasks: Vec<BTreeMap<Quantity, Vec<f64>>>,
    /// Images per second of every step, where they were recorded.
    pub speeds: Vec<f64>,
    /// Seconds in which training waited for images.
    pub waited: Option<f64>,
}

impl Steps {
    /// Reads the steps of a run over `tasks` tasks.
    ///
    /// # Errors
    ///
    /// When `metrics.jsonl` is missing or a line is damaged.
    pub fn read(folder: &Path, tasks: usize) -> Result<Self, Error> {
        let mut steps = Self { tasks: vec![BTreeMap::new(); tasks], ..Self::default() };
        for (i, line) in read_steps(folder)?.into_iter().enumerate() {
            if !steps.add(line) {
                return Err(damaged_line(&folder.join("metrics.jsonl"), i + 1, "the task is none of the run"));
            }
        }
        Ok(steps)
    }

    fn add(&mut self, line: StepLine) -> bool {
        self.time(line.timing);
        let Some(task) = self.tasks.get_mut(line.task) else { return false };
        let own =
            [(Quantity::Loss, line.loss), (Quantity::LearningRate, line.lr), (Quantity::GradientNorm, line.grad_norm)];
        let terms = line.terms.into_iter().map(|(name, value)| (Quantity::Term(name), value));
        for (quantity, value) in own.into_iter().chain(terms) {
            let values = task.entry(quantity).or_default();
            // A term may begin late or leave steps out.
            values.resize(line.step.max(values.len()), f64::NAN);
            values.truncate(line.step);
            values.push(value);
        }
        true
    }

    fn time(&mut self, timing: Timing) {
        self.speeds.extend(timing.images_per_second);
        if let Some(seconds) = timing.data_seconds {
            *self.waited.get_or_insert(0.0) += seconds;
        }
    }

    /// Steps of a task.
    pub fn count(&self, task: usize) -> usize {
        self.tasks.get(task).into_iter().flat_map(BTreeMap::values).map(Vec::len).max().unwrap_or(0)
    }

    /// Steps of all tasks.
    pub fn total(&self) -> usize {
        (0..self.tasks.len()).map(|task| self.count(task)).sum()
    }

    /// Values of a quantity in a task.
    pub fn values(&self, task: usize, quantity: &Quantity) -> &[f64] {
        self.tasks.get(task).and_then(|task| task.get(quantity)).map_or(&[], Vec::as_slice)
    }

    /// All quantities of all steps.
    pub fn quantities(&self) -> impl Iterator<Item = &Quantity> {
        self.tasks.iter().flat_map(BTreeMap::keys)
    }

    /// The middle speed, in images per second.
    pub fn median_speed(&self) -> Option<f64> {
        let mut speeds = self.speeds.clone();
        speeds.sort_by(f64::total_cmp);
        speeds.get(speeds.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LINES: &str = concat!(
        r#"{"task":0,"step":0,"loss":2.0,"terms":{"ce":1.5},"lr":0.1,"grad-norm":3.0,"images-per-second":10.0,"data-seconds":0.5}"#,
        "\n",
        r#"{"task":0,"step":1,"loss":null,"terms":{"ce":1.0,"l2":0.5},"lr":0.2,"grad-norm":2.0}"#,
        "\n",
    );

    fn read(lines: &str) -> Result<Steps, Error> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("metrics.jsonl"), lines).unwrap();
        Steps::read(folder.path(), 2)
    }

    #[test]
    fn values_stand_at_their_steps() {
        let steps = read(LINES).unwrap();
        assert_eq!(steps.values(0, &Quantity::Term("ce".into())), [1.5, 1.0]);
        let late = steps.values(0, &Quantity::Term("l2".into()));
        assert!(late[0].is_nan() && late[1] == 0.5, "{late:?}");
        assert!(steps.values(0, &Quantity::Loss)[1].is_nan());
        assert_eq!((steps.count(0), steps.count(1), steps.median_speed(), steps.waited), (2, 0, Some(10.0), Some(0.5)));
    }

    #[test]
    fn a_step_that_was_repeated_after_a_resume_counts_once() {
        let again = LINES.lines().nth(1).unwrap().replace("1.0", "9.0");
        let steps = read(&format!("{LINES}{again}\n")).unwrap();
        assert_eq!(steps.values(0, &Quantity::Term("ce".into())), [1.5, 9.0]);
    }

    #[test]
    fn a_line_that_was_cut_off_is_left_out() {
        assert_eq!(read(&LINES[..LINES.len() - 20]).unwrap().count(0), 1);
    }

    #[test]
    fn a_damaged_line_and_a_wrong_task_are_named() {
        let error = read(&format!("what\n{LINES}")).unwrap_err();
        assert!(error.to_string().contains("line 1") && error.exit_code() == 3, "{error}");
        let error = read(&LINES.replace("\"task\":0", "\"task\":2")).unwrap_err().to_string();
        assert!(error.contains("line 1 is no record of a step: the task is none of the run"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Steps::read(folder.path(), 2).unwrap_err().exit_code(), 6);
    }

    #[test]
    fn times_may_stand_in_a_file_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("metrics.jsonl"), LINES.lines().nth(1).unwrap()).unwrap();
        fs::write(folder.path().join("timing.jsonl"), "{\"task\":0,\"step\":1,\"images-per-second\":7.0}\n").unwrap();
        let steps = Steps::read(folder.path(), 2).unwrap();
        assert_eq!((steps.median_speed(), steps.waited), (Some(7.0), None));
    }
}
