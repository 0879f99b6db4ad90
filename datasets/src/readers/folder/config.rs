//! The keys of a `dataset.toml`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clf_core::data::AS_FOUND;
use serde::Deserialize;

/// How a folder of pictures becomes a dataset; every key may be left out.
///
/// All paths are relative to `root`.
///
/// # Examples
///
/// ```
/// use clf_datasets::readers::FolderConfig;
///
/// let config: FolderConfig = toml::from_str(
///     r#"
///     name = "dtd"
///     images = "images"
///     train-list = { files = ["labels/train1.txt", "labels/val1.txt"] }
///     test-list = "labels/test1.txt"
///     templates = ["{} texture."]
///     "#,
/// )?;
/// assert_eq!(config.name.as_deref(), Some("dtd"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FolderConfig {
    /// The dataset's folder, relative to the TOML file; without it, where the TOML file lies.
    pub root: Option<PathBuf>,
    /// Name of the dataset; without it, the TOML file's or the folder's.
    pub name: Option<String>,
    /// Prompt templates with one `{}` each.
    pub templates: Option<Vec<String>>,
    /// Names of the classes, and their order.
    pub class_names: Option<ClassNames>,
    /// What the classes are called on disk, in label order; [`ClassNames::InOrder`] names them one by one. A class without
    /// pictures keeps its label.
    pub class_folders: Option<Vec<String>>,
    /// What becomes of pictures of other classes than `class-folders`.
    pub other_classes: OtherClasses,
    /// A file with one class a line, which must be in the order of `class-folders`.
    pub class_order: Option<PathBuf>,
    /// Where the class folders (or the pictures, or what the lists name) are.
    pub images: Option<PathBuf>,
    /// The same for the training split alone.
    pub train_images: Option<PathBuf>,
    /// The same for the test split alone; of several the first that is there.
    pub test_images: Option<OneOrMore>,
    /// Whether there may be no test split, where `test-images` is not there.
    pub test_may_be_absent: bool,
    /// Folder inside each class folder that holds the pictures.
    pub nested: Option<PathBuf>,
    /// Whether the label of a list is the rest of the line, spaces and all.
    pub label_is_rest_of_line: bool,
    /// What tells the class of a picture; the default is the label column of a list, else the folder.
    pub class_from: Option<ClassFrom>,
    /// Classes to leave out.
    pub exclude: Vec<String>,
    /// The pictures of the training split; without it, all that the test list does not name.
    pub train_list: Option<List>,
    /// The pictures of the test split.
    pub test_list: Option<List>,
    /// Share of each class that is held out as the test split when nothing else says what that is.
    pub test_fraction: Option<f64>,
    /// Chooses which pictures are held out.
    pub seed: u64,
    /// Divides all pictures, whatever their class, by a permutation of `PyTorch`.
    pub permuted_split: Option<PermutedSplit>,
    /// At most so many pictures of a class in each split, the first ones.
    pub limit_per_class: Option<usize>,
}

impl FolderConfig {
    /// Where the border between the splits comes from.
    pub(super) fn split_family(&self) -> String {
        match (&self.permuted_split, self.test_fraction) {
            (Some(split), _) => format!("permuted, {} to learn from, seed {}", split.train, split.seed),
            (None, Some(fraction)) => format!("{fraction} of each class held out, seed {}", self.seed),
            (None, None) => AS_FOUND.to_owned(),
        }
    }

    /// Checks what the types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_permuted_split()?;
        self.check_class_folders()?;
        let Some(fraction) = self.test_fraction else {
            return Ok(());
        };
        if !(fraction > 0.0 && fraction < 1.0) {
            return Err(format!("test-fraction is {fraction}, but must lie between 0 and 1"));
        }
        if self.test_list.is_some() || self.test_images.is_some() {
            return Err("test-fraction stands beside test-list or test-images; keep one".to_owned());
        }
        Ok(())
    }

    fn check_permuted_split(&self) -> Result<(), String> {
        let Some(split) = self.permuted_split else {
            return Ok(());
        };
        if !(split.train > 0.0 && split.train < 1.0) {
            return Err(format!("permuted-split.train is {}, but must lie between 0 and 1", split.train));
        }
        if self.test_fraction.is_some() || self.test_list.is_some() || self.test_images.is_some() {
            return Err("permuted-split stands beside test-list, test-images or test-fraction; keep one".to_owned());
        }
        Ok(())
    }

    fn check_class_folders(&self) -> Result<(), String> {
        match (&self.class_folders, &self.class_names) {
            (Some(folders), Some(ClassNames::InOrder(names))) if folders.len() == names.len() => Ok(()),
            (Some(folders), Some(ClassNames::InOrder(names))) => {
                Err(format!("there are {} class-names for {} class-folders", names.len(), folders.len()))
            }
            (Some(_), Some(_)) => Err("class-names must be a list where there are class-folders".to_owned()),
            (None, _) if self.other_classes == OtherClasses::Ignore || self.class_order.is_some() => {
                Err("other-classes and class-order need class-folders".to_owned())
            }
            (Some(_), None) | (None, _) => Ok(()),
        }
    }
}

