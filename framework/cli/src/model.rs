//! Loading a model by name or file.

use std::path::{Path, PathBuf};

use clf_core::{
    Error,
    burn::tensor::Device,
    clip::{Activation, Clip, ClipConfig, PRESETS, StateDict, state_dict::to_openai},
};

use crate::{
    arguments::{ActivationName, ModelArguments},
    paths,
};

/// The model that needs no file.
pub const EMBEDDED: &str = "mini-clip";
/// Weights of `mini-clip`, made by `clf pretrain`; the recipe lies beside them.
const EMBEDDED_WEIGHTS: &[u8] = include_bytes!("../assets/mini-clip.safetensors");

/// A model, its name and the hash of its weights.
pub struct Loaded {
    /// The model on the device, outside of autodiff.
    pub clip: Clip,
    /// Name for tables and records.
    pub name: String,
    /// SHA-256 of the weights.
    pub sha256: String,
}

/// Loads the model that was asked for, or `default`.
pub fn load(
    arguments: &ModelArguments,
    default: Option<&str>,
    data_root: &Path,
    device: &Device,
) -> Result<Loaded, Error> {
    let name = arguments.model.as_deref().or(default).unwrap_or(EMBEDDED);
    let (dict, path) = read(name, data_root)?;
    let (mut config, known) = ClipConfig::infer(&dict, &path).map_err(|reason| unusable(&path, &reason))?;
    let preset = ClipConfig::preset(name);
    if let Some(preset) = preset.filter(|preset| *preset != config) {
        return Err(unusable(&path, &format!("it has the shape {config:?}, but {name} is {preset:?}")));
    }
    match (arguments.activation, known) {
        (Some(ActivationName::Gelu), _) => config.activation = Activation::Gelu,
        (Some(ActivationName::QuickGelu), _) => config.activation = Activation::QuickGelu,
        // The presets are OpenAI's models, and those use QuickGELU.
        (None, false) if !PRESETS.contains(&name) => {
            tracing::warn!("{name} does not say its activation; taking QuickGELU, set --activation gelu otherwise");
        }
        (None, _) => {}
    }
    let clip = Clip::from_state_dict(&dict, &config, device)?;
    Ok(Loaded { clip, name: display_name(name), sha256: dict.sha256() })
}

/// Reads weights of the same shape as `model` from a file.
pub fn read_like(model: &Clip, path: &Path) -> Result<Clip, Error> {
    let dict = to_openai(StateDict::read(path)?)?;
    let (config, known) = ClipConfig::infer(&dict, path).map_err(|reason| unusable(path, &reason))?;
    if known && config != *model.config() {
        let reason = format!("it was made as {config:?}, but the model is {:?}", model.config());
        return Err(unusable(path, &reason));
    }
    Ok(Clip::from_state_dict(&dict, model.config(), &model.device())?.with_precision(model.precision()))
}

/// Weights in OpenAI names, and the file they come from.
fn read(name: &str, data_root: &Path) -> Result<(StateDict, PathBuf), Error> {
    if name == EMBEDDED {
        let path = PathBuf::from("mini-clip.safetensors");
        return Ok((StateDict::from_bytes(EMBEDDED_WEIGHTS, &path)?, path));
    }
    let path = PathBuf::from(name);
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        return Ok((to_openai(StateDict::read(&path)?)?, path));
    }
    if !PRESETS.contains(&name) {
        return Err(Error::unknown("model", name, PRESETS.into_iter()));
    }
    let path = paths::model_file(data_root, name);
    if !path.exists() {
        return Err(Error::MissingModel { name: name.to_owned(), hint: how_to_get(name, &path), path });
    }
    Ok((to_openai(StateDict::read(&path)?)?, path))
}

/// Where OpenAI's weights are published as safetensors.
fn how_to_get(name: &str, path: &Path) -> String {
    let repository = match name {
        "ViT-B-32" => "clip-vit-base-patch32",
        "ViT-B-16" => "clip-vit-base-patch16",
        "ViT-L-14" => "clip-vit-large-patch14",
        _ => "clip-vit-large-patch14-336",
    };
    format!(
        "curl -L --create-dirs -o {} https://huggingface.co/openai/{repository}/resolve/main/model.safetensors",
        path.display()
    )
}

fn unusable(path: &Path, reason: &str) -> Error {
    Error::UnusableModel { path: path.to_owned(), reason: reason.to_owned() }
}

fn display_name(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}
