//! What a run folder holds, seen from a run that would go there: go on with it, leave it as it is, or refuse.

use std::path::Path;

use clf_core::{
    Error,
    store::{Environment, RunResult, RunStore, read_config, read_environment},
};
use clf_report::{Difference, Settings};

/// Differences that are listed before they are only counted.
const LISTED: usize = 8;

/// The run in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// There is none.
    Nothing,
    /// The beginning of this very run.
    Begun,
    /// All of this very run.
    Finished,
    /// A finished run with the same settings that another build of the program made.
    OtherBuild,
    /// All of this very run, but a file that it wrote is lost or damaged: which, and how.
    Damaged(String),
    /// Another run, or one that cannot be read, or no run at all: why.
    Other(String),
}

impl Earlier {
    /// Compares the run in `folder` with one of `settings` by the program and on the device of `environment`.
    pub fn find(folder: &Path, settings: &Settings, environment: &Environment) -> Self {
        if let Err(error) = RunStore::check_ours(folder) {
            return Self::Other(error.to_string());
        }
        let compared = RunStore::find(folder).and_then(|run| match run {
            None => Ok(Self::Nothing),
            Some(run) => compare(folder, &run, settings, environment),
        });
        compared.unwrap_or_else(|error| Self::Other(format!("it holds a run that cannot be read: {error}")))
    }

    /// Why the run in the folder is not this one, where that is so.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Nothing | Self::Begun | Self::Finished => None,
            Self::OtherBuild => {
                Some("it holds a finished run of another build of this program, whose methods may differ")
            }
            Self::Damaged(reason) | Self::Other(reason) => Some(reason),
        }
    }

    /// The same, or nothing where another run may be replaced.
    ///
    /// # Errors
    ///
    /// When the folder holds another run, or a damaged one, and it may not.
    pub fn or_refuse(self, folder: &Path, overwrite: bool) -> Result<Self, Error> {
        match (self.reason(), &self) {
            (None, _) => Ok(self),
            (Some(_), _) if overwrite => Ok(Self::Nothing),
            (Some(what), Self::Damaged(_)) => Err(Error::NotWhole { run: folder.to_owned(), what: what.to_owned() }),
            (Some(reason), _) => {
                let hint = "choose another folder with --out, or --overwrite to replace it";
                Err(Error::config(folder.display().to_string(), format!("{reason}\n  hint: {hint}")))
            }
        }
    }
}

fn compare(folder: &Path, run: &RunResult, settings: &Settings, now: &Environment) -> Result<Earlier, Error> {
    let then = read_environment(folder)?;
    let earlier = Settings::new(&run.method, &run.scenario, &read_config(folder)?, &then)?;
    let differences = settings.differences(&earlier);
    // A program that could not be read is like no other.
    let is_same_build = !now.program_sha256.is_empty() && then.program_sha256 == now.program_sha256;
    let what = if run.finished { "a finished run" } else { "a run" };
    Ok(match (differences.is_empty(), is_same_build, run.finished) {
        (false, ..) => Earlier::Other(format!("it holds {what} with other settings:{}", listed(&differences))),
        (_, false, false) => {
            Earlier::Other("it holds a run that another build of this program began, which may go on otherwise".into())
        }
        (_, false, true) => Earlier::OtherBuild,
        (_, true, false) if then.device != now.device => Earlier::Other(format!(
            "it holds a run that began on {}, and this is {}; --device chooses",
            then.device, now.device
        )),
        (_, true, false) => Earlier::Begun,
        (_, true, true) => finished(folder)?,
    })
}

/// This very run with all of its tasks, and whether all that it wrote is still there.
fn finished(folder: &Path) -> Result<Earlier, Error> {
    match RunStore::check_finished(folder) {
        Ok(()) => Ok(Earlier::Finished),
        Err(Error::NotWhole { what, .. }) => Ok(Earlier::Damaged(what)),
        Err(error) => Err(error),
    }
}

fn listed(differences: &[Difference]) -> String {
    let line = |Difference { key, left, right }: &Difference| format!("\n  {key} = {right}, but this one has {left}");
    let lines: String = differences.iter().take(LISTED).map(line).collect();
    let more = differences.len().saturating_sub(LISTED);
    if more == 0 { lines } else { format!("{lines}\n  and {more} more") }
}
