use clf_core::{
    Protocol,
    metrics::{AccuracyMatrix, Metrics, names},
    store::{RunResult, TaskRecord},
};
use comfy_table::{Cell, CellAlignment};

use crate::grid::{Format, Grid, decimal, signed_decimal, table};

/// An accuracy matrix with one line a task learned; the untouched model first.
pub fn matrix_table(matrix: &AccuracyMatrix) -> String {
    let mut table = table();
    let names = matrix.tasks().iter().map(String::as_str);
    table.set_header(std::iter::once("accuracy after \\ on").chain(names).chain(["mean"]));
    for (learned, row) in matrix.rows().iter().enumerate() {
        let after = learned.checked_sub(1).map_or("zero-shot", |task| &matrix.tasks()[task]);
        let scored: Vec<f64> = row.iter().copied().filter(|value| !value.is_nan()).collect();
        let mean = scored.iter().sum::<f64>() / scored.len() as f64;
        table.add_row(
            std::iter::once(Cell::new(after)).chain(row.iter().map(|value| number(*value))).chain([number(mean)]),
        );
    }
    table.to_string()
}

/// The figures of a run beside those of the untouched model, and the differences.
pub fn metrics_table(name: &str, run: &Metrics, untouched: &Metrics) -> String {
    let mut table = table();
    let pairs: Vec<_> =
        run.named().into_iter().zip(untouched.named()).filter(|((_, value), _)| value.is_some()).collect();
    if pairs.is_empty() {
        return "no figures: the run is not finished".to_owned();
    }
    table.set_header(std::iter::once("").chain(pairs.iter().map(|((name, _), _)| *name)));
    let mut line = |name: &str, values: Vec<Cell>| {
        table.add_row(std::iter::once(Cell::new(name)).chain(values));
    };
    let value = |value: Option<f64>| number(value.unwrap_or(f64::NAN));
    line(name, pairs.iter().map(|((_, run), _)| value(*run)).collect());
    line("zero-shot", pairs.iter().map(|(_, (_, untouched))| value(*untouched)).collect());
    let difference = |run: Option<f64>, untouched: Option<f64>| run.zip(untouched).map_or(f64::NAN, |(a, b)| a - b);
    line("difference", pairs.iter().map(|((_, run), (_, untouched))| signed(difference(*run, *untouched))).collect());
    table.to_string()
}

/// The figures under the other protocol on one line; nothing where the scenario has none.
pub fn other_line(result: &RunResult) -> Option<String> {
    let other = result.other.as_ref()?;
    let figure = |name: &&str| other.metrics.get(*name).map(|value| format!("{name} {}", decimal(*value)));
    let figures: Vec<String> = names(&result.procedure).iter().filter_map(figure).collect();
    let known = match other.protocol {
        Protocol::TaskAware => "task known at test",
        Protocol::TaskAgnostic => "task withheld at test, all classes compete (X-TAIL)",
    };
    (!figures.is_empty()).then(|| format!("{known}: {}", figures.join(", ")))
}

/// Where the borders between training and test images come from, on one line: figures over different borders are not
/// comparable.
pub fn splits_line(tasks: &[TaskRecord]) -> String {
    let mut families: Vec<(&str, Vec<&str>)> = Vec::new();
    for task in tasks {
        match families.iter_mut().find(|(family, _)| *family == task.split_family) {
            Some((_, names)) => names.push(&task.name),
            None => families.push((&task.split_family, vec![&task.name])),
        }
    }
    let parts: Vec<String> = match &families[..] {
        [(family, _)] => vec![(*family).to_owned()],
        _ => families.iter().map(|(family, names)| format!("{family} ({})", names.join(", "))).collect(),
    };
    format!("splits: {}", parts.join("; "))
}

