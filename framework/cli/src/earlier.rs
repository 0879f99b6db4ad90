//! What a run folder holds, seen from a run that would go there.

use std::path::Path;

use clf_core::{
    Error,
    store::{read_environment, read_run},
};
use clf_report::{Difference, Settings};

/// The finished run in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// There is none.
    Nothing,
    /// It is this very run.
    Same,
    /// It has the same settings, but another build of the program made it.
    OtherBuild,
    /// It is another run, or cannot be read: why.
    Other(String),
}

impl Earlier {
    /// Compares the run in `folder` with one of `settings` by this `program`.
    pub fn find(folder: &Path, settings: &Settings, program: &str) -> Self {
        if !folder.join("result.json").exists() {
            return Self::Nothing;
        }
        match read(folder) {
            Ok(None) => Self::Nothing,
            Ok(Some((earlier, by))) => match settings.first_difference(&earlier) {
                None if by == program => Self::Same,
                None => Self::OtherBuild,
                Some(Difference { key, left, right }) => {
                    Self::Other(format!("it holds a finished run with {key} = {right}, but this one has {left}"))
                }
            },
            Err(error) => Self::Other(format!("it holds a run that cannot be read: {error}")),
        }
    }

    /// Why the run in the folder is not this one, where that is so.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Nothing | Self::Same => None,
            Self::OtherBuild => {
                Some("it holds a finished run of another build of this program, whose methods may differ")
            }
            Self::Other(reason) => Some(reason),
        }
    }
}

/// Settings of the run in `folder` and the program that made it, if it is finished.
fn read(folder: &Path) -> Result<Option<(Settings, String)>, Error> {
    let (result, _) = read_run(folder)?;
    if !result.finished {
        return Ok(None);
    }
    Ok(Some((Settings::read(folder, &result)?, read_environment(folder)?.program_sha256)))
}
