//! The python version: pickled dictionaries with a matrix of pixels and a list of labels.

use std::path::{Path, PathBuf};

use clf_core::data::DatasetError;

use super::{
    super::{
        files::{corrupt, read_bytes},
        pickle::{PickleError, PickledDict},
    },
    Content, IMAGE, Kind, Part,
};

const HINT: &str = "unpack the whole archive of the python version";

/// Reads the folder; `train` are the files of the training split.
pub(super) fn read(folder: &Path, kind: Kind, train: &[PathBuf]) -> Result<Content, DatasetError> {
    let (test, meta, names, labels) = match kind {
        Kind::Cifar10 => ("test_batch", "batches.meta", "label_names", "labels"),
        Kind::Cifar100 => ("test", "meta", "fine_label_names", "fine_labels"),
    };
    Ok(Content {
        class_names: read_names(&folder.join(meta), names)?,
        train: read_files(train, labels)?,
        test: read_files(&[folder.join(test)], labels)?,
    })
}

fn read_names(file: &Path, key: &str) -> Result<Vec<String>, DatasetError> {
    let bytes = read_bytes(file, "class names", HINT)?;
    let dict = PickledDict::parse(&bytes).map_err(refused(file))?;
    dict.texts(key).ok_or_else(|| corrupt(file, format!("it has no list of texts {key:?}")))
}

fn read_files(files: &[PathBuf], labels: &str) -> Result<Part, DatasetError> {
    let mut part = Part::default();
    for file in files {
        let bytes = read_bytes(file, "batch of images", HINT)?;
        let dict = PickledDict::parse(&bytes).map_err(refused(file))?;
        read_batch(&dict, labels, &mut part).map_err(|reason| corrupt(file, reason))?;
    }
    Ok(part)
}

fn read_batch(dict: &PickledDict<'_>, key: &str, part: &mut Part) -> Result<(), String> {
    let labels = dict.ints(key).ok_or_else(|| format!("it has no list of numbers {key:?}"))?;
    let matrix = dict.matrix("data").ok_or("it has no matrix of bytes \"data\"")?;
    if matrix.columns != IMAGE {
        let columns = matrix.columns;
        return Err(format!("its images have {columns} bytes, expected {IMAGE}"));
    }
    if matrix.rows != labels.len() {
        let (rows, labels) = (matrix.rows, labels.len());
        return Err(format!("it holds {labels} labels, but {rows} images"));
    }
    let (images, _) = matrix.data.as_chunks::<IMAGE>();
    for (label, image) in labels.into_iter().zip(images) {
        let index = usize::try_from(label).map_err(|_| format!("label {label} is negative"))?;
        part.push(index, image);
    }
    Ok(())
}

fn refused(file: &Path) -> impl FnOnce(PickleError) -> DatasetError {
    move |error| corrupt(file, error.to_string())
}
