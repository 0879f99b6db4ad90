//! Which files of a folder belong to which split.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use clf_core::data::DatasetError;

use super::{
    files::{corrupt, entries, missing, name_bytes},
    shard_config::ShardConfig,
};

/// The shards of a dataset, each list in numeric order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ShardFiles {
    /// Files of the training split.
    pub(super) train: Vec<PathBuf>,
    /// Files that are called a test split.
    pub(super) test: Vec<PathBuf>,
    /// Files that are called a validation split.
    pub(super) validation: Vec<PathBuf>,
}

/// What a name says about the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Train,
    Test,
    Validation,
}

impl ShardFiles {
    /// The files with the given `ending` at `root`, a folder or one such file.
    ///
    /// The split stands in the file's name (`train-00000-of-00004`) or in that of its folder (`test/0.tar`). The files lie
    /// in `root`, in `root/data`, or in the only other folder that has some.
    pub(super) fn find(root: &Path, ending: &str, config: &ShardConfig) -> Result<Self, DatasetError> {
        if root.is_file() {
            return Ok(Self { train: vec![root.to_path_buf()], ..Self::default() });
        }
        if !root.is_dir() {
            return Err(missing("dataset folder", root, "fetch the dataset, or correct the path"));
        }
        let given = |patterns: &Option<Vec<String>>| match patterns {
            Some(patterns) => named(root, patterns),
            None => Ok(Vec::new()),
        };
        let mut files =
            Self { train: given(&config.train_files)?, test: given(&config.test_files)?, ..Self::default() };
        if config.train_files.is_none() || config.test_files.is_none() {
            let found = Self::by_name(root, ending, config)?;
            if config.train_files.is_none() {
                files.train = found.train;
            }
            if config.test_files.is_none() {
                (files.test, files.validation) = (found.test, found.validation);
            }
        }
        Ok(files)
    }

    fn by_name(root: &Path, ending: &str, config: &ShardConfig) -> Result<Self, DatasetError> {
        let found = search(root, ending)?;
        check_complete(&found)?;
        let said = config.train_files.is_some() || config.test_files.is_some();
        let mut files = Self::default();
        // Files that say nothing are for training, where all say nothing.
        let silent = found.iter().all(|(_, part)| part.is_none());
        for (path, part) in found {
            match part {
                Some(Part::Train) => files.train.push(path),
                Some(Part::Test) => files.test.push(path),
                Some(Part::Validation) => files.validation.push(path),
                None if silent && !said => files.train.push(path),
                None if said => {}
                None => {
                    let reason = "its name says neither train nor test nor validation, as those beside it do; say \
                                  train-files and test-files in a dataset.toml";
                    return Err(corrupt(&path, reason));
                }
            }
        }
        Ok(files)
    }
}

