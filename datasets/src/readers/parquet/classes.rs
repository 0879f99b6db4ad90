//! The classes of a dataset and the labels that point to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use clf_core::data::DatasetError;

use super::{
    super::files::corrupt,
    file::{Labels, ParquetFile},
};

/// Largest number of a class that is believed.
const MAX_CLASS: i64 = 1 << 20;

/// Names in label order, and the labels of texts.
#[derive(Debug, Default)]
pub(super) struct Classes {
    names: Vec<String>,
    by_text: BTreeMap<String, usize>,
    max_label: Option<usize>,
}

impl Classes {
    /// The classes of all `files`, called as a user says, as the schema says, or by their texts or numbers.
    pub(super) fn of<'a>(
        files: impl Iterator<Item = &'a ParquetFile> + Clone,
        given: Option<&[String]>,
    ) -> Result<Self, DatasetError> {
        let texts: BTreeSet<&str> = files.clone().flat_map(texts_of).collect();
        if !texts.is_empty() {
            let first = files.clone().next().map_or(Path::new("parquet files"), ParquetFile::path);
            return Self::of_texts(&texts, given).map_err(|reason| corrupt(first, reason));
        }
        let schema = same_names(files.clone())?;
        let mut max_label = None;
        for file in files {
            max_label = max_label.max(numbers_of(file)?.flatten().max());
        }
        let digits = || (0..max_label.map_or(0, |label| label + 1)).map(|label| label.to_string()).collect();
        let names = given.or(schema).map_or_else(digits, <[String]>::to_vec);
        Ok(Self { names, by_text: BTreeMap::new(), max_label })
    }

    fn of_texts(texts: &BTreeSet<&str>, given: Option<&[String]>) -> Result<Self, String> {
        let own: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let names = given.map_or_else(|| own.clone(), <[String]>::to_vec);
        if names.len() != own.len() {
            return Err(format!("there are {} class names for {} classes", names.len(), own.len()));
        }
        // A list of the very texts puts them into its order; any other list renames them.
        let same = names.iter().all(|name| texts.contains(name.as_str()));
        let by_text = if same { names.clone() } else { own }.into_iter().zip(0..).collect();
        let max_label = names.len().checked_sub(1);
        Ok(Self { names, by_text, max_label })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn max_label(&self) -> Option<usize> {
        self.max_label
    }

    /// The label of every row; `None` where the file has none at all.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Corrupt`] with the row when it has no label and others have one.
    pub(super) fn labels(&self, file: &ParquetFile) -> Result<Option<Vec<u32>>, DatasetError> {
        if file.has_no_labels() {
            return Ok(None);
        }
        let labels: Vec<Option<usize>> = match file.labels() {
            Labels::Absent => Vec::new(),
            Labels::Numbers(_) => numbers_of(file)?.collect(),
            Labels::Texts(texts) => texts.iter().map(|text| self.by_text.get(text.as_deref()?).copied()).collect(),
        };
        let label = |(row, label): (usize, Option<usize>)| {
            let reason = || format!("row {row} has no label, though others have one");
            label.map(|label| label as u32).ok_or_else(|| corrupt(file.path(), reason()))
        };
        labels.into_iter().enumerate().map(label).collect::<Result<_, _>>().map(Some)
    }
}

fn texts_of(file: &ParquetFile) -> impl Iterator<Item = &str> {
    let texts = match file.labels() {
        Labels::Texts(texts) => texts.as_slice(),
        _ => &[],
    };
    texts.iter().filter_map(Option::as_deref)
}

/// Labels that are numbers, -1 standing for none.
fn numbers_of(file: &ParquetFile) -> Result<impl Iterator<Item = Option<usize>>, DatasetError> {
    let numbers = match file.labels() {
        Labels::Numbers(numbers) => numbers.as_slice(),
        _ => &[],
    };
    let odd = |label: &Option<i64>| label.is_some_and(|label| !(-1..=MAX_CLASS).contains(&label));
    if let Some(row) = numbers.iter().position(odd) {
        let label = numbers[row].unwrap_or_default();
        return Err(corrupt(file.path(), format!("row {row} has the label {label}, expected the number of a class")));
    }
    Ok(numbers.iter().map(|label| label.and_then(|label| usize::try_from(label).ok())))
}

/// The names that the schemas have; they must agree.
fn same_names<'a>(files: impl Iterator<Item = &'a ParquetFile>) -> Result<Option<&'a [String]>, DatasetError> {
    let mut first: Option<(&ParquetFile, &[String])> = None;
    for file in files {
        match (first, file.class_names()) {
            (Some((other, names)), Some(found)) if names != found => {
                let reason = format!("its class names are others than those of {}", other.path().display());
                return Err(corrupt(file.path(), reason));
            }
            (None, Some(names)) => first = Some((file, names)),
            _ => {}
        }
    }
    Ok(first.map(|(_, names)| names))
}
