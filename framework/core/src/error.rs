use std::{io, path::PathBuf};

use clf_clip::StateDictError;

use crate::{data::DatasetError, words::counted};

/// Why a run could not start or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such method, hook, scenario, dataset, model or setting.
    #[error("unknown {kind} {name:?}\n  hint: {hint}")]
    Unknown {
        /// What was looked up.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The nearest name, or all names.
        hint: String,
    },
    /// Two plugins registered the same name.
    #[error("{kind} {name:?} is registered twice\n  hint: remove one of the two plugin crates that provide it")]
    Duplicate {
        /// What was registered.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A setting has a value that cannot be used.
    #[error("{place}: {reason}")]
    Config {
        /// The setting, file or flag.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A method needs what the scenario does not have.
    #[error("method {method:?} cannot run in scenario {scenario:?}: {reason}\n  hint: {hint}")]
    Capability {
        /// The method.
        method: String,
        /// The scenario.
        scenario: String,
        /// What is missing.
        reason: String,
        /// How to provide it.
        hint: String,
    },
    /// Data is missing or damaged.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// Weights are missing or damaged or do not fit the model.
    #[error(transparent)]
    Weights(#[from] StateDictError),
    /// The weights of a named model are not there.
    #[error("the weights of {name} are not at {}\n  hint: {hint}", path.display())]
    MissingModel {
        /// The model.
        name: String,
        /// Where they were looked for.
        path: PathBuf,
        /// How to get them.
        hint: String,
    },
    /// The weights of a named model could not be downloaded.
    #[error("{reason}")]
    NotFetched {
        /// What failed, mirror by mirror, and what to do.
        reason: String,
        /// Whether this machine is the cause: its disk or a permission.
        is_local: bool,
    },
    /// Weights that do not make the model that is wanted.
    #[error("the weights {} cannot be used: {reason}", path.display())]
    UnusableModel {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A loss, a gradient or a weight is not a finite number.
    #[error("{what} is {value} at task {task}, step {step}\n  hint: {hint}")]
    NotFinite {
        /// The loss term, or the gradient or weight with its parameter name.
        what: String,
        /// The value found.
        value: f64,
        /// 0-based task.
        task: usize,
        /// 0-based step.
        step: usize,
        /// What usually helps.
        hint: String,
    },
    /// Something that cannot happen did.
    #[error("a defect in clf: {0}")]
    Defect(String),
    /// The device did not do what it was asked.
    #[error("the device failed: {0}")]
    Device(String),
    /// A file of the run folder could not be written or read.
    #[error("cannot {action} {}: {source}\n  hint: {hint}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What to do about it.
        hint: &'static str,
    },
    /// A file of a run folder holds something else than a run writes.
    #[error("{}: {reason}\n  hint: put a copy of it in its place, or repeat the run", path.display())]
    Damaged {
        /// The file, or the folder where several files do not belong together.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No checkpoint of a run can be used.
    #[error(
        "checkpoint {} cannot be used: {reason}\n  hint: put a copy in its place, or start anew with --overwrite", path.display()
    )]
    Checkpoint {
        /// The newest one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of a run is lost, or no longer what the run wrote.
    #[error(
        "{}: {what}\n  hint: put a copy of it back, choose another folder with --out, or --overwrite to make the run anew", run.display()
    )]
    NotWhole {
        /// The run folder.
        run: PathBuf,
        /// The file, and what is wrong with it.
        what: String,
    },
    /// The user asked to stop.
    #[error("interrupted at task {task}, step {step}; the same command goes on from the newest checkpoint")]
    Interrupted {
        /// 0-based task.
        task: usize,
        /// 0-based step.
        step: usize,
    },
    /// Some of several runs failed; what went wrong in each was said when it did.
    #[error("{failed} of {} failed\n  hint: {hint}", counted(*runs, "run"))]
    RunsFailed {
        /// How many failed.
        failed: usize,
        /// How many were tried.
        runs: usize,
        /// Where to look and what to do.
        hint: String,
    },
    /// The user asked to stop several runs.
    #[error("interrupted: {0}")]
    Stopped(String),
}

impl Error {
    /// An unknown name, with the nearest known one as a hint.
    pub fn unknown<'a>(kind: &'static str, name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        Self::Unknown { kind, name: name.to_owned(), hint: suggestion(name, known) }
    }

    /// A setting that cannot be used.
    pub fn config(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Config { place: place.into(), reason: reason.into() }
    }

    /// A damaged file of a run folder.
    pub fn damaged(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), reason: reason.into() }
    }

    /// A failed file operation.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                "free some space or choose another folder, with --out for runs and --data for data and models; what was written \
                 before is intact"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "choose a folder that you may write to, with --out for runs and --data for data and models"
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "a part of the path is a file; move it away or choose another folder"
            }
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::InvalidData => "the file is damaged; put a copy of it in its place",
            _ => "check the disk and the path",
        };
        Self::Io { action, path: path.into(), source, hint }
    }

    /// Exit code of the command line for this error, as documented in the README.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unknown { .. } | Self::Duplicate { .. } | Self::Config { .. } | Self::Capability { .. } => 2,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::InvalidData => 3,
            Self::Data(DatasetError::Write { .. })
            | Self::Io { .. }
            | Self::NotFetched { is_local: true, .. }
            | Self::Weights(StateDictError::DiskFull { .. } | StateDictError::Write { .. }) => 6,
            Self::Data(_) | Self::Damaged { .. } | Self::NotWhole { .. } | Self::Checkpoint { .. } => 3,
            Self::Weights(_) | Self::MissingModel { .. } | Self::NotFetched { .. } | Self::UnusableModel { .. } => 4,
            Self::NotFinite { .. } | Self::Device(_) | Self::RunsFailed { .. } => 5,
            Self::Defect(_) => 1,
            Self::Interrupted { .. } | Self::Stopped(_) => 130,
        }
    }
}

/// Jaro-Winkler similarity from which a name is suggested.
const SIMILAR: f64 = 0.7;

fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let nearest = known
        .iter()
        .map(|other| (strsim::jaro_winkler(name, other), *other))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, nearest)) => format!("did you mean {nearest:?}?"),
        None if known.is_empty() => "none is linked into this program".to_owned(),
        None => format!("known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_gets_the_nearest_one_or_the_list() {
        let text = |name: &str| Error::unknown("method", name, ["finetune", "zscl"].into_iter()).to_string();
        assert!(text("zslc").contains("did you mean \"zscl\"?"), "{}", text("zslc"));
        assert!(text("qqqq").contains("known are finetune, zscl"), "{}", text("qqqq"));
    }
}
