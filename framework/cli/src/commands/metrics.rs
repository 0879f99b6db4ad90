use clf_core::{Error, metrics::AccuracyMatrix, store};
use clf_report::{matrix_table, metrics_table};

use super::{print, print_json};
use crate::arguments::MetricsArguments;

/// `clf metrics`.
pub fn metrics(arguments: &MetricsArguments) -> Result<(), Error> {
    let source = &arguments.source;
    let (name, procedure, matrix) = if source.is_dir() {
        let (result, matrix) = store::read_run(source)?;
        (result.method, result.procedure, matrix)
    } else {
        let known = ["mtil", "class-incremental"];
        if !known.contains(&arguments.procedure.as_str()) {
            return Err(Error::unknown("procedure", &arguments.procedure, known.into_iter()));
        }
        (source.display().to_string(), arguments.procedure.clone(), from_rows(source, store::read_matrix(source)?)?)
    };
    let metrics = matrix.metrics(&procedure);
    if arguments.json {
        return print_json(&metrics);
    }
    print(&matrix_table(&matrix))?;
    print(&metrics_table(&name, &metrics, &matrix.untouched().metrics(&procedure)))
}

/// A matrix without names; one without a row for the untouched model gets an empty one.
fn from_rows(source: &std::path::Path, mut rows: Vec<Vec<f64>>) -> Result<AccuracyMatrix, Error> {
    let tasks = rows.first().map_or(0, Vec::len);
    if tasks == 0 || !(rows.len() == tasks || rows.len() == tasks + 1) {
        let reason =
            format!("{} rows and {tasks} columns are not a row a task, with or without one before", rows.len());
        return Err(Error::config(source.display().to_string(), reason));
    }
    if rows.len() == tasks {
        rows.insert(0, vec![f64::NAN; tasks]);
    }
    let names = (1..=tasks).map(|task| format!("{task:02}")).collect();
    Ok(AccuracyMatrix::with_rows(names, vec![1; tasks], rows))
}
