//! The binary version: records of label bytes and three colour planes.

use std::path::{Path, PathBuf};

use clf_core::data::DatasetError;

use super::{
    super::files::{corrupt, read_bytes, read_text},
    Content, IMAGE, Kind, Part,
};

const HINT: &str = "unpack the whole archive of the binary version";

/// Reads the folder; `train` are the files of the training split.
pub(super) fn read(folder: &Path, kind: Kind, train: &[PathBuf]) -> Result<Content, DatasetError> {
    let (test, names) = match kind {
        Kind::Cifar10 => ("test_batch.bin", "batches.meta.txt"),
        Kind::Cifar100 => ("test.bin", "fine_label_names.txt"),
    };
    let names = read_text(&folder.join(names), "class names", HINT)?;
    let names = names.lines().map(str::trim).filter(|name| !name.is_empty());
    Ok(Content {
        class_names: names.map(str::to_owned).collect(),
        train: read_files(train, kind)?,
        test: read_files(&[folder.join(test)], kind)?,
    })
}

fn read_files(files: &[PathBuf], kind: Kind) -> Result<Part, DatasetError> {
    let mut part = Part::default();
    for file in files {
        let bytes = read_bytes(file, "batch of images", HINT)?;
        match kind {
            Kind::Cifar10 => read_records::<1, { 1 + IMAGE }>(&bytes, file, &mut part)?,
            // The first of two label bytes is the coarse label.
            Kind::Cifar100 => read_records::<2, { 2 + IMAGE }>(&bytes, file, &mut part)?,
        }
    }
    Ok(part)
}

/// Reads records of `RECORD` bytes that start with `LABELS` label bytes, the last of which counts.
fn read_records<const LABELS: usize, const RECORD: usize>(
    bytes: &[u8],
    file: &Path,
    part: &mut Part,
) -> Result<(), DatasetError> {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if records.is_empty() || !rest.is_empty() {
        let size = bytes.len();
        let reason = format!("its {size} bytes are not a whole number of records of {RECORD}");
        return Err(corrupt(file, reason));
    }
    for record in records {
        if let (Some(labels), Some(planes)) = (record.first_chunk::<LABELS>(), record.last_chunk()) {
            part.push(usize::from(labels[LABELS - 1]), planes);
        }
    }
    Ok(())
}
