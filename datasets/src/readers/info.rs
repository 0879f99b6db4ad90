//! Names, class names and templates that a user may put in place of what the files say.

use std::path::{Path, PathBuf};

use clf_core::data::{AS_FOUND, DatasetError, DatasetInfo};
use serde::Deserialize;

use super::files::{corrupt, locate, read_toml};

/// The prompt of a dataset that says nothing about prompts.
pub const DEFAULT_TEMPLATE: &str = "a photo of a {}.";

/// What a user says about a dataset whose files do not say it, or say it otherwise.
///
/// Readers look for these keys in a `dataset.toml` in the dataset's folder, or in a TOML file that is given instead of
/// the folder and whose `root` points to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct InfoOverrides {
    /// Where the dataset lies, relative to the TOML file; without it, where the TOML file lies.
    pub root: Option<PathBuf>,
    /// Name of the dataset.
    pub name: Option<String>,
    /// Class names in label order.
    pub class_names: Option<Vec<String>>,
    /// Prompt templates with one `{}` each.
    pub templates: Option<Vec<String>>,
}

impl InfoOverrides {
    /// The folder that `path` means, and these overrides completed by the descriptor that lies there.
    pub(super) fn resolve(self, path: &Path) -> Result<(PathBuf, Self), DatasetError> {
        let (folder, descriptor) = locate(path)?;
        let Some(descriptor) = descriptor else {
            return Ok((folder, self));
        };
        let from_file: Self = read_toml(&descriptor)?;
        let root = match &from_file.root {
            Some(root) => folder.join(root),
            None => folder,
        };
        if let Some(templates) = &from_file.templates {
            check_templates(templates).map_err(|reason| corrupt(&descriptor, reason))?;
        }
        Ok((root, self.or(from_file)))
    }

    fn or(self, other: Self) -> Self {
        Self {
            root: self.root.or(other.root),
            name: self.name.or(other.name),
            class_names: self.class_names.or(other.class_names),
            templates: self.templates.or(other.templates),
        }
    }

    /// The info of a dataset whose largest label is `max_label`, where the files offer `name` and `class_names`; there is
    /// no largest label where there are none.
    pub(super) fn into_info(
        self,
        source: &Path,
        name: String,
        class_names: Vec<String>,
        max_label: impl Into<Option<usize>>,
    ) -> Result<DatasetInfo, DatasetError> {
        let class_names = self.class_names.unwrap_or(class_names);
        if let Some(max_label) = max_label.into().filter(|label| *label >= class_names.len()) {
            let classes = class_names.len();
            let reason = format!("label {max_label} has no name: there are {classes} class names");
            return Err(corrupt(source, reason));
        }
        Ok(DatasetInfo {
            name: self.name.unwrap_or(name),
            class_names,
            templates: templates_or_default(self.templates, source)?,
            split_family: AS_FOUND.to_owned(),
        })
    }
}

/// The given templates after a check, or the default one.
pub(super) fn templates_or_default(templates: Option<Vec<String>>, source: &Path) -> Result<Vec<String>, DatasetError> {
    let templates = templates.unwrap_or_else(|| vec![DEFAULT_TEMPLATE.to_owned()]);
    check_templates(&templates).map_err(|reason| corrupt(source, reason))?;
    Ok(templates)
}

fn check_templates(templates: &[String]) -> Result<(), String> {
    if templates.is_empty() {
        return Err("templates is an empty list".to_owned());
    }
    match templates.iter().find(|it| it.matches("{}").count() != 1) {
        Some(template) => Err(format!("template {template:?} must hold exactly one {{}}")),
        None => Ok(()),
    }
}

/// A name as it is put into a prompt: files and folders have `_` where a text has a space.
pub(super) fn in_words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_the_caller_says_beats_the_descriptor_and_the_descriptor_beats_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let text = "root = \"data\"\nname = \"file\"\ntemplates = [\"a {}\"]";
        fs::write(dir.path().join("toy.toml"), text).unwrap();
        let caller = InfoOverrides { name: Some("caller".into()), ..Default::default() };
        let (root, merged) = caller.resolve(&dir.path().join("toy.toml")).unwrap();
        assert_eq!(root, dir.path().join("data"));
        let info = merged.into_info(&root, "folder".into(), vec!["cat".into()], 0).unwrap();
        assert_eq!(info.name, "caller");
        assert_eq!(info.class_names, ["cat"]);
        assert_eq!(info.templates, ["a {}"]);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_key_and_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("dataset.toml"), "class_names = []").unwrap();
        let error = InfoOverrides::default().resolve(dir.path()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("class_names") && text.contains("dataset.toml"), "{text}");
    }

    #[test]
    fn a_template_without_a_place_for_the_class_is_an_error() {
        for bad in [vec![], vec!["a photo".to_owned()], vec!["{} and {}".to_owned()]] {
            assert!(templates_or_default(Some(bad), Path::new("toy")).is_err());
        }
        let default = templates_or_default(None, Path::new("toy")).unwrap();
        assert_eq!(default, [DEFAULT_TEMPLATE]);
    }

    #[test]
    fn a_label_without_a_class_name_is_an_error_with_both_numbers() {
        let names = vec!["cat".to_owned(), "dog".to_owned()];
        let error =
            InfoOverrides::default().into_info(Path::new("toy"), "toy".into(), names, 7).unwrap_err().to_string();
        assert!(error.contains("label 7") && error.contains("2 class names"), "{error}");
    }
}
