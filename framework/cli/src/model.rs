//! Loading a model by name or file.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use clf_core::{
    Error,
    burn::tensor::Device,
    clip::{Clip, ClipConfig, StateDict, random_weights, state_dict::check_keys, state_dict::to_openai, zoo::ZooModel},
};

use crate::{
    arguments::{ActivationName, ModelArguments},
    model_files,
};

/// The model that needs no file.
pub const EMBEDDED: &str = "mini-clip";
/// One line on it.
pub const EMBEDDED_SUMMARY: &str = "1.8 M parameters, 32 pixels, pre-trained on the mini world; built in.";
/// Weights of `mini-clip`, made by `clf pretrain`; the recipe lies beside them.
const EMBEDDED_WEIGHTS: &[u8] = include_bytes!("../assets/mini-clip.safetensors");
/// Endings of files of weights.
const ENDINGS: [&str; 4] = ["safetensors", "pt", "pth", "bin"];

/// A model, its name and the hash of its weights.
pub struct Loaded {
    /// The model on the device, outside of autodiff.
    pub clip: Clip,
    /// Name for tables and records.
    pub name: String,
    /// SHA-256 of the weights.
    pub sha256: String,
}

/// Weights on the host, and what is known of them.
pub struct Read {
    /// The weights in `OpenAI` names, all that the model needs and no more.
    pub dict: StateDict,
    /// The model that they make.
    pub config: ClipConfig,
    /// Whether the activation is known, or a guess.
    pub is_known: bool,
    /// Where they come from.
    pub path: PathBuf,
}

/// Loads the model that was asked for, or `default`.
pub fn load(
    arguments: &ModelArguments,
    default: Option<&str>,
    data_root: &Path,
    device: &Device,
) -> Result<Loaded, Error> {
    let name = arguments.model.as_deref().or(default).unwrap_or(EMBEDDED);
    let read = read(name, arguments.activation, data_root)?;
    if !read.is_known {
        tracing::warn!("{name} does not say its activation; taking QuickGELU, set --activation gelu otherwise");
    }
    let clip = Clip::from_state_dict(&read.dict, &read.config, device)?;
    Ok(Loaded { clip, name: display_name(name), sha256: read.dict.sha256() })
}

/// As [`load`], with random weights of the same shape where those of a published model are not there.
pub fn load_or_draw(
    arguments: &ModelArguments,
    default: Option<&str>,
    data_root: &Path,
    device: &Device,
) -> Result<Loaded, Error> {
    match load(arguments, default, data_root, device) {
        Err(Error::MissingModel { name, .. }) => {
            let config = model_files::find(&name, data_root)?.config().map_err(Error::Defect)?;
            let clip = Clip::from_state_dict(&random_weights(&config, 0), &config, device)?;
            Ok(Loaded { clip, name, sha256: String::new() })
        }
        loaded => loaded,
    }
}

/// Reads weights of the same shape as `model` from a file.
pub fn read_like(model: &Clip, path: &Path) -> Result<Clip, Error> {
    let dict = to_openai(StateDict::read(path)?).map_err(|error| unusable(path, &error.to_string()))?;
    let (config, known) = ClipConfig::infer(&dict, path).map_err(|reason| unusable(path, &reason))?;
    if known && config != *model.config() {
        return Err(unusable(path, &other_shape(&config, model.config(), "the model")));
    }
    Ok(Clip::from_state_dict(&dict, model.config(), &model.device())?.with_precision(model.precision()))
}

/// SHA-256 of the weights in the file at `path`, as a run that starts from them records it.
pub fn sha256_of_start(path: &Path, device: &Device) -> Result<String, Error> {
    let dict = to_openai(StateDict::read(path)?).map_err(|error| unusable(path, &error.to_string()))?;
    let (config, _) = ClipConfig::infer(&dict, path).map_err(|reason| unusable(path, &reason))?;
    Ok(Clip::from_state_dict(&dict, &config, device)?.to_state_dict().sha256())
}

/// Reads the weights of the model `name`, or of the file of that name, and checks that they are whole.
pub fn read(name: &str, activation: Option<ActivationName>, data_root: &Path) -> Result<Read, Error> {
    let mut read = if name == EMBEDDED {
        let path = PathBuf::from("mini-clip.safetensors");
        whole(StateDict::from_bytes(EMBEDDED_WEIGHTS, &path)?, path, None)?
    } else if is_file(name) {
        read_file(Path::new(name), None)?
    } else {
        let model = model_files::find(name, data_root)?;
        read_file(&model_files::located(&model, data_root)?.path, Some(&model))?
    };
    if let Some(activation) = activation {
        read.config.activation = activation.into();
        read.is_known = true;
    }
    Ok(read)
}

/// Reads the file at `path`, which should be `model` if there is one.
pub fn read_file(path: &Path, model: Option<&ZooModel>) -> Result<Read, Error> {
    whole(StateDict::read(path)?, path.to_owned(), model)
}

/// Whether a model is named by its file.
pub fn is_file(name: &str) -> bool {
    let path = Path::new(name);
    let has_ending = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    has_ending || path.components().count() > 1 || name.ends_with(std::path::is_separator)
}

/// Puts weights into `OpenAI` names, and checks them against the published model or what their shapes say.
fn whole(dict: StateDict, path: PathBuf, model: Option<&ZooModel>) -> Result<Read, Error> {
    let dict = to_openai(dict).map_err(|error| unusable(&path, &error.to_string()))?;
    let (mut config, mut is_known) = ClipConfig::infer(&dict, &path).map_err(|reason| unusable(&path, &reason))?;
    if let Some(model) = model {
        let expected = model.config().map_err(Error::Defect)?;
        if !ClipConfig::is_recorded(&dict) {
            // Shapes do not say these; what lies beside the file may say them for another program.
            config.activation = expected.activation;
            config.vision.normalization = expected.vision.normalization;
            (config.vision.heads, config.text.heads) = (expected.vision.heads, expected.text.heads);
            is_known = true;
        }
        if config != expected {
            return Err(unusable(&path, &other_shape(&config, &expected, &model.name)));
        }
    }
    check_keys(&dict, &config.expected_keys()).map_err(|error| unusable(&path, &error.to_string()))?;
    Ok(Read { dict, config, is_known, path })
}

/// What sets weights of the shape `found` apart from the model `name`.
fn other_shape(found: &ClipConfig, expected: &ClipConfig, name: &str) -> String {
    let differences = found.differences(expected).join("; ");
    format!("it is another model than {name}: {differences}\n  hint: choose the model that these weights were made for")
}

fn unusable(path: &Path, reason: &str) -> Error {
    Error::UnusableModel { path: path.to_owned(), reason: reason.to_owned() }
}

/// The name of a model in tables: a name, or that of its file.
pub fn display_name(name: &str) -> String {
    let stem = || Path::new(name).file_stem().map(|stem| stem.to_string_lossy());
    // A name has no ending: `ViT-B-16.5` would be one of its own.
    let short = is_file(name).then(stem).flatten().unwrap_or(Cow::Borrowed(name));
    short.into_owned()
}
