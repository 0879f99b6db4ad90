use std::path::{Path, PathBuf};

use clf_core::{
    Error,
    clip::{Activation, zoo::ZooModel},
};
use serde::Serialize;

use super::{built_in, print, print_json};
use crate::{
    arguments::StoreArguments,
    model::{self, EMBEDDED},
    model_files::{self, Expected},
    paths,
};

/// What was found out about a file.
#[derive(Serialize)]
struct Report {
    /// The published model that it is, or should be.
    model: Option<String>,
    path: PathBuf,
    sha256: String,
    expected: Option<Expected>,
    tensors: usize,
    parameters: usize,
    /// `None` where nothing says it.
    activation: Option<Activation>,
    error: Option<String>,
}

/// `clf model verify`.
pub fn verify(model: Option<&str>, store: &StoreArguments) -> Result<(), Error> {
    let root = paths::data_root(store.data.as_deref());
    let models = model_files::all(&root)?;
    let outcomes = match model {
        Some(EMBEDDED) => return Err(built_in(EMBEDDED)),
        Some(path) if model::is_file(path) => vec![of_file(Path::new(path), &models)?],
        Some(name) => vec![of_model(&model_files::find(name, &root)?, &root)?],
        None => {
            let there = models.iter().filter(|model| model_files::locate(model, &root).is_some());
            there.map(|model| of_model(model, &root)).collect::<Result<Vec<_>, _>>()?
        }
    };
    let (reports, errors): (Vec<Report>, Vec<Option<Error>>) = outcomes.into_iter().unzip();
    if store.json {
        print_json(&reports)?;
    } else if reports.is_empty() {
        print("no weights of published models are there")?;
    } else {
        print(&reports.iter().map(line).collect::<Vec<_>>().join("\n"))?;
    }
    errors.into_iter().flatten().next().map_or(Ok(()), Err)
}

/// Weights in which no fault was found.
pub struct Inspected {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Numbers in its tensors.
    pub parameters: usize,
    /// `None` where nothing says it.
    pub activation: Option<Activation>,
    /// What its checksum was compared with, in words.
    pub checksum: String,
}

/// Checks weights by name or file, checksum and tensors.
///
/// # Errors
///
/// When they are missing or damaged.
pub fn inspect_whole(name: &str, root: &Path) -> Result<Inspected, Error> {
    let models = model_files::all(root)?;
    let (report, error) = if model::is_file(name) {
        of_file(Path::new(name), &models)?
    } else {
        of_model(&model_files::find(name, root)?, root)?
    };
    if let Some(error) = error {
        return Err(error);
    }
    let checksum = match report.expected.as_ref().map(Expected::parts) {
        Some((_, whose)) => format!("SHA-256 is the one {whose}"),
        None => "no SHA-256 to compare with".to_owned(),
    };
    let bytes = std::fs::metadata(&report.path).map_err(|error| Error::io("read", &report.path, error))?.len();
    let Report { path, parameters, activation, .. } = report;
    Ok(Inspected { path, bytes, parameters, activation, checksum })
}

type Outcome = (Report, Option<Error>);

/// Checks the weights of a model with a name.
fn of_model(model: &ZooModel, root: &Path) -> Result<Outcome, Error> {
    let found = model_files::located(model, root)?;
    let (expected, sha256) = (model_files::expected(&found), sha256_of(&found.path)?);
    Ok(check(found.path, sha256, expected, Some(model)))
}

/// Checks any file; one with a published checksum is recognised by it.
fn of_file(path: &Path, models: &[ZooModel]) -> Result<Outcome, Error> {
    // A file that is not there is said in the words of the reader of weights.
    let sha256 = if path.is_file() { sha256_of(path)? } else { String::new() };
    let has_sum = |model: &&ZooModel| model.files.iter().any(|file| file.sha256.as_ref() == Some(&sha256));
    let model = models.iter().find(has_sum);
    let expected = model.map(|_| Expected::Published(sha256.clone()));
    Ok(check(path.to_owned(), sha256, expected, model))
}

fn check(path: PathBuf, sha256: String, expected: Option<Expected>, model: Option<&ZooModel>) -> Outcome {
    let name = model.map(|model| model.name.clone());
    let mut report =
        Report { model: name, path, sha256, expected, tensors: 0, parameters: 0, activation: None, error: None };
    let error = inspect(&mut report, model).err();
    report.error = error.as_ref().map(ToString::to_string);
    (report, error)
}

fn inspect(report: &mut Report, model: Option<&ZooModel>) -> Result<(), Error> {
    if let Some((expected, whose)) = report.expected.as_ref().map(Expected::parts)
        && !expected.eq_ignore_ascii_case(&report.sha256)
    {
        let reason = format!(
            "its SHA-256 is {}, but the one {whose} is {expected}\n  hint: delete the file and fetch it again",
            report.sha256
        );
        return Err(Error::UnusableModel { path: report.path.clone(), reason });
    }
    let read = model::read_file(&report.path, model)?;
    report.tensors = read.dict.tensors.len();
    report.parameters = read.dict.tensors.values().map(|tensor| tensor.data.len()).sum();
    report.activation = read.is_known.then_some(read.config.activation);
    Ok(())
}

fn sha256_of(path: &Path) -> Result<String, Error> {
    let read = clf_fetch::sha256_of(path);
    read.map_err(|error| Error::NotFetched { reason: error.to_string(), is_local: true })
}

fn line(report: &Report) -> String {
    let name = report.model.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let path = report.path.display();
    if report.error.is_some() {
        return format!("{name}{path}: damaged");
    }
    let checksum = match report.expected.as_ref().map(Expected::parts) {
        Some((_, whose)) => format!("SHA-256 {} is the one {whose}", report.sha256),
        None => format!("SHA-256 {}, nothing to compare it with", report.sha256),
    };
    let activation = if report.activation.is_some() { "" } else { "; it does not say its activation" };
    let (tensors, parameters) = (report.tensors, report.parameters);
    format!("{name}{path}: all {tensors} tensors, {parameters} parameters; {checksum}{activation}")
}
