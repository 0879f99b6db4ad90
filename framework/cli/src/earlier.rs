//! A run that is already in a folder: go on with it, leave it as it is, or refuse.

use std::path::Path;

use clf_core::{
    Error,
    store::{RunResult, RunStore, read_config, read_environment},
};
use clf_report::{Difference, Settings};

/// Differences that are listed before they are only counted.
const LISTED: usize = 8;

/// What a folder holds of a run that is to be made in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing.
    Nothing,
    /// The beginning.
    Begun,
    /// All of it.
    Finished,
}

impl Earlier {
    /// Looks into `folder` for a run of `settings` by this `program`.
    ///
    /// # Errors
    ///
    /// When the folder holds another run, unless `overwrite` allows to replace it, or files of somebody else.
    pub fn find(folder: &Path, settings: &Settings, program: &str, overwrite: bool) -> Result<Self, Error> {
        RunStore::check_ours(folder)?;
        let compared = RunStore::find(folder).and_then(|run| match run {
            None => Ok(Ok(Self::Nothing)),
            Some(run) => compare(folder, &run, settings, program),
        });
        let reason = match compared {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(reason)) => reason,
            Err(error) => format!("it holds a run that cannot be read: {error}"),
        };
        if overwrite {
            return Ok(Self::Nothing);
        }
        let reason = format!("{reason}\n  hint: choose another folder with --out, or --overwrite to replace it");
        Err(Error::config(folder.display().to_string(), reason))
    }
}

/// Whether the run in `folder` is the one of `settings`, or why not.
fn compare(
    folder: &Path,
    run: &RunResult,
    settings: &Settings,
    program: &str,
) -> Result<Result<Earlier, String>, Error> {
    let environment = read_environment(folder)?;
    let earlier = Settings::new(&run.method, &run.scenario, &read_config(folder)?, &environment)?;
    let what = if run.finished { "a finished run" } else { "a run" };
    let differences = settings.differences(&earlier);
    if !differences.is_empty() {
        return Ok(Err(format!("it holds {what} with other settings:{}", listed(&differences))));
    }
    if environment.program_sha256 != program {
        return Ok(Err(format!("it holds {what} of another build of this program, whose methods may differ")));
    }
    Ok(Ok(if run.finished { Earlier::Finished } else { Earlier::Begun }))
}

fn listed(differences: &[Difference]) -> String {
    let line = |Difference { key, left, right }: &Difference| format!("\n  {key} = {right}, but this one has {left}");
    let lines: String = differences.iter().take(LISTED).map(line).collect();
    let more = differences.len().saturating_sub(LISTED);
    if more == 0 { lines } else { format!("{lines}\n  and {more} more") }
}