/// The `mtil` figures of every task, as in the tables of the ZSCL paper; the last column has those of the whole run.
pub fn tasks_table(matrix: &AccuracyMatrix) -> String {
    let names = matrix.tasks().iter().map(String::as_str);
    let header = std::iter::once("").chain(names).chain(["mean"]).map(String::from).collect();
    let line = |name: &str, of: &dyn Fn(usize) -> Option<f64>, mean: Option<f64>| {
        let values = (0..matrix.tasks().len()).map(of).chain([mean]);
        std::iter::once(name.to_owned()).chain(values.map(|value| decimal(value.unwrap_or(f64::NAN)))).collect()
    };
    let rows = vec![
        line("transfer", &|d| matrix.transfer_of(d), matrix.transfer()),
        line("avg", &|d| matrix.mtil_avg_of(d), matrix.mtil_avg()),
        line("last", &|d| matrix.mtil_last_of(d), matrix.mtil_last()),
    ];
    Grid { header, rows }.render(Format::Text)
}

/// Accuracies under some protocols, a line a task and a column a protocol.
pub fn row_table(names: &[String], images: &[usize], columns: &[(&str, Vec<f64>)]) -> String {
    let mut table = table();
    table.set_header(["task", "test images"].into_iter().chain(columns.iter().map(|(name, _)| *name)));
    for (task, (name, images)) in names.iter().zip(images).enumerate() {
        let accuracies = columns.iter().map(|(_, column)| number(column[task]));
        table.add_row([Cell::new(name), right(&images.to_string())].into_iter().chain(accuracies));
    }
    let means = columns.iter().map(|(_, column)| number(column.iter().sum::<f64>() / column.len() as f64));
    let total = right(&images.iter().sum::<usize>().to_string());
    table.add_row([Cell::new("mean"), total].into_iter().chain(means));
    table.to_string()
}

/// Accuracies of interpolated weights, a line a share of the checkpoint.
pub fn sweep_table(names: &[String], rows: &[(f64, Vec<f64>)]) -> String {
    let header = ["share of the checkpoint".to_owned()].into_iter().chain(names.iter().cloned());
    let line = |(share, accuracies): &(f64, Vec<f64>)| {
        let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
        let values = accuracies.iter().chain([&mean]).map(|value| decimal(*value));
        std::iter::once(share.to_string()).chain(values).collect()
    };
    let header = header.chain(["mean".to_owned()]).collect();
    Grid { header, rows: rows.iter().map(line).collect() }.render(Format::Text)
}

fn number(value: f64) -> Cell {
    right(&decimal(value))
}

fn signed(value: f64) -> Cell {
    right(&signed_decimal(value))
}

fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> AccuracyMatrix {
        let rows = vec![vec![50.0, 60.0], vec![90.0, 40.0], vec![80.0, f64::NAN]];
        AccuracyMatrix::with_rows(vec!["a".into(), "b".into()], vec![10, 10], rows)
    }

    #[test]
    fn a_matrix_shows_its_rows_and_leaves_gaps_where_nothing_was_scored() {
        let text = matrix_table(&matrix());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(lines.contains(&vec!["zero-shot", "50.0", "60.0", "55.0"]), "{text}");
        assert!(lines.contains(&vec!["b", "80.0", "-", "80.0"]), "{text}");
    }

    #[test]
    fn differences_carry_their_sign() {
        let mut rows = matrix().rows().to_vec();
        rows[2][1] = 95.0;
        let matrix = AccuracyMatrix::with_rows(vec!["a".into(), "b".into()], vec![10, 10], rows);
        let text = metrics_table("zscl", &matrix.metrics("mtil"), &matrix.untouched().metrics("mtil"));
        assert!(text.contains("-20.0"), "transfer 40 against 60: {text}");
        assert!(text.contains("+32.5"), "last 87.5 against 55: {text}");
        assert!(!text.contains("cil_avg"), "{text}");
    }

    #[test]
    fn the_first_task_has_no_transfer() {
        let text = tasks_table(&matrix());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(lines.contains(&vec!["transfer", "-", "40.0", "40.0"]), "{text}");
        assert!(lines.contains(&vec!["last", "80.0", "-", "-"]), "{text}");
    }

    #[test]
    fn an_unfinished_run_says_so_instead_of_showing_an_empty_table() {
        let matrix = AccuracyMatrix::with_rows(vec!["a".into(), "b".into()], vec![10, 10], vec![vec![50.0, 60.0]]);
        let metrics = matrix.metrics("mtil");
        assert_eq!(metrics_table("zscl", &metrics, &metrics), "no figures: the run is not finished");
    }
}
