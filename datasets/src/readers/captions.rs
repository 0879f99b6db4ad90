//! Images with captions, or captions alone, without classes.

mod coco;
pub mod gather;
mod samples;
mod table;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::{AS_FOUND, DatasetError, DatasetInfo, Samples};

use self::samples::CaptionSamples;
use super::{
    files::{corrupt, display_name, entries, missing, name_bytes},
    info::DEFAULT_TEMPLATE,
    splits::{Splits, dataset_by_splits},
};

/// A set of captions, with or without their images; one sample a caption, no labels, no classes.
///
/// Three formats are read, told apart by the ending of the file:
///
/// - `.tsv`, as of Conceptual Captions: `caption TAB url` or `caption TAB url TAB image` a line, no header. The third column
///   is the path of the local copy, relative to the table; a line without one has a caption but no image, and asking for
///   it is an error.
/// - `_output.csv`, as of the ZSCL reference code: in spite of its name `title TAB filepath` a line, below that header; the
///   paths are relative to the file. Beside a table of the same name it stands for that: it has the rows with an image.
/// - `.json`, as of COCO (`captions_train2017.json`): an image with five captions makes five samples, in the order of
///   the annotations. The images lie in the folder that the file is named after (`train2017`), beside or above it, or in
///   `images` there.
pub struct Captions {
    splits: Splits,
}

dataset_by_splits!(Captions);

impl Captions {
    /// Reads the file `path`, or the files of the folder `path` and of its folder `annotations`.
    ///
    /// A single file is the training split. Of several, the one with `train` in its name is the training split and the
    /// one with `val` or `test` the test split.
    ///
    /// # Errors
    ///
    /// When files are missing or damaged, or when several files could be the same split.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DatasetError> {
        let path = path.as_ref();
        let (train, test) = find(path)?;
        let name = match (path.is_dir(), path.file_stem()) {
            (false, Some(stem)) => stem.to_string_lossy().into_owned(),
            _ => display_name(path),
        };
        let info = DatasetInfo {
            name,
            class_names: Vec::new(),
            templates: vec![DEFAULT_TEMPLATE.to_owned()],
            split_family: AS_FOUND.to_owned(),
        };
        let open = |file: Option<PathBuf>| file.map(|file| read(&file)).transpose();
        let splits = Splits::new(info, open(train)?, open(test)?)
            .with_hint("caption sets are for learning or for reference; score on a set with classes");
        Ok(Self { splits })
    }
}

fn read(file: &Path) -> Result<Arc<dyn Samples>, DatasetError> {
    let samples = if is_json(file) { coco::read(file)? } else { table::read(file)? };
    if samples.is_empty() {
        return Err(corrupt(file, "it holds no captions"));
    }
    Ok(Arc::new(samples))
}

fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "json")
}

/// The files of the training and of the test split.
fn find(path: &Path) -> Result<(Option<PathBuf>, Option<PathBuf>), DatasetError> {
    const HINT: &str = "give a .tsv table, a COCO captions .json, or a folder that holds them";
    if path.is_file() {
        return Ok((Some(path.to_path_buf()), None));
    }
    if !path.is_dir() {
        return Err(missing("caption set", path, HINT));
    }
    let mut files = entries(path)?;
    let annotations = path.join("annotations");
    if annotations.is_dir() {
        files.extend(entries(&annotations)?);
    }
    files.retain(|file| {
        let name = name_bytes(file);
        let is_table = name.ends_with(b".tsv") && !gather::index_of(file).is_file();
        is_table || name.ends_with(gather::INDEX_ENDING) || name.starts_with(b"captions_") && is_json(file)
    });
    match files.as_slice() {
        [] => Err(missing("table or JSON of captions", path, HINT)),
        [only] => Ok((Some(only.clone()), None)),
        _ => {
            let train = only_named(path, &files, &["train"])?;
            Ok((train, only_named(path, &files, &["val", "test"])?))
        }
    }
}

/// The one file with one of the `words` in its name.
fn only_named(folder: &Path, files: &[PathBuf], words: &[&str]) -> Result<Option<PathBuf>, DatasetError> {
    let named = |file: &&PathBuf| {
        let name = String::from_utf8_lossy(name_bytes(file)).to_lowercase();
        words.iter().any(|word| name.contains(word))
    };
    let mut found = files.iter().filter(named);
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => {
            let [first, second] = [first, second].map(|file| file.display());
            let reason = format!("both {first} and {second} could be the split; give the file");
            Err(corrupt(folder, reason))
        }
        (first, _) => Ok(first.cloned()),
    }
}
