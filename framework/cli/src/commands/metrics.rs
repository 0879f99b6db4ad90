use std::path::Path;

use clf_core::{
    Error, counted,
    metrics::{AccuracyMatrix, Metrics},
    store,
};
use clf_report::{matrix_table, metrics_table, tasks_table};
use serde::Serialize;

use super::{print, print_json};
use crate::{arguments::MetricsArguments, run_folders};

const MTIL: &str = "mtil";

/// `clf metrics`.
pub fn metrics(arguments: &MetricsArguments) -> Result<(), Error> {
    let (name, procedure, matrix) = read(arguments)?;
    let metrics = matrix.metrics(&procedure);
    if arguments.json {
        return print_json(&Figures { metrics, tasks: task_figures(&procedure, &matrix) });
    }
    print(&matrix_table(&matrix))?;
    if procedure == MTIL {
        print(&tasks_table(&matrix))?;
    }
    print(&metrics_table(&name, &metrics, &matrix.untouched().metrics(&procedure)))
}

/// The JSON output.
#[derive(Serialize)]
struct Figures {
    #[serde(flatten)]
    metrics: Metrics,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tasks: Vec<TaskFigures>,
}

#[derive(Serialize)]
struct TaskFigures {
    task: String,
    transfer: Option<f64>,
    avg: Option<f64>,
    last: Option<f64>,
}

fn task_figures(procedure: &str, matrix: &AccuracyMatrix) -> Vec<TaskFigures> {
    let of = |(d, task): (usize, &String)| TaskFigures {
        task: task.clone(),
        transfer: matrix.transfer_of(d),
        avg: matrix.mtil_avg_of(d),
        last: matrix.mtil_last_of(d),
    };
    if procedure == MTIL { matrix.tasks().iter().enumerate().map(of).collect() } else { Vec::new() }
}

/// Name, procedure and matrix of a run folder or a file.
fn read(arguments: &MetricsArguments) -> Result<(String, String, AccuracyMatrix), Error> {
    let source = &arguments.source;
    if source.is_dir() {
        let of_file = [
            ("--columns", arguments.columns.is_some()),
            ("--order", arguments.order.is_some()),
            ("--names", arguments.names.is_some()),
        ];
        if let Some((flag, _)) = of_file.into_iter().find(|(_, given)| *given) {
            let reason =
                format!("is for a matrix in a .npy file, and {} is a run folder; leave it out", source.display());
            return Err(Error::config(flag, reason));
        }
        run_folders::check_each("metrics", &[source])?;
        let (result, matrix) = store::read_run(source)?;
        return Ok((result.method, result.procedure, matrix));
    }
    let known = [MTIL, "class-incremental"];
    if !known.contains(&arguments.procedure.as_str()) {
        return Err(Error::unknown("procedure", &arguments.procedure, known.into_iter()));
    }
    Ok((source.display().to_string(), arguments.procedure.clone(), from_file(source, arguments)?))
}

/// The matrix of a file, with the columns, names and order that the user chose.
fn from_file(source: &Path, arguments: &MetricsArguments) -> Result<AccuracyMatrix, Error> {
    let mut rows = store::read_matrix(source).map_err(of_user)?;
    if let Some(columns) = &arguments.columns {
        check_positions("--columns", columns, rows.first().map_or(0, Vec::len))?;
        rows = rows.iter().map(|row| columns.iter().map(|column| row[*column]).collect()).collect();
    }
    let tasks = rows.first().map_or(0, Vec::len);
    if tasks == 0 || !(rows.len() == tasks || rows.len() == tasks + 1) {
        let reason = format!(
            "{} rows and {tasks} columns are not a row a task, with or without one before; choose columns with --columns",
            rows.len()
        );
        return Err(Error::config(source.display().to_string(), reason));
    }
    // A matrix without a row for the untouched model gets an empty one.
    if rows.len() == tasks {
        rows.insert(0, vec![f64::NAN; tasks]);
    }
    let order = order(arguments, tasks)?;
    Ok(AccuracyMatrix::with_rows(names(arguments, &order)?, vec![1; tasks], rows).reordered(&order))
}

/// A file that the user named was never that of a run.
fn of_user(error: Error) -> Error {
    match error {
        Error::Damaged { path, reason } => Error::config(path.display().to_string(), reason),
        error => error,
    }
}

/// The order in which the tasks were learned; that of the file by default.
fn order(arguments: &MetricsArguments, tasks: usize) -> Result<Vec<usize>, Error> {
    let order = arguments.order.clone().unwrap_or_else(|| (0..tasks).collect());
    check_positions("--order", &order, tasks)?;
    check_count("--order", order.len(), tasks)?;
    Ok(order)
}

/// A name a column, before the order moves them.
fn names(arguments: &MetricsArguments, order: &[usize]) -> Result<Vec<String>, Error> {
    if let Some(names) = &arguments.names {
        check_count("--names", names.len(), order.len())?;
        return Ok(names.clone());
    }
    let mut names = vec![String::new(); order.len()];
    for (i, task) in order.iter().enumerate() {
        names[*task] = format!("{:02}", i + 1);
    }
    Ok(names)
}

fn check_positions(flag: &str, positions: &[usize], count: usize) -> Result<(), Error> {
    if let Some(outside) = positions.iter().find(|position| **position >= count) {
        return Err(Error::config(
            flag,
            format!("there is no column {outside}; the {count} columns are counted from 0"),
        ));
    }
    match positions.iter().enumerate().find(|(i, position)| positions[..*i].contains(position)) {
        Some((_, twice)) => Err(Error::config(flag, format!("{twice} is listed twice; name every column once"))),
        None => Ok(()),
    }
}

fn check_count(flag: &str, given: usize, tasks: usize) -> Result<(), Error> {
    if given == tasks {
        return Ok(());
    }
    Err(Error::config(flag, format!("{given} given for {}; give one for each", counted(tasks, "task"))))
}
