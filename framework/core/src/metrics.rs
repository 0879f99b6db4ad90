//! The accuracy matrix and every figure derived from it: one name, one formula.

use serde::Serialize;

/// Accuracies in percent: row `i` after `i` tasks, column `j` on the test set of task `j`.
///
/// Row 0 is the untouched model. Entries that a scenario does not score are not a number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccuracyMatrix {
    tasks: Vec<String>,
    counts: Vec<usize>,
    rows: Vec<Vec<f64>>,
    /// What the untouched model scores in every row, where that is known.
    untouched: Option<Vec<Vec<f64>>>,
}

/// The figures of a matrix; absent where the scenario does not define them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Metrics {
    /// See [`AccuracyMatrix::transfer`].
    pub transfer: Option<f64>,
    /// See [`AccuracyMatrix::mtil_avg`].
    pub mtil_avg: Option<f64>,
    /// See [`AccuracyMatrix::mtil_last`].
    pub mtil_last: Option<f64>,
    /// See [`AccuracyMatrix::cil_avg`].
    pub cil_avg: Option<f64>,
    /// See [`AccuracyMatrix::cil_last`].
    pub cil_last: Option<f64>,
    /// See [`AccuracyMatrix::forgetting`].
    pub forgetting: Option<f64>,
}

impl AccuracyMatrix {
    /// An empty matrix over `tasks` with `counts` test images each.
    pub fn new(tasks: Vec<String>, counts: Vec<usize>) -> Self {
        Self::with_rows(tasks, counts, Vec::new())
    }

    /// A matrix with all its rows, the first being that of the untouched model.
    pub fn with_rows(tasks: Vec<String>, counts: Vec<usize>, rows: Vec<Vec<f64>>) -> Self {
        Self { tasks, counts, rows, untouched: None }
    }

    /// Appends the row after the next task.
    pub fn push(&mut self, row: Vec<f64>) {
        self.rows.push(row);
    }

    /// Task names, one a column.
    pub fn tasks(&self) -> &[String] {
        &self.tasks
    }

    /// Test images of each task.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// All rows, the untouched model first.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// Rows after a task; `A[t]` of the ZSCL paper.
    fn learned(&self) -> &[Vec<f64>] {
        self.rows.get(1..).unwrap_or_default()
    }

    fn is_complete(&self) -> bool {
        !self.tasks.is_empty() && self.learned().len() == self.tasks.len()
    }

    /// Mean accuracy on task `d` over the rows before it is learned; the first task has none (Zheng et al. 2023, section
    /// 4.1).
    pub fn transfer_of(&self, d: usize) -> Option<f64> {
        self.mean_of(self.learned().get(..d).filter(|_| d > 0)?, d)
    }

    /// Mean accuracy on task `d` over all rows after a task (Zheng et al. 2023, section 4.1).
    pub fn mtil_avg_of(&self, d: usize) -> Option<f64> {
        self.mean_of(self.learned(), d)
    }

    /// Accuracy on task `d` in the last row (Zheng et al. 2023, section 4.1).
    pub fn mtil_last_of(&self, d: usize) -> Option<f64> {
        self.mean_of(self.learned().last_chunk::<1>()?, d)
    }

    /// Mean over tasks `d >= 1` of [`Self::transfer_of`] (Zheng et al. 2023, section 4.1).
    pub fn transfer(&self) -> Option<f64> {
        self.mean_over(1, Self::transfer_of)
    }

    /// Mean over all tasks of [`Self::mtil_avg_of`] (Zheng et al. 2023, section 4.1, "Avg").
    pub fn mtil_avg(&self) -> Option<f64> {
        self.mean_over(0, Self::mtil_avg_of)
    }

    /// Mean over all tasks of [`Self::mtil_last_of`] (Zheng et al. 2023, section 4.1, "Last").
    pub fn mtil_last(&self) -> Option<f64> {
        self.mean_over(0, Self::mtil_last_of)
    }

    /// Mean of column `d` of `rows`, once all tasks are learned.
    fn mean_of(&self, rows: &[Vec<f64>], d: usize) -> Option<f64> {
        let column: Option<Vec<f64>> = rows.iter().map(|row| row.get(d).copied()).collect();
        column.filter(|_| self.is_complete()).map(|values| mean(values.into_iter())).and_then(known)
    }

