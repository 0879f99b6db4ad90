//! A reader for MATLAB files of version 5: vectors of counts, arrays of structs, cells of text.
//!
//! The crates for this format either know numbers alone or panic where a file is damaged.

mod element;
#[cfg(test)]
pub(super) mod sample;
mod value;

use std::path::{Path, PathBuf};

use clf_core::data::DatasetError;

use self::{
    element::find,
    value::{Value, whole},
};
use super::files::{corrupt, read_bytes};

/// The values of the matrix `name` in the file `path`, column by column.
pub(super) fn read_vector(path: &Path, name: &str) -> Result<Vec<usize>, DatasetError> {
    let not_counts = || corrupt(path, format!("matrix {name:?} is not made of counts"));
    match read(path, name)? {
        Value::Numbers(values) => values.into_iter().map(whole).collect::<Option<_>>().ok_or_else(not_counts),
        _ => Err(not_counts()),
    }
}

/// The texts of the cell array `name` in the file `path`, column by column.
pub(super) fn read_cell_strings(path: &Path, name: &str) -> Result<Vec<String>, DatasetError> {
    let Value::Cells(cells) = read(path, name)? else {
        return Err(corrupt(path, format!("{name:?} is not a cell array")));
    };
    let text = |(number, cell)| match cell {
        Value::Text(text) => Ok(text),
        other => Err(corrupt(path, format!("cell {number} of {name:?} is {}, expected a text", other.kind()))),
    };
    (1..).zip(cells).map(text).collect()
}

/// The array of structs `name` in the file `path`.
pub(super) fn read_struct_array(path: &Path, name: &str) -> Result<StructArray, DatasetError> {
    let Value::Structs { fields, values } = read(path, name)? else {
        return Err(corrupt(path, format!("{name:?} is not an array of structs")));
    };
    Ok(StructArray { path: path.to_path_buf(), name: name.to_owned(), fields, values })
}

fn read(path: &Path, name: &str) -> Result<Value, DatasetError> {
    let bytes = read_bytes(path, "MATLAB file", "fetch it from the dataset's page")?;
    find(&bytes, name, |array| Value::of(&array)).map_err(|reason| corrupt(path, reason))
}

/// Rows that have the same fields.
pub(super) struct StructArray {
    path: PathBuf,
    name: String,
    fields: Vec<String>,
    /// Row by row, the fields of a row in order.
    values: Vec<Value>,
}

impl StructArray {
    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.values.len() / self.fields.len().max(1)
    }

    /// The whole number in `field` of a row, counted from zero.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Corrupt`] with file, row and field when there is none.
    pub(super) fn count(&self, row: usize, field: &str) -> Result<usize, DatasetError> {
        match self.value(row, field)? {
            Value::Numbers(values) if values.len() == 1 => whole(values[0]),
            _ => None,
        }
        .ok_or_else(|| self.unexpected(row, field, "a whole number"))
    }

    /// The text in `field` of a row, counted from zero.
    ///
    /// # Errors
    ///
    /// As [`StructArray::count`].
    pub(super) fn text(&self, row: usize, field: &str) -> Result<&str, DatasetError> {
        match self.value(row, field)? {
            Value::Text(text) => Ok(text),
            _ => Err(self.unexpected(row, field, "a text")),
        }
    }

    fn value(&self, row: usize, field: &str) -> Result<&Value, DatasetError> {
        let column = self.fields.iter().position(|known| known == field).ok_or_else(|| {
            let known = self.fields.join(", ");
            corrupt(&self.path, format!("{:?} has no field {field:?}, only {known}", self.name))
        })?;
        let value = row.checked_mul(self.fields.len()).and_then(|start| self.values.get(start + column));
        value.ok_or_else(|| corrupt(&self.path, format!("asked for row {row} of {} of {:?}", self.len(), self.name)))
    }

    fn unexpected(&self, row: usize, field: &str, expected: &str) -> DatasetError {
        let found = self.value(row, field).map_or("missing", Value::kind);
        let reason = format!("{field:?} of row {} of {:?} is {found}, expected {expected}", row + 1, self.name);
        corrupt(&self.path, reason)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{sample::Item, *};

    fn written(items: &[(&str, Item)]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("toy.mat");
        fs::write(&path, sample::variables(items)).unwrap();
        (dir, path)
    }

    fn rows(last: Item) -> Item {
        let row = |number, text: &str| vec![Item::Numbers(vec![number]), Item::Text(text.to_owned())];
        Item::Structs(vec!["class", "fname"], vec![row(7, "a.jpg"), vec![last, Item::Text("é.jpg".to_owned())]])
    }

    #[test]
    fn a_vector_is_found_by_its_name() {
        let numbers = |values: &[u16]| Item::Numbers(values.to_vec());
        let (_dir, path) = written(&[("ids", numbers(&[3, 700])), ("longer name", numbers(&[1, 2, 3]))]);
        assert_eq!(read_vector(&path, "ids").unwrap(), [3, 700]);
        assert_eq!(read_vector(&path, "longer name").unwrap(), [1, 2, 3]);
        let error = read_vector(&path, "other").unwrap_err().to_string();
        assert!(error.contains("toy.mat") && error.contains("other"), "{error}");
    }

    #[test]
    fn rows_of_structs_have_numbers_and_texts() {
        let (_dir, path) = written(&[("annotations", rows(Item::Numbers(vec![300])))]);
        let read = read_struct_array(&path, "annotations").unwrap();
        assert_eq!((read.len(), read.count(0, "class").unwrap(), read.count(1, "class").unwrap()), (2, 7, 300));
        assert_eq!((read.text(0, "fname").unwrap(), read.text(1, "fname").unwrap()), ("a.jpg", "é.jpg"));
        assert!(read.text(2, "fname").is_err() && read.text(usize::MAX, "fname").is_err());
    }

    #[test]
    fn what_a_struct_lacks_is_named_with_row_and_field() {
        let (_dir, path) = written(&[("annotations", rows(Item::Numbers(vec![])))]);
        let read = read_struct_array(&path, "annotations").unwrap();
        let error = read.count(1, "class").unwrap_err().to_string();
        assert!(error.contains("toy.mat") && error.contains("\"class\" of row 2"), "{error}");
        let error = read.text(0, "bbox").unwrap_err().to_string();
        assert!(error.contains("no field \"bbox\", only class, fname"), "{error}");
        assert!(read.text(0, "class").unwrap_err().to_string().contains("expected a text"));
    }

    #[test]
    fn cells_of_text_come_in_order_and_other_cells_are_named() {
        let text = |text: &str| Item::Text(text.to_owned());
        let (_dir, path) = written(&[
            ("names", Item::Cells(vec![text("Audi TT"), text("")])),
            ("mixed", Item::Cells(vec![text("a"), Item::Numbers(vec![1])])),
        ]);
        assert_eq!(read_cell_strings(&path, "names").unwrap(), ["Audi TT", ""]);
        let error = read_cell_strings(&path, "mixed").unwrap_err().to_string();
        assert!(error.contains("cell 2 of \"mixed\""), "{error}");
        assert!(read_vector(&path, "names").is_err());
        assert!(read_struct_array(&path, "names").is_err());
    }
}
