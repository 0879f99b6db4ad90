//! Matrices and predictions in the formats of NumPy and of tables.

use std::io;

use npyz::WriterBuilder;

use crate::{engine::Row, error::Error, metrics::AccuracyMatrix};

pub(super) fn matrix_csv(matrix: &AccuracyMatrix) -> String {
    let names = matrix.tasks().iter().map(String::as_str);
    let mut text = csv_line(std::iter::once("after").chain(names)) + "\n";
    for (learned, row) in matrix.rows().iter().enumerate() {
        let after = learned.checked_sub(1).map_or("zero-shot", |task| &matrix.tasks()[task]).to_owned();
        let cells = row.iter().map(|value| if value.is_nan() { String::new() } else { value.to_string() });
        text += &(csv_line(std::iter::once(after).chain(cells)) + "\n");
    }
    text
}

/// A line of CSV (RFC 4180) without its end: fields are quoted where they must be.
pub fn csv_line(fields: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let quoted = |field: &str| {
        if field.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.to_owned()
        }
    };
    fields.into_iter().map(|field| quoted(field.as_ref())).collect::<Vec<_>>().join(",")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let fields = ["a", "with, comma", "a \"quote\"", "", "two\nlines", "\"\"", "é ±"];
        assert_eq!(csv_line(fields), "a,\"with, comma\",\"a \"\"quote\"\"\",,\"two\nlines\",\"\"\"\"\"\",é ±");
        assert_eq!(csv_line(["", "x"]), ",x");
    }
}