/// The files that patterns mean.
fn named(root: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, DatasetError> {
    let mut files = Vec::new();
    for pattern in patterns {
        let whole = Path::new(&glob::Pattern::escape(&root.to_string_lossy())).join(pattern);
        let found = glob::glob(&whole.to_string_lossy());
        let found = found.map_err(|error| corrupt(root, format!("the file pattern {pattern:?}: {error}")))?;
        let mut found: Vec<PathBuf> = found.flatten().filter(|path| path.is_file()).collect();
        if found.is_empty() {
            return Err(missing(
                format!("file {pattern:?}"),
                root,
                "correct train-files or test-files in the dataset.toml",
            ));
        }
        found.sort_by_cached_key(|path| natural(path));
        files.extend(found);
    }
    Ok(files)
}

/// All shards, in the one place that has some.
fn search(root: &Path, ending: &str) -> Result<Vec<(PathBuf, Option<Part>)>, DatasetError> {
    for folder in [root.to_path_buf(), root.join("data")] {
        let found = if folder.is_dir() { shards_of(&folder, ending)? } else { Vec::new() };
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let mut places = Vec::new();
    for folder in entries(root)?.into_iter().filter(|path| path.is_dir()) {
        let found = shards_of(&folder, ending)?;
        if !found.is_empty() {
            places.push((folder, found));
        }
    }
    match places.as_mut_slice() {
        [] => Err(missing(
            format!(".{ending} file"),
            root,
            format!("the folder must hold files such as train-0.{ending}"),
        )),
        [(_, found)] => Ok(std::mem::take(found)),
        [(first, _), (second, _), ..] => {
            let [first, second] =
                [first, second].map(|folder| String::from_utf8_lossy(name_bytes(folder)).into_owned());
            Err(corrupt(
                root,
                format!("both {first} and {second} hold .{ending} files; give the folder of one of them"),
            ))
        }
    }
}

/// The shards in `folder` and in its folders that are called like a split.
fn shards_of(folder: &Path, ending: &str) -> Result<Vec<(PathBuf, Option<Part>)>, DatasetError> {
    let is_shard =
        |path: &PathBuf| path.is_file() && path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    let mut found = Vec::new();
    for path in entries(folder)? {
        if is_shard(&path) {
            let part = part_of(&path.with_extension(""));
            found.push((path, part));
        } else if let Some(part) = part_of(&path).filter(|_| path.is_dir()) {
            found.extend(entries(&path)?.into_iter().filter(is_shard).map(|path| (path, Some(part))));
        }
    }
    found.sort_by_cached_key(|(path, _)| natural(path));
    Ok(found)
}

/// The split that the first telling word of a name means.
fn part_of(path: &Path) -> Option<Part> {
    let name = String::from_utf8_lossy(name_bytes(path)).to_lowercase();
    name.split(|letter: char| !letter.is_ascii_alphabetic()).find_map(|word| match word {
        "train" | "training" => Some(Part::Train),
        "test" | "testing" => Some(Part::Test),
        "validation" | "valid" | "val" | "dev" => Some(Part::Validation),
        _ => None,
    })
}

/// Letters and numbers of a path in turn: `train-10` comes after `train-9`.
fn natural(path: &Path) -> Vec<(String, usize, String)> {
    let text = path.to_string_lossy();
    let mut key = Vec::new();
    let mut rest = text.as_ref();
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let (letters, after) = rest.split_at(digits);
        let end = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(end);
        let number = number.trim_start_matches('0');
        key.push((letters.to_owned(), number.len(), number.to_owned()));
        rest = after;
    }
    key
}

/// Refuses `train-00000-of-00004` without its three companions.
fn check_complete(files: &[(PathBuf, Option<Part>)]) -> Result<(), DatasetError> {
    let mut sets: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
    for (path, _) in files {
        if let Some((prefix, number, total)) = number_of(path) {
            sets.entry((path.with_file_name(prefix), total)).or_default().insert(number);
        }
    }
    for ((prefix, total), numbers) in sets {
        if let Some(gap) = (0..total).find(|number| !numbers.contains(number)) {
            let what = format!("shard {gap} of {total}, counted from zero,");
            let hint = "fetch the whole dataset, or name the files that are there as train-files and test-files in a dataset.toml";
            return Err(missing(what, &prefix, hint));
        }
    }
    Ok(())
}

/// Prefix, number and total of `train-00000-of-00004` or `train-00000-of-00004-2f8c`.
fn number_of(path: &Path) -> Option<(String, usize, usize)> {
    let stem = path.file_stem()?.to_str()?;
    let (left, right) = stem.rsplit_once("-of-")?;
    let (prefix, number) = left.rsplit_once('-')?;
    let total = right.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some((prefix.to_owned(), number.parse().ok()?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    fn found(names: &[&str], config: &ShardConfig) -> Result<[Vec<String>; 3], String> {
        let dir = folder(names);
        let files = ShardFiles::find(dir.path(), "tar", config).map_err(|error| error.to_string())?;
        let short = |files: Vec<PathBuf>| {
            let name = |path: &PathBuf| path.strip_prefix(dir.path()).unwrap().to_string_lossy().into_owned();
            files.iter().map(name).collect()
        };
        Ok([files.train, files.test, files.validation].map(short))
    }

    fn plain(names: &[&str]) -> [Vec<String>; 3] {
        found(names, &ShardConfig::default()).unwrap()
    }

    #[test]
    fn shards_are_sorted_by_number_and_divided_by_name() {
        let names = ["data/train-10.tar", "data/train-9.tar", "data/test-0.tar", "data/val-0.tar", "README.md"];
        let [train, test, validation] = plain(&names);
        assert_eq!(train, ["data/train-9.tar", "data/train-10.tar"]);
        assert_eq!((test, validation), (vec!["data/test-0.tar".to_owned()], vec!["data/val-0.tar".to_owned()]));
        assert_eq!(plain(&["cc3m-train-00.tar", "imagenet_validation_00.tar"]).map(|files| files.len()), [1, 0, 1]);
    }

    #[test]
    fn a_folder_may_say_the_split_and_another_may_hold_all() {
        assert_eq!(plain(&["train/0.tar", "train/1.tar", "test/0.tar"]).map(|files| files.len()), [2, 1, 0]);
        assert_eq!(plain(&["default/train/0000.tar", "default/test/0000.tar"]).map(|files| files.len()), [1, 1, 0]);
        assert_eq!(plain(&["00000.tar", "00001.tar"]).map(|files| files.len()), [2, 0, 0]);
        let error = found(&["en/train-0.tar", "fr/train-0.tar"], &ShardConfig::default()).unwrap_err();
        assert!(error.contains("both en and fr"), "{error}");
    }

    #[test]
    fn a_missing_shard_is_named() {
        let error = |names: &[&str]| found(names, &ShardConfig::default()).unwrap_err();
        let text = error(&["train-00000-of-00003.tar", "train-00002-of-00003.tar"]);
        assert!(text.contains("shard 1 of 3") && text.contains("/train"), "{text}");
        let text = error(&["train-00000-of-99999999999.tar"]);
        assert!(text.contains("shard 1 of 99999999999"), "{text}");
        plain(&["train-00000-of-00002-2f8c.tar", "train-00001-of-00002-9a01.tar"]);
        assert!(error(&["a.txt"]).contains("train-0.tar"));
        assert!(error(&["train-0.tar", "extra.tar"]).contains("extra.tar"));
    }

    #[test]
    fn a_descriptor_may_name_the_files() {
        let config = |text: &str| toml::from_str::<ShardConfig>(text).unwrap();
        let names = ["a/x-2.tar", "a/x-10.tar", "b/y.tar", "test-0.tar"];
        let [train, test, _] = found(&names, &config("train-files = ['a/x-*.tar', 'b/y.tar']")).unwrap();
        assert_eq!(train, ["a/x-2.tar", "a/x-10.tar", "b/y.tar"]);
        assert_eq!(test, ["test-0.tar"]);
        let error = found(&names, &config("test-files = ['c-*.tar']")).unwrap_err();
        assert!(error.contains("c-*.tar"), "{error}");
    }
}
