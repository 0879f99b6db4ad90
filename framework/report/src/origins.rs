//! The settings of a run with the origin of every value, which stands behind it as a comment.

use std::{fs, path::Path};

use clf_core::Error;
use toml_edit::{DocumentMut, Item, Table, Value};

/// A setting of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its path, with dots.
    pub key: String,
    /// Its value, as TOML.
    pub value: String,
    /// Who set it, if that is known.
    pub origin: Option<String>,
}

/// Reads `config.toml` with the remark behind every value, and the line before all of them.
///
/// # Errors
///
/// When the file is missing or damaged.
pub(crate) fn read_settings(folder: &Path) -> Result<(Option<String>, Vec<Setting>), Error> {
    let path = folder.join("config.toml");
    let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
    let document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| Error::damaged(&path, error.to_string()))?;
    let mut settings = Vec::new();
    collect(document.as_table(), "", &mut settings);
    let title = text.lines().next().and_then(|line| line.strip_prefix("# ")).map(str::to_owned);
    Ok((title, settings))
}

fn collect(table: &Table, path: &str, settings: &mut Vec<Setting>) {
    for (key, item) in table {
        let key = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match item {
            Item::Table(inner) => collect(inner, &key, settings),
            Item::Value(value) => settings.push(setting(key, value)),
            Item::None | Item::ArrayOfTables(_) => {}
        }
    }
}

fn setting(key: String, value: &Value) -> Setting {
    let remark = value.decor().suffix().and_then(|suffix| suffix.as_str()).unwrap_or_default();
    let origin = remark.trim().trim_start_matches('#').trim();
    let origin = (!origin.is_empty()).then(|| origin.to_owned());
    Setting { key, value: value.clone().decorated("", "").to_string(), origin }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_origin() {
        let folder = tempfile::tempdir().unwrap();
        let text = "# method zscl\nhooks = [\"l2\", \"#x\"]  # --hook\n\n[train]\nlr = 0.0005  # scenario <x>\n\n[hook.l2]\nweight = 1e-8 # --set a=#1\nbare = true\n";
        fs::write(folder.path().join("config.toml"), text).unwrap();
        let (title, settings) = read_settings(folder.path()).unwrap();
        assert_eq!(title.as_deref(), Some("method zscl"));
        let origin = |setting: &Setting| setting.origin.clone().unwrap_or_default();
        let found: Vec<[String; 3]> =
            settings.iter().map(|setting| [setting.key.clone(), setting.value.clone(), origin(setting)]).collect();
        assert_eq!(
            found,
            [
                ["hooks", "[\"l2\", \"#x\"]", "--hook"],
                ["train.lr", "0.0005", "scenario <x>"],
                ["hook.l2.weight", "1e-8", "--set a=#1"],
                ["hook.l2.bare", "true", ""],
            ]
        );
        let text = "x = \"a  # b\"  # --set x=a  # b\n";
        fs::write(folder.path().join("config.toml"), text).unwrap();
        let (title, settings) = read_settings(folder.path()).unwrap();
        assert_eq!((title, settings[0].origin.as_deref()), (None, Some("--set x=a  # b")));
        fs::write(folder.path().join("config.toml"), "lr = = 1").unwrap();
        let error = read_settings(folder.path()).unwrap_err().to_string();
        assert!(error.contains("config.toml"), "{error}");
    }
}