    /// Mean over the tasks from `first` on of a figure that each of them has.
    fn mean_over(&self, first: usize, figure: impl Fn(&Self, usize) -> Option<f64>) -> Option<f64> {
        let figures: Option<Vec<f64>> = (first..self.tasks.len()).map(|d| figure(self, d)).collect();
        figures.map(|values| mean(values.into_iter())).and_then(known)
    }

    /// Accuracy over all test images of the tasks seen so far, after each task.
    pub fn seen(&self) -> Vec<f64> {
        let seen = |(i, row): (usize, &Vec<f64>)| {
            let counts = &self.counts[..=i];
            let correct: f64 = row.iter().zip(counts).map(|(accuracy, count)| accuracy * *count as f64).sum();
            correct / counts.iter().sum::<usize>() as f64
        };
        self.learned().iter().enumerate().map(seen).collect()
    }

    /// Mean over tasks of the accuracy on everything seen so far (iCaRL, Rebuffi et al. 2017, "average incremental
    /// accuracy").
    pub fn cil_avg(&self) -> Option<f64> {
        self.is_complete().then(|| mean(self.seen().into_iter())).and_then(known)
    }

    /// Accuracy on everything after the last task.
    pub fn cil_last(&self) -> Option<f64> {
        self.seen().last().copied().filter(|_| self.is_complete()).and_then(known)
    }

    /// Mean over all tasks but the last of the best accuracy since the task was learned minus the final one
    /// (Chaudhry et al. 2018).
    pub fn forgetting(&self) -> Option<f64> {
        let (last, earlier) = self.learned().split_last().filter(|_| self.is_complete() && self.tasks.len() > 1)?;
        let drop = |d: usize| {
            let best = earlier[d..].iter().map(|row| row[d]).fold(f64::NEG_INFINITY, f64::max);
            best - last[d]
        };
        known(mean((0..earlier.len()).map(drop)))
    }

    /// The figures that `procedure` defines.
    pub fn metrics(&self, procedure: &str) -> Metrics {
        let (mtil, cil) = (procedure == "mtil", procedure == "class-incremental");
        Metrics {
            transfer: self.transfer().filter(|_| mtil),
            mtil_avg: self.mtil_avg().filter(|_| mtil),
            mtil_last: self.mtil_last().filter(|_| mtil),
            cil_avg: self.cil_avg().filter(|_| cil),
            cil_last: self.cil_last().filter(|_| cil),
            forgetting: self.forgetting(),
        }
    }

    /// The matrix with its tasks in the order in which they were learned: task `i` of the result is task `order[i]` of
    /// this one, in rows and in columns; the first row stays.
    #[must_use]
    pub fn reordered(&self, order: &[usize]) -> Self {
        let move_columns = |row: &Vec<f64>| order.iter().map(|task| row[*task]).collect();
        let move_both = |rows: &[Vec<f64>]| {
            let positions = std::iter::once(0).chain(order.iter().map(|task| task + 1));
            positions.map(|row| move_columns(&rows[row])).collect()
        };
        Self {
            tasks: order.iter().map(|task| self.tasks[*task].clone()).collect(),
            counts: order.iter().map(|task| self.counts[*task]).collect(),
            rows: move_both(&self.rows),
            untouched: self.untouched.as_deref().map(move_both),
        }
    }

    /// Adds what the untouched model scores in every row.
    #[must_use]
    pub fn with_untouched(self, rows: Vec<Vec<f64>>) -> Self {
        Self { untouched: Some(rows), ..self }
    }

    /// The matrix of a model that is never trained.
    ///
    /// Where it is not known, row 0 stands for every row; that is exact unless the candidate classes change.
    #[must_use]
    pub fn untouched(&self) -> Self {
        let repeated = || self.rows.first().map(|row| vec![row.clone(); self.tasks.len() + 1]).unwrap_or_default();
        Self { rows: self.untouched.clone().unwrap_or_else(repeated), ..self.clone() }
    }
}

