//! Parquet files with pictures in them, as the Hugging Face hub has them.

mod cache;
mod classes;
mod columns;
mod file;
mod samples;
mod source;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::{DatasetError, Samples};

use self::{classes::Classes, file::ParquetFile, samples::ParquetSamples};
use super::{
    files::display_name,
    info::InfoOverrides,
    shard_config::ShardConfig,
    shard_files::ShardFiles,
    splits::{Splits, dataset_by_splits},
};

/// Pictures in parquet files, as `datasets` writes them: `data/train-00000-of-00004.parquet` and so on.
///
/// The column `image` or `img` holds the encoded pictures, as a struct of `bytes` and `path` or as plain binary; a row may
/// lack its picture. The column `label`, `labels` or `fine_label` holds numbers of classes, or their names, and `caption` or
/// `text` the captions. Names of the classes come from the schema that `datasets` leaves in the file; without one the
/// classes are called "0", "1" and so on. A `dataset.toml` with the keys of [`ShardConfig`] says otherwise.
///
/// A validation split is the test split where there is no other, or where that one has the label -1 throughout, which the
/// hub puts where labels are kept secret.
///
/// Opening reads the footers of the files and the columns of labels and captions. Where pictures lie in the file as they
/// are, as `datasets` writes them now, the first picture of a page costs reading that page, and every other one costs
/// reading itself. Where they are compressed, a picture costs reading and unpacking its page: about 1 MB in files with an
/// index of pages, but a whole row group of 100 or 1000 pictures in most older ones. The last 512 MB of such pages are
/// kept, so that reading in order costs each page once; where that is not enough for a scattered order,
/// `clf data prepare` makes a file that is read in any order.
pub struct Parquet {
    splits: Splits,
}

dataset_by_splits!(Parquet);

impl Parquet {
    /// Reads the files of the folder `path`, the one file `path`, or those that the TOML file `path` describes.
    ///
    /// # Errors
    ///
    /// When files or columns are missing or damaged, or when a class has no name; the error names file, column and row.
    pub fn open(path: impl AsRef<Path>, overrides: InfoOverrides) -> Result<Self, DatasetError> {
        let (root, config) = ShardConfig::resolve(path.as_ref(), "parquet", overrides)?;
        let files = ShardFiles::find(&root, "parquet", &config)?;
        let train = read_split(&files.train, &config)?;
        let test = read_split(&files.test, &config)?;
        let secret = |files: &Vec<ParquetFile>| files.iter().all(ParquetFile::has_no_labels);
        let test = match test {
            Some(test) if files.validation.is_empty() || !secret(&test) || train.as_ref().is_some_and(secret) => {
                Some(test)
            }
            _ => read_split(&files.validation, &config)?,
        };
        let classes = Classes::of(train.iter().chain(&test).flatten(), config.class_names.as_deref())?;
        let max_label = classes.max_label();
        let name = match root.file_stem() {
            Some(stem) if root.is_file() => stem.to_string_lossy().into_owned(),
            _ => display_name(&root),
        };
        let overrides = InfoOverrides { class_names: None, ..config.info() };
        let info = overrides.into_info(&root, name, classes.names().to_vec(), max_label)?;
        let share = |split: Option<Vec<ParquetFile>>| -> Result<Option<Arc<dyn Samples>>, DatasetError> {
            let Some(files) = split else { return Ok(None) };
            Ok(Some(Arc::new(ParquetSamples::new(files, &classes)?)))
        };
        let hint =
            format!("put its files into {}, or say train-files and test-files in a dataset.toml", root.display());
        Ok(Self { splits: Splits::new(info, share(train)?, share(test)?).with_hint(hint) })
    }
}

fn read_split(files: &[PathBuf], config: &ShardConfig) -> Result<Option<Vec<ParquetFile>>, DatasetError> {
    if files.is_empty() {
        return Ok(None);
    }
    files.iter().map(|path| ParquetFile::open(path, config)).collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests;
