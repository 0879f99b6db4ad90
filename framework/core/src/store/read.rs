use std::{fs, io, path::Path};

use super::{Environment, RunResult, files::read_json};
use crate::{error::Error, metrics::AccuracyMatrix};

/// Reads the matrix of a run folder and what belongs to it.
///
/// # Errors
///
/// When the folder holds no run or a file is damaged.
pub fn read_run(folder: &Path) -> Result<(RunResult, AccuracyMatrix), Error> {
    let result: RunResult = read_json(&folder.join("result.json"), "a run result")?;
    let path = folder.join("matrix.npy");
    if !result.finished && !path.exists() {
        let reason = "the run has not scored anything yet; go on with the command that began it";
        return Err(Error::config(folder.display().to_string(), reason));
    }
    let rows = read_matrix(&path)?;
    let tasks = result.tasks.len();
    let fits =
        rows.len() <= tasks + 1 && rows.iter().all(|row| row.len() == tasks) && result.test_images.len() == tasks;
    let untouched = read_matrix(&folder.join("zero-shot.npy"))?;
    if !fits || untouched.len() != tasks + 1 || untouched.iter().any(|row| row.len() != tasks) {
        let reason = "matrix.npy, zero-shot.npy and result.json do not belong together";
        return Err(Error::damaged(folder, reason));
    }
    let matrix = AccuracyMatrix::with_rows(result.tasks.clone(), result.test_images.clone(), rows);
    Ok((result, matrix.with_untouched(untouched)))
}

/// Reads the resolved settings of a run folder, without their origins.
///
/// # Errors
///
/// When the file is missing or damaged.
pub fn read_config(folder: &Path) -> Result<toml::Table, Error> {
    let path = folder.join("config.toml");
    let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
    text.parse().map_err(|error: toml::de::Error| Error::damaged(path, error.to_string()))
}

/// Reads where and with what a run was made.
///
/// # Errors
///
/// When the file is missing or damaged.
pub fn read_environment(folder: &Path) -> Result<Environment, Error> {
    read_json(&folder.join("environment.json"), "the environment of a run")
}

/// Reads a two-dimensional `.npy` file of floats.
///
/// # Errors
///
/// When the file is missing, damaged or of another shape.
pub fn read_matrix(path: &Path) -> Result<Vec<Vec<f64>>, Error> {
    let bytes = fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let bad = |reason: String| Error::damaged(path, format!("not a matrix of floats: {reason}"));
    let file = npyz::NpyFile::new(&bytes[..]).map_err(|error| bad(error.to_string()))?;
    let [rows, columns] = file.shape()[..] else { return Err(bad(format!("shape {:?}", file.shape()))) };
    let fortran = file.order() == npyz::Order::Fortran;
    let values: Vec<f64> = match file.try_data::<f64>() {
        Ok(data) => data.collect::<io::Result<_>>().map_err(|error| bad(error.to_string()))?,
        Err(file) => match file.try_data::<f32>() {
            Ok(data) => data
                .map(|value| value.map(f64::from))
                .collect::<io::Result<_>>()
                .map_err(|error| bad(error.to_string()))?,
            Err(file) => return Err(bad(format!("type {}", file.dtype().descr()))),
        },
    };
    let at = |row: u64, column: u64| if fortran { column * rows + row } else { row * columns + column };
    Ok((0..rows).map(|row| (0..columns).map(|column| values[at(row, column) as usize]).collect()).collect())
}
