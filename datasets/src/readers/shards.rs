//! Tar shards of WebDataset.

mod entry;
mod index;
mod samples;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::{DatasetError, Samples};

use self::samples::TarSamples;
use super::{
    files::{display_name, read_text},
    info::InfoOverrides,
    shard_config::ShardConfig,
    shard_files::ShardFiles,
    splits::{Splits, dataset_by_splits},
};

/// Pictures in tar files, as WebDataset writes them: `train-000000.tar`, `test-000000.tar` and so on.
///
/// The entries of a sample share their name up to the first dot: `000017.jpg` (or `.jpeg`, `.png`, `.webp`, `.gif`, `.bmp`,
/// `.ppm`), `000017.cls` with the number of the class, `000017.txt` with the caption, or `000017.json` with `label` and
/// `caption`. A sample may lack its picture where it has a caption. Validation shards are the test split where there are no
/// test shards.
///
/// Class names come from a `classnames.txt` beside the shards or above them, a line each, and templates from a
/// `zeroshot_classification_templates.txt`, where `{c}` stands for the class; a `dataset.toml` with the keys of
/// [`ShardConfig`] says otherwise. Without any of them the classes are called "0", "1" and so on.
///
/// Opening reads the headers of all entries, and the labels and captions. A picture is read from its place when it is asked
/// for, whatever the order; nothing is unpacked.
pub struct Shards {
    splits: Splits,
}

dataset_by_splits!(Shards);

impl Shards {
    /// Reads the shards of the folder `path`, the one shard `path`, or those that the TOML file `path` describes.
    ///
    /// # Errors
    ///
    /// When shards are missing, cut off or damaged, or when a class has no name; the error names file and entry.
    pub fn open(path: impl AsRef<Path>, overrides: InfoOverrides) -> Result<Self, DatasetError> {
        let (root, config) = ShardConfig::resolve(path.as_ref(), "tar", overrides)?;
        config.without_columns(&root)?;
        let files = ShardFiles::find(&root, "tar", &config)?;
        let test = if files.test.is_empty() { &files.validation } else { &files.test };
        let (train, test) = (read_split(&files.train)?, read_split(test)?);
        let max_label = [&train, &test].into_iter().flatten().filter_map(TarSamples::max_label).max();
        let digits = || (0..max_label.map_or(0, |label| label + 1)).map(|label| label.to_string()).collect();
        let places = [Some(root.as_path()), files.train.first().and_then(|file| file.parent())];
        let names = lines(&places, "classnames.txt")?.unwrap_or_else(digits);
        let mut info = config.info();
        if info.templates.is_none() {
            let templates = lines(&places, "zeroshot_classification_templates.txt")?;
            info.templates = templates.map(|all| all.iter().map(|template| template.replace("{c}", "{}")).collect());
        }
        let name = match root.file_stem() {
            Some(stem) if root.is_file() => stem.to_string_lossy().into_owned(),
            _ => display_name(&root),
        };
        let info = info.into_info(&root, name, names, max_label)?;
        let share = |split: Option<TarSamples>| split.map(|samples| Arc::new(samples) as Arc<dyn Samples>);
        let hint =
            format!("put its shards into {}, or say train-files and test-files in a dataset.toml", root.display());
        Ok(Self { splits: Splits::new(info, share(train), share(test)).with_hint(hint) })
    }
}

fn read_split(files: &[PathBuf]) -> Result<Option<TarSamples>, DatasetError> {
    if files.is_empty() { Ok(None) } else { TarSamples::open(files).map(Some) }
}

/// The lines of the first file of that name, without empty ones.
fn lines(places: &[Option<&Path>], name: &str) -> Result<Option<Vec<String>>, DatasetError> {
    let file = places.iter().flatten().map(|place| place.join(name)).find(|file| file.is_file());
    let Some(file) = file else { return Ok(None) };
    let text = read_text(&file, "list", "check the path")?;
    Ok(Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests;