impl Metrics {
    /// Names and values, in the order of tables.
    pub fn named(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("transfer", self.transfer),
            ("mtil_avg", self.mtil_avg),
            ("mtil_last", self.mtil_last),
            ("cil_avg", self.cil_avg),
            ("cil_last", self.cil_last),
            ("forgetting", self.forgetting),
        ]
    }
}

/// Names of the figures that `procedure` defines, in the order of tables.
pub fn names(procedure: &str) -> &'static [&'static str] {
    match procedure {
        "mtil" => &["transfer", "mtil_avg", "mtil_last", "forgetting"],
        "class-incremental" => &["cil_avg", "cil_last", "forgetting"],
        _ => &["forgetting"],
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> AccuracyMatrix {
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let rows = [[10.0, 20.0, 30.0], [90.0, 16.0, 24.0], [80.0, 95.0, 12.0], [70.0, 85.0, 99.0]];
        AccuracyMatrix::with_rows(names, vec![1, 1, 2], rows.map(|row| row.to_vec()).to_vec())
    }

    #[test]
    fn mtil_figures_equal_values_computed_by_hand() {
        let matrix = matrix();
        // Task b: 16; task c: mean of 24 and 12.
        assert_eq!(matrix.transfer(), Some(17.0));
        assert_eq!(matrix.mtil_last(), Some((70.0 + 85.0 + 99.0) / 3.0));
        assert!((matrix.mtil_avg().unwrap() - (130.0 + 187.0 + 254.0) / 9.0).abs() < 1e-12);
        // Task a: 90 - 70; task b: 95 - 85.
        assert_eq!(matrix.forgetting(), Some(15.0));
    }

    #[test]
    fn figures_of_single_tasks_equal_values_computed_by_hand() {
        let matrix = matrix();
        assert_eq!([0, 1, 2, 3].map(|d| matrix.transfer_of(d)), [None, Some(16.0), Some(18.0), None]);
        assert_eq!(matrix.mtil_avg_of(1), Some((16.0 + 95.0 + 85.0) / 3.0));
        assert_eq!([0, 2, 3].map(|d| matrix.mtil_last_of(d)), [Some(70.0), Some(99.0), None]);
    }

    #[test]
    fn the_order_moves_rows_and_columns_together() {
        let matrix = matrix().reordered(&[2, 0, 1]);
        assert_eq!(matrix.tasks(), ["c", "a", "b"]);
        assert_eq!(matrix.counts(), [2, 1, 1]);
        assert_eq!(matrix.rows(), [[30.0, 10.0, 20.0], [99.0, 70.0, 85.0], [24.0, 90.0, 16.0], [12.0, 80.0, 95.0]]);
    }

    #[test]
    fn every_figure_of_a_procedure_has_its_name_in_the_list() {
        for procedure in ["mtil", "class-incremental"] {
            let named = matrix().metrics(procedure).named();
            let defined: Vec<&str> = named.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
            assert_eq!(defined, names(procedure));
        }
    }

    #[test]
    fn cil_figures_weigh_tasks_by_their_test_images() {
        let matrix = matrix();
        assert_eq!(matrix.seen(), [90.0, 87.5, (70.0 + 85.0 + 198.0) / 4.0]);
        assert_eq!(matrix.cil_last(), Some(88.25));
        assert_eq!(matrix.cil_avg(), Some((90.0 + 87.5 + 88.25) / 3.0));
    }

    #[test]
    fn an_unfinished_matrix_has_no_figures() {
        let mut matrix = AccuracyMatrix::new(vec!["a".into(), "b".into()], vec![1, 1]);
        matrix.push(vec![1.0, 2.0]);
        matrix.push(vec![3.0, 4.0]);
        assert!(matrix.metrics("mtil").named().iter().all(|(_, value)| value.is_none()));
    }

    #[test]
    fn a_model_that_is_never_trained_forgets_nothing() {
        let untouched = matrix().untouched();
        assert_eq!(untouched.forgetting(), Some(0.0));
        assert_eq!(untouched.transfer(), Some(25.0));
        assert_eq!(untouched.mtil_last(), Some(20.0));
    }
}