/// What becomes of pictures of classes that are not listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtherClasses {
    /// They are an error.
    #[default]
    Refuse,
    /// They are left out.
    Ignore,
}

/// One path, or several of which the first that is there is meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a path or a list of paths")]
pub enum OneOrMore {
    /// One path.
    One(PathBuf),
    /// Several.
    More(Vec<PathBuf>),
}

impl OneOrMore {
    /// The first path that is a folder below `root`, or the first one.
    pub(super) fn first_in(&self, root: &Path) -> PathBuf {
        let paths = match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::More(paths) => paths,
        };
        let mut paths = paths.iter().map(|path| root.join(path));
        let first = paths.next().unwrap_or_else(|| root.to_owned());
        if first.is_dir() { first } else { paths.find(|path| path.is_dir()).unwrap_or(first) }
    }
}

/// A share of all pictures, chosen as `torch.utils.data.random_split` does with a generator of its own.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PermutedSplit {
    /// Share of the pictures to learn from, rounded down; the others are the test split.
    pub train: f64,
    /// Seed of the generator.
    pub seed: u32,
}

/// Names of the classes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a list of names, a table of folder = \"name\", or the path of a file")]
pub enum ClassNames {
    /// A file with a name a line, or with `folder TAB name` a line, which may speak of more classes than there are.
    File(PathBuf),
    /// Names in label order. Where they are the folders' names, they put the folders into that order; otherwise they
    /// name the sorted folders one by one.
    InOrder(Vec<String>),
    /// Name of a folder's (or label's) class; the others keep theirs.
    ByFolder(BTreeMap<String, String>),
}

/// A list of pictures.
///
/// A line is `path` or `path label`, separated by a tab, a comma or spaces; further columns are not looked at, nor are empty
/// lines and lines that start with `#`. The path may leave out the file's ending. Without a label the class is
/// the folder in the path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "the path of a list, a list of lines, or a table with files = [..]")]
pub enum List {
    /// The path of a text file.
    File(PathBuf),
    /// The lines themselves.
    Lines(Vec<String>),
    /// Several text files, one after the other.
    Files {
        /// Their paths.
        files: Vec<PathBuf>,
    },
}

/// What tells the class of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassFrom {
    /// The folder that it lies in.
    Folder,
    /// The file name up to its last underscore: `great_pyrenees_12.jpg` is of the class `great_pyrenees`.
    BeforeLastUnderscore,
    /// The path below `images` without its first folder and the file name: `a/apse/indoor/sun_1.jpg` is of the class
    /// `apse/indoor`.
    PathBelowFirstFolder,
    /// The file name, without ending, from its first underscore: `n01440764_tench.JPEG` is of the class `tench`.
    AfterFirstUnderscore,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FolderConfig, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn lists_and_class_names_have_three_forms_each() {
        let config = parse("train-list = 'a.txt'\ntest-list = ['x/1', 'y/2']").unwrap();
        assert_eq!(config.train_list, Some(List::File("a.txt".into())));
        let lines = vec!["x/1".to_owned(), "y/2".to_owned()];
        assert_eq!(config.test_list, Some(List::Lines(lines)));
        let config = parse("train-list = { files = ['a', 'b'] }\nclass-names = { 1 = 'cat' }");
        let config = config.unwrap();
        let files = vec!["a".into(), "b".into()];
        assert_eq!(config.train_list, Some(List::Files { files }));
        let names = BTreeMap::from([("1".to_owned(), "cat".to_owned())]);
        assert_eq!(config.class_names, Some(ClassNames::ByFolder(names)));
    }

    #[test]
    fn an_unknown_key_or_form_is_an_error_with_its_line() {
        let error = parse("name = 'x'\ntrain_list = 'a.txt'").unwrap_err();
        assert!(error.contains("line 2") && error.contains("train_list"), "{error}");
        let error = parse("class-names = 3").unwrap_err();
        assert!(error.contains("a list of names"), "{error}");
        let error = parse("class-from = 'stem'").unwrap_err();
        assert!(error.contains("before-last-underscore"), "{error}");
    }

    #[test]
    fn a_test_fraction_must_be_one_and_stand_alone() {
        for bad in ["test-fraction = 1.0", "test-fraction = 0.0", "test-fraction = nan"] {
            assert!(parse(bad).unwrap().check().is_err());
        }
        let both = parse("test-fraction = 0.5\ntest-list = 'a'").unwrap();
        assert!(both.check().is_err());
        assert!(parse("test-fraction = 0.5").unwrap().check().is_ok());
    }
}
