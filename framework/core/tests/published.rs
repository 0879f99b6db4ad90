//! The figures of the published accuracy matrices of ZSCL and its baselines (Zheng et al. 2023), in both task orders.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use clf_core::metrics::AccuracyMatrix;
use toml::{Table, Value};

const PUBLISHED: &str = include_str!("fixtures/mtil_published_metrics.toml");
/// The column that no task belongs to.
const UNUSED: usize = 2;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_float().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn positions(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_integer().unwrap() as usize).collect()
}

/// The matrix of an entry in the order of learning, with an unknown first row.
fn prepared(published: &Table, entry: &Value) -> AccuracyMatrix {
    let mut rows = rows(&entry["raw_11x12"]);
    for row in &mut rows {
        row.remove(UNUSED);
    }
    rows.insert(0, vec![f64::NAN; 11]);
    let matrix = AccuracyMatrix::with_rows((0..11).map(|task| task.to_string()).collect(), vec![1; 11], rows);
    if entry["order"].as_integer() == Some(1) {
        matrix
    } else {
        matrix.reordered(&positions(&published["perm_order2"]))
    }
}

/// Equal to the last bits, and the same digit once rounded as NumPy does.
#[track_caller]
fn assert_published(what: &str, value: Option<f64>, exact: &Value, printed: &Value) {
    let (value, exact) = (value.unwrap(), exact.as_float().unwrap());
    assert!((value - exact).abs() < 1e-12, "{what}: {value}, published {exact}");
    assert_eq!((value * 10.0).round_ties_even() / 10.0, printed.as_float().unwrap(), "{what}");
}

#[test]
fn columns_and_order_give_the_published_matrices() {
    let published: Table = PUBLISHED.parse().unwrap();
    for entry in published["entries"].as_array().unwrap() {
        assert_eq!(prepared(&published, entry).rows()[1..], rows(&entry["matrix_11x11"]), "{}", entry["file"]);
    }
}

#[test]
fn every_published_figure_is_reproduced() {
    let published: Table = PUBLISHED.parse().unwrap();
    let entries = published["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 20);
    for entry in entries {
        let (matrix, metrics) = (prepared(&published, entry), &entry["metrics"]);
        let totals = [("transfer", matrix.transfer()), ("avg", matrix.mtil_avg()), ("last", matrix.mtil_last())];
        for (name, value) in totals {
            let what = format!("{name} of {}", entry["file"]);
            assert_published(&what, value, &metrics[name], &metrics[format!("{name}_1dp").as_str()]);
        }
        for d in 0..11_usize {
            let figures = [
                ("transfer", d.checked_sub(1), matrix.transfer_of(d)),
                ("avg", Some(d), matrix.mtil_avg_of(d)),
                ("last", Some(d), matrix.mtil_last_of(d)),
            ];
            for (name, position, value) in figures {
                let Some(position) = position else {
                    assert_eq!(value, None, "the first task has no transfer");
                    continue;
                };
                let exact = &metrics[format!("{name}_per_dataset").as_str()][position];
                let printed = &metrics["per_dataset_1dp"][name][position];
                assert_published(&format!("{name} of task {d} of {}", entry["file"]), value, exact, printed);
            }
        }
    }
}
