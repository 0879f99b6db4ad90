//! The keys of a `dataset.toml` beside shards.

use std::path::{Path, PathBuf};

use clf_core::data::DatasetError;
use serde::Deserialize;

use super::{
    files::{corrupt, locate, read_toml},
    info::InfoOverrides,
};

/// What a user says about a dataset in parquet files or tar shards; every key may be left out.
///
/// # Examples
///
/// ```
/// use clf_datasets::readers::ShardConfig;
///
/// let config: ShardConfig = toml::from_str(
///     r#"
///     label-column = "fine_label"
///     train-files = ["data/train-*.parquet", "data/validation-*.parquet"]
///     test-files = ["data/test-*.parquet"]
///     templates = ["a photo of a {}, a type of pet."]
///     "#,
/// )?;
/// assert_eq!(config.label_column.as_deref(), Some("fine_label"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ShardConfig {
    /// Where the dataset lies, relative to the TOML file; without it, where the TOML file lies.
    pub root: Option<PathBuf>,
    /// Name of the dataset.
    pub name: Option<String>,
    /// Class names in label order.
    pub class_names: Option<Vec<String>>,
    /// Prompt templates with one `{}` each.
    pub templates: Option<Vec<String>>,
    /// Files of the training split, relative to the root; `*` stands for any letters.
    pub train_files: Option<Vec<String>>,
    /// Files of the test split, in the same way.
    pub test_files: Option<Vec<String>>,
    /// Column of the images; parquet only.
    pub image_column: Option<String>,
    /// Column of the labels; parquet only.
    pub label_column: Option<String>,
    /// Column of the captions; parquet only.
    pub caption_column: Option<String>,
}

impl ShardConfig {
    /// The folder (or the single file with the given `ending`) that `path` means, and what is said about it.
    ///
    /// What the caller says in `overrides` beats the descriptor.
    pub(super) fn resolve(
        path: &Path,
        ending: &str,
        overrides: InfoOverrides,
    ) -> Result<(PathBuf, Self), DatasetError> {
        if path.is_file() && path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending)) {
            return Ok((path.to_path_buf(), Self::default().under(overrides)));
        }
        let (folder, descriptor) = locate(path)?;
        let Some(descriptor) = descriptor else {
            return Ok((folder, Self::default().under(overrides)));
        };
        if descriptor.extension().is_none_or(|found| found != "toml") {
            let reason = format!("it is neither a .{ending} file nor a .toml file that describes some");
            return Err(corrupt(&descriptor, reason));
        }
        let config: Self = read_toml(&descriptor)?;
        let root = match &config.root {
            Some(root) => folder.join(root),
            None => folder,
        };
        Ok((root, config.under(overrides)))
    }

    fn under(self, overrides: InfoOverrides) -> Self {
        Self {
            name: overrides.name.or(self.name),
            class_names: overrides.class_names.or(self.class_names),
            templates: overrides.templates.or(self.templates),
            ..self
        }
    }

    /// Refuses keys about columns, where there are none.
    pub(super) fn without_columns(&self, root: &Path) -> Result<(), DatasetError> {
        let keys = [
            ("image-column", &self.image_column),
            ("label-column", &self.label_column),
            ("caption-column", &self.caption_column),
        ];
        match keys.iter().find(|(_, column)| column.is_some()) {
            Some((key, _)) => {
                Err(corrupt(root, format!("{key} is for parquet files; the entries of a tar have no columns")))
            }
            None => Ok(()),
        }
    }

    /// What is said about name, classes and templates.
    pub(super) fn info(&self) -> InfoOverrides {
        InfoOverrides {
            root: None,
            name: self.name.clone(),
            class_names: self.class_names.clone(),
            templates: self.templates.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_descriptor_points_to_a_folder_and_the_caller_beats_it() {
        let dir = tempfile::tempdir().unwrap();
        let toml = dir.path().join("pets.toml");
        fs::write(&toml, "root = 'data'\nname = 'file'\ntemplates = ['a {}']").unwrap();
        let caller = InfoOverrides { name: Some("caller".into()), ..InfoOverrides::default() };
        let (root, config) = ShardConfig::resolve(&toml, "tar", caller).unwrap();
        assert_eq!(root, dir.path().join("data"));
        assert_eq!(config.info().name.as_deref(), Some("caller"));
        assert_eq!(config.info().templates, Some(vec!["a {}".to_owned()]));
    }

    #[test]
    fn other_files_and_unknown_keys_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |name: &str, text: &str| {
            fs::write(dir.path().join(name), text).unwrap();
            let path = dir.path().join(name);
            ShardConfig::resolve(&path, "parquet", InfoOverrides::default()).unwrap_err().to_string()
        };
        assert!(refused("a.csv", "x").contains("neither a .parquet file nor a .toml"));
        assert!(refused("dataset.toml", "image_column = 'x'").contains("image_column"));
    }
}
