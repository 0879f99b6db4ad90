//! The published weights that clf knows by name: `zoo.toml`.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::{Activation, ClipConfig, Normalization};

/// Published weights of a known architecture.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ZooModel {
    /// `ARCHITECTURE` for `OpenAI`'s weights, `ARCHITECTURE-DATA` for others.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Name of the preset, [`ClipConfig::preset`].
    pub architecture: String,
    /// The activation of both towers, which the files do not say.
    pub activation: Activation,
    /// Scale of the pixels, which the files do not say either.
    #[serde(default)]
    pub normalization: Normalization,
    /// Architecture and tag under which `open_clip` has the weights.
    pub open_clip: Option<String>,
    /// The same weights in one file or another, in the order in which they are tried.
    pub files: Vec<ZooFile>,
}

/// A published file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ZooFile {
    /// Its name on disk.
    pub file: String,
    /// Where it is published; `hf:OWNER/NAME/FILE` for a file of the Hugging Face hub.
    pub urls: Vec<String>,
    /// Its published checksum, 64 hexadecimal digits.
    pub sha256: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Zoo {
    #[serde(default)]
    model: Vec<ZooModel>,
    #[serde(default)]
    unsupported: Vec<Unsupported>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unsupported {
    names: Vec<String>,
    reason: String,
}

fn zoo() -> &'static Zoo {
    static ZOO: OnceLock<Zoo> = OnceLock::new();
    #[expect(clippy::expect_used, reason = "the table is a part of the program, and a test reads it")]
    ZOO.get_or_init(|| toml::from_str(include_str!("../zoo.toml")).expect("zoo.toml is what this file describes"))
}

/// All models, in the order in which they are listed.
pub fn all() -> &'static [ZooModel] {
    &zoo().model
}

/// The models of another table of the same form.
///
/// # Errors
///
/// When it is no such table; the text names the line.
pub fn parse(text: &str) -> Result<Vec<ZooModel>, String> {
    toml::from_str::<Zoo>(text).map(|zoo| zoo.model).map_err(|error| error.to_string().trim().to_owned())
}

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static ZooModel> {
    all().iter().find(|model| model.name == name)
}

/// Why the published model called `name` cannot be used, if it is one of those.
pub fn unsupported(name: &str) -> Option<&'static str> {
    let row = zoo().unsupported.iter().find(|row| row.names.iter().any(|other| other == name));
    row.map(|row| row.reason.as_str())
}

/// Names of the published models that cannot be used, each with the reason.
pub fn all_unsupported() -> impl Iterator<Item = (&'static str, &'static str)> {
    zoo().unsupported.iter().flat_map(|row| row.names.iter().map(|name| (name.as_str(), row.reason.as_str())))
}

impl ZooModel {
    /// The architecture with the model's own activation and pixels.
    ///
    /// # Errors
    ///
    /// When the table names an architecture that is none.
    pub fn config(&self) -> Result<ClipConfig, String> {
        let mut config = ClipConfig::preset(&self.architecture)
            .ok_or_else(|| format!("{} is said to be a {}, which is no architecture", self.name, self.architecture))?;
        config.activation = self.activation;
        config.vision.normalization = self.normalization;
        Ok(config)
    }
}

impl ZooFile {
    /// Repository and path of the file on the Hugging Face hub, for files that are published there.
    pub fn on_hub(&self) -> Option<(String, PathBuf)> {
        let mut paths = self.urls.iter().filter_map(|url| url.strip_prefix("hf:"));
        let (owner, rest) = paths.next()?.split_once('/')?;
        let (name, file) = rest.split_once('/')?;
        Some((format!("{owner}/{name}"), PathBuf::from(file)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_model_has_a_name_of_its_own_that_begins_with_its_architecture() {
        let names: BTreeSet<_> = all().iter().map(|model| &model.name).collect();
        assert_eq!(names.len(), all().len());
        for model in all() {
            assert!(model.name.starts_with(&model.architecture), "{}", model.name);
            assert!(model.summary.ends_with('.'), "{}", model.name);
            model.config().unwrap().check().unwrap();
        }
        assert!(all_unsupported().all(|(name, _)| find(name).is_none()));
        assert!(unsupported("RN50").unwrap().contains("ResNet") && unsupported("ViT-B-16").is_none());
    }

    #[test]
    fn every_file_can_be_fetched_and_the_checksums_are_those_of_the_addresses() {
        let files: Vec<_> = all().iter().flat_map(|model| &model.files).collect();
        let names: BTreeSet<_> = files.iter().map(|file| &file.file).collect();
        assert_eq!(names.len(), files.len());
        for file in files {
            assert!(!file.urls.is_empty() && !file.file.contains('/'), "{}", file.file);
            match &file.sha256 {
                Some(sum) => assert!(file.urls[0].contains(sum) && sum.len() == 64, "{}", file.file),
                None => assert!(file.on_hub().is_some(), "{}", file.file),
            }
        }
    }

    #[test]
    fn models_of_openai_are_the_presets_and_others_say_how_they_differ() {
        assert_eq!(find("ViT-B-16").unwrap().config(), Ok(ClipConfig::vit_b_16()));
        let laion = find("ViT-L-14-laion2b").unwrap().config().unwrap();
        assert_eq!((laion.activation, laion.vision.normalization), (Activation::Gelu, Normalization::Half));
        let file = &find("ViT-B-16-dfn2b").unwrap().files[1];
        let (repository, path) = file.on_hub().unwrap();
        assert_eq!(
            (repository.as_str(), path.to_str()),
            ("apple/DFN2B-CLIP-ViT-B-16", Some("open_clip_pytorch_model.bin"))
        );
    }
}
