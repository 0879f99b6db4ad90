//! Where the files of published models are on this machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use clf_core::{
    Error,
    clip::zoo::{self, ZooFile, ZooModel},
};
use hf_hub::Cache;

use crate::{model::EMBEDDED, paths};

/// The user's own table of models, in the folder of weights.
const OWN_ZOO: &str = "zoo.toml";

/// Weights of a published model on this machine.
#[derive(Debug, Clone)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// How it came there.
    pub origin: Origin,
}

/// How a file came to be where it is.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The user's own file `models/NAME.safetensors`.
    Own,
    /// Fetched to `models/` as it was published.
    Fetched(ZooFile),
    /// In the cache that Python programs share.
    HubCache,
}

/// A checksum that a file should have.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "source", content = "sha256")]
pub enum Expected {
    /// Published with the file.
    Published(String),
    /// The hub's own name of the content.
    Hub(String),
    /// Seen when the file was fetched; tells later damage alone.
    Recorded(String),
}

impl Expected {
    /// The checksum, and in words whose it is.
    pub fn parts(&self) -> (&str, &'static str) {
        match self {
            Self::Published(sum) => (sum, "published"),
            Self::Hub(sum) => (sum, "that of the hub"),
            Self::Recorded(sum) => (sum, "recorded when it was fetched"),
        }
    }
}

/// Refuses a mirror of the user that is no address.
///
/// # Errors
///
/// When `CLF_MIRROR` is set to something else.
pub fn check_mirror() -> Result<(), Error> {
    match env::var("CLF_MIRROR") {
        Ok(mirror) if !mirror.is_empty() && !mirror.starts_with("http://") && !mirror.starts_with("https://") => {
            Err(Error::config("CLF_MIRROR", format!("{mirror:?} is no address; give one such as http://host/base")))
        }
        _ => Ok(()),
    }
}

/// All models that have a name: the published ones, then those of the user's own table.
///
/// # Errors
///
/// When the user's table cannot be read, or gives a name that is taken.
pub fn all(data_root: &Path) -> Result<Vec<ZooModel>, Error> {
    let mut models = zoo::all().to_vec();
    let path = paths::models(data_root).join(OWN_ZOO);
    if !path.is_file() {
        return Ok(models);
    }
    let place = path.display().to_string();
    let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
    for model in zoo::parse(&text).map_err(|reason| Error::config(&place, reason))? {
        if model.name == EMBEDDED || models.iter().any(|other| other.name == model.name) {
            return Err(Error::config(&place, format!("the name {} is taken", model.name)));
        }
        model.config().map_err(|reason| Error::config(&place, reason))?;
        models.push(model);
    }
    Ok(models)
}

/// The model called `name`.
///
/// # Errors
///
/// When there is none, or it is one that cannot be used.
pub fn find(name: &str, data_root: &Path) -> Result<ZooModel, Error> {
    let models = all(data_root)?;
    if let Some(model) = models.iter().find(|model| model.name == name) {
        return Ok(model.clone());
    }
    if let Some(reason) = zoo::unsupported(name) {
        return Err(Error::config(name, format!("{reason}\n  hint: see `clf model list`")));
    }
    let names = [EMBEDDED].into_iter().chain(models.iter().map(|model| model.name.as_str()));
    Err(Error::unknown("model", name, names))
}

/// The weights of `model` as [`locate`] finds them.
///
/// # Errors
///
/// When they are not there, with how to get them.
pub fn located(model: &ZooModel, data_root: &Path) -> Result<Found, Error> {
    locate(model, data_root).ok_or_else(|| Error::MissingModel {
        name: model.name.clone(),
        path: destination(model, data_root),
        hint: how_to_fetch(&model.name, data_root),
    })
}

/// The weights of `model`: the user's own file, then what was fetched, then the cache of the Hugging Face hub.
pub fn locate(model: &ZooModel, data_root: &Path) -> Option<Found> {
    let folder = paths::models(data_root);
    let fetched = || {
        let mut files = model.files.iter().map(|file| (file, folder.join(&file.file)));
        let (file, path) = files.find(|(_, path)| path.is_file())?;
        Some(Found { path, origin: Origin::Fetched(file.clone()) })
    };
    let cached = || {
        let path = model.files.iter().find_map(in_hub_cache)?;
        Some(Found { path, origin: Origin::HubCache })
    };
    // A model of the hub is fetched under this very name.
    let own = folder.join(format!("{}.safetensors", model.name));
    let is_own = own.is_file() && !model.files.iter().any(|file| own.ends_with(&file.file));
    let own = is_own.then_some(Found { path: own, origin: Origin::Own });
    own.or_else(fetched).or_else(cached)
}

/// Where the weights of `model` go when they are fetched.
fn destination(model: &ZooModel, data_root: &Path) -> PathBuf {
    let file = model.files.first().map_or(model.name.as_str(), |file| file.file.as_str());
    paths::models(data_root).join(file)
}

/// The command that fetches the model called `name` to where it was looked for.
fn how_to_fetch(name: &str, data_root: &Path) -> String {
    let default = paths::data_root(env::var_os("CLF_DATA").as_deref().map(Path::new));
    let elsewhere = if data_root == default { String::new() } else { format!(" --data {}", data_root.display()) };
    format!("clf model fetch {name}{elsewhere}")
}

/// The checksum that the file should have, as far as one is known.
pub fn expected(found: &Found) -> Option<Expected> {
    match &found.origin {
        Origin::Own => None,
        Origin::Fetched(ZooFile { sha256: Some(sum), .. }) => Some(Expected::Published(sum.clone())),
        Origin::Fetched(_) => read_record(&found.path).map(Expected::Recorded),
        Origin::HubCache => content_name(&found.path).map(Expected::Hub),
    }
}

/// Beside weights without a published checksum: the one that they had when they were fetched, as `sha256sum` writes it.
pub fn record_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.sha256"))
}

fn read_record(path: &Path) -> Option<String> {
    let text = fs::read_to_string(record_of(path)).ok()?;
    text.split_whitespace().next().filter(|sum| is_sha256(sum)).map(str::to_owned)
}

/// The cache links names to contents, and calls large contents by their SHA-256.
fn content_name(path: &Path) -> Option<String> {
    let content = fs::canonicalize(path).ok()?;
    content.file_name()?.to_str().filter(|name| is_sha256(name)).map(str::to_owned)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The file in the cache of the Hugging Face hub, where Python programs leave what they downloaded.
fn in_hub_cache(file: &ZooFile) -> Option<PathBuf> {
    let (repository, path) = file.on_hub()?;
    let found = hub_cache()?.model(repository).get(path.to_str()?)?;
    found.is_file().then_some(found)
}

/// The cache, by the rules of `huggingface_hub`.
fn hub_cache() -> Option<Cache> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || folder("HF_HOME").or_else(|| Some(folder("XDG_CACHE_HOME")?.join("huggingface")));
    let home = || home().or_else(|| Some(dirs::home_dir()?.join(".cache/huggingface")));
    folder("HF_HUB_CACHE").or_else(|| Some(home()?.join("hub"))).map(Cache::new)
}
