//! Matrices and predictions in the formats of NumPy and of tables.

use std::io;

use npyz::WriterBuilder;

use crate::{engine::Row, error::Error, metrics::AccuracyMatrix};

pub(super) fn matrix_csv(matrix: &AccuracyMatrix) -> String {
    let quote = |name: &String| {
        if name.contains([',', '"', '\n']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.clone() }
    };
    let names: Vec<String> = matrix.tasks().iter().map(quote).collect();
    let mut text = format!("after,{}\n", names.join(","));
    for (learned, row) in matrix.rows().iter().enumerate() {
        let after = learned.checked_sub(1).map_or("zero-shot", |task| &names[task]);
        let cells: Vec<String> =
            row.iter().map(|value| if value.is_nan() { String::new() } else { value.to_string() }).collect();
        text.push_str(&format!("{after},{}\n", cells.join(",")));
    }
    text
}

pub(super) fn matrix_npy(rows: &[Vec<f64>], columns: usize) -> Result<Vec<u8>, Error> {
    npy(&[rows.len() as u64, columns as u64], rows.iter().flatten().copied())
}

pub(super) fn predictions_npy(row: &Row) -> Result<Vec<u8>, Error> {
    let count: usize = row.predictions.iter().map(|set| set.labels.len()).sum();
    let columns = if row.other.is_empty() { 3 } else { 5 };
    let mut values = Vec::with_capacity(count * columns);
    for set in &row.predictions {
        let other = row.other.iter().find(|other| other.task == set.task);
        for image in 0..set.labels.len() {
            values.extend([set.task, set.labels[image], set.predicted[image]]);
            values.extend(other.into_iter().flat_map(|other| [other.labels[image], other.predicted[image]]));
        }
    }
    npy(&[count as u64, columns as u64], values.into_iter().map(|value| value as i32))
}

fn npy<T: npyz::AutoSerialize>(shape: &[u64], values: impl Iterator<Item = T>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let failed = |error: io::Error| Error::Defect(format!("cannot encode an array: {error}"));
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd().map_err(failed)?;
    writer.extend(values).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
