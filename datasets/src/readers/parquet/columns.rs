//! The columns that matter.

use parquet::{basic::Type, file::metadata::FileMetaData};
use serde_json::Value;

use super::super::shard_config::ShardConfig;

/// Columns by their numbers among those that hold values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) image: usize,
    pub(super) label: Option<Label>,
    pub(super) caption: Option<usize>,
}

/// The column of the labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) column: usize,
    pub(super) kind: LabelKind,
    /// Names of the classes by number, where the schema has them.
    pub(super) names: Option<Vec<String>>,
}

/// What labels are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LabelKind {
    Int32,
    Int64,
    Text,
}

impl Columns {
    /// Finds the columns that `config` names, or that are called as they usually are.
    pub(super) fn find(file: &FileMetaData, config: &ShardConfig) -> Result<Self, String> {
        let schema = Schema { file, features: features(file) };
        Ok(Self { image: schema.image(config)?, label: schema.label(config)?, caption: schema.caption(config)? })
    }
}

/// What `datasets` says about the columns: kind and class names by column.
fn features(file: &FileMetaData) -> Value {
    let entry = file.key_value_metadata().into_iter().flatten().find(|entry| entry.key == "huggingface");
    let text = entry.and_then(|entry| entry.value.as_deref()).unwrap_or_default();
    let mut whole: Value = serde_json::from_str(text).unwrap_or_default();
    whole.pointer_mut("/info/features").map(Value::take).unwrap_or_default()
}

struct Schema<'a> {
    file: &'a FileMetaData,
    features: Value,
}

impl Schema<'_> {
    fn image(&self, config: &ShardConfig) -> Result<usize, String> {
        let name = self.choose("image-column", config.image_column.as_deref(), &["image", "img"], "Image")?;
        let name = name.ok_or_else(|| {
            format!("it has no column of images; name one as image-column in a dataset.toml, it has {}", self.known())
        })?;
        let column = self.leaf(&[&name, "bytes"]).or_else(|| self.leaf(&[&name]));
        let column = column.filter(|column| self.kind(*column) == Some(Type::BYTE_ARRAY));
        column.ok_or_else(|| {
            format!("its column {name:?} holds no pictures: it is neither a struct with bytes nor binary")
        })
    }

    fn label(&self, config: &ShardConfig) -> Result<Option<Label>, String> {
        const NAMES: [&str; 3] = ["label", "labels", "fine_label"];
        let Some(name) = self.choose("label-column", config.label_column.as_deref(), &NAMES, "ClassLabel")? else {
            return Ok(None);
        };
        let found = self.leaf(&[&name]).and_then(|column| {
            let kind = match self.kind(column)? {
                Type::INT32 => LabelKind::Int32,
                Type::INT64 => LabelKind::Int64,
                Type::BYTE_ARRAY => LabelKind::Text,
                _ => return None,
            };
            Some((column, kind))
        });
        let wrong = || format!("its column {name:?} holds no labels: they must be whole numbers or texts, one a row");
        let (column, kind) = found.ok_or_else(wrong)?;
        let names = self.features[&name]["names"].as_array();
        let names = names.and_then(|names| names.iter().map(|name| Some(name.as_str()?.to_owned())).collect());
        Ok(Some(Label { column, kind, names }))
    }

    fn caption(&self, config: &ShardConfig) -> Result<Option<usize>, String> {
        let is_text = |name: &str| self.leaf(&[name]).filter(|column| self.kind(*column) == Some(Type::BYTE_ARRAY));
        let Some(name) = config.caption_column.as_deref() else {
            return Ok(["caption", "text"].into_iter().find_map(is_text));
        };
        let column = is_text(name);
        let wrong = || {
            format!("it has no column {name:?} with one text a row, as caption-column says; it has {}", self.known())
        };
        column.map(Some).ok_or_else(wrong)
    }

    /// The column that a user names, else the first that is called as usual, else the only one of that kind.
    fn choose(&self, key: &str, given: Option<&str>, usual: &[&str], kind: &str) -> Result<Option<String>, String> {
        let has = |name: &str| self.roots().any(|root| root == name);
        if let Some(name) = given {
            let missing = || format!("it has no column {name:?}, as {key} says; it has {}", self.known());
            return has(name).then(|| Some(name.to_owned())).ok_or_else(missing);
        }
        if let Some(name) = usual.iter().find(|name| has(name)) {
            return Ok(Some((*name).to_owned()));
        }
        let mut of_kind = self.roots().filter(|name| self.features[name]["_type"] == kind);
        match (of_kind.next(), of_kind.next()) {
            (Some(first), Some(second)) => Err(format!(
                "both its columns {first:?} and {second:?} could be meant; say which as {key} in a dataset.toml"
            )),
            (only, _) => Ok(only.map(str::to_owned)),
        }
    }

    fn roots(&self) -> impl Iterator<Item = &str> {
        self.file.schema().get_fields().iter().map(|field| field.name())
    }

    fn known(&self) -> String {
        self.roots().collect::<Vec<_>>().join(", ")
    }

    /// The column with that path, unless it holds lists.
    fn leaf(&self, path: &[&str]) -> Option<usize> {
        let columns = self.file.schema_descr().columns();
        columns.iter().position(|column| column.path().parts() == path && column.max_rep_level() == 0)
    }

    fn kind(&self, column: usize) -> Option<Type> {
        Some(self.file.schema_descr().columns().get(column)?.physical_type())
    }
}
