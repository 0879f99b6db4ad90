use std::collections::BTreeMap;

use clf_core::metrics::AccuracyMatrix;

use super::{changes::Change, folder::Folder};

/// Figures that differ, and the first accuracy that does.
pub fn changes(left: &Folder, right: &Folder) -> Vec<Change> {
    let (Some((one, left)), Some((other, right))) = (&left.result, &right.result) else { return Vec::new() };
    let mut found = figures("", &one.metrics, &other.metrics);
    if let (Some(one), Some(other)) = (&one.other, &other.other) {
        found.extend(figures(&format!("{} ", one.protocol.name()), &one.metrics, &other.metrics));
    }
    found.extend(first_accuracy(left, right));
    found
}

fn change(key: String, left: Option<f64>, right: Option<f64>) -> Change {
    let text = |value: Option<f64>| value.map(|value| value.to_string());
    Change { key, left: text(left), right: text(right), left_origin: None, right_origin: None }
}

fn figures(prefix: &str, left: &BTreeMap<String, f64>, right: &BTreeMap<String, f64>) -> Vec<Change> {
    let own = right.keys().filter(|name| !left.contains_key(*name));
    let changes = left.keys().chain(own).map(|name| (name, left.get(name).copied(), right.get(name).copied()));
    let changes = changes.filter(|(_, left, right)| left != right);
    changes.map(|(name, left, right)| change(format!("{prefix}{name}"), left, right)).collect()
}

/// The first accuracy that differs, in the order in which they were scored.
fn first_accuracy(left: &AccuracyMatrix, right: &AccuracyMatrix) -> Option<Change> {
    let rows = left.rows().iter().zip(right.rows()).enumerate();
    let mut cells = rows.flat_map(|(learned, (left, right))| {
        left.iter().zip(right).enumerate().map(move |(task, (left, right))| (learned, task, *left, *right))
    });
    let differs = |(_, _, left, right): &(usize, usize, f64, f64)| left != right && !(left.is_nan() && right.is_nan());
    let (learned, task, one, other) = cells.find(differs)?;
    let after = learned.checked_sub(1).and_then(|task| left.tasks().get(task)).map_or(UNTOUCHED, String::as_str);
    Some(change(format!("{FIRST} {} after {after}", left.tasks().get(task)?), Some(one), Some(other)))
}

/// How the key of the first accuracy that differs begins.
pub const FIRST: &str = "first accuracy, on";
/// How it ends if it is one of the model before training.
pub const UNTOUCHED: &str = "zero-shot";

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[[f64; 2]]) -> AccuracyMatrix {
        let rows = rows.iter().map(|row| row.to_vec()).collect();
        AccuracyMatrix::with_rows(vec!["a".to_owned(), "b".to_owned()], vec![1, 1], rows)
    }

    #[test]
    fn the_first_accuracy_that_differs_is_named_by_task_and_row() {
        let left = matrix(&[[1.0, f64::NAN], [3.0, 4.0]]);
        let key = |right: &AccuracyMatrix| first_accuracy(&left, right).map(|change| change.key);
        assert_eq!(key(&left), None);
        assert_eq!(key(&matrix(&[[1.0, f64::NAN], [3.0, 5.0]])).unwrap(), "first accuracy, on b after a");
        assert_eq!(key(&matrix(&[[0.0, f64::NAN]])).unwrap(), "first accuracy, on a after zero-shot");
    }
}
