use std::{
    fs,
    path::{Path, PathBuf},
};

use clf_core::{
    Error,
    store::{Environment, RunStore, read_environment, read_run},
};
use clf_scenarios::ScenarioFile;

use super::{
    archive::{Content, Entry},
    paths::{first_absolute, without_home},
    texts::Subject,
};
use crate::{
    device, model,
    rerun::{Rerun, SCENARIO},
};

/// Files of a run that a bundle takes as they are, where the run has them.
const RECORDS: [&str; 11] = [
    "config.toml",
    "matrix-task-agnostic.csv",
    "matrix-task-agnostic.npy",
    "matrix-task-aware.csv",
    "matrix-task-aware.npy",
    "matrix.csv",
    "matrix.npy",
    "metrics.jsonl",
    "result.json",
    "timing.jsonl",
    "zero-shot.npy",
];
/// Exit code for a damaged file of a run folder.
const DAMAGED: u8 = 3;
/// The weights that a run ends with.
const WEIGHTS: &str = "model.safetensors";

/// What goes into an archive, and what its maker should know.
pub struct Bundle {
    /// The files, sorted by name.
    pub entries: Vec<Entry>,
    /// Remarks for the maker.
    pub remarks: Vec<String>,
}

impl Bundle {
    /// Collects the files of the run in `folder`.
    ///
    /// # Errors
    ///
    /// When the folder holds no run, a file that is needed is missing or damaged, or weights are no longer those of the run.
    pub fn collect(folder: &Path, with_weights: bool, with_predictions: bool) -> Result<Self, Error> {
        let rerun = Rerun::read(folder)?;
        let mut environment = read_environment(folder)?;
        let path = folder.join(SCENARIO);
        let scenario = ScenarioFile::read(&path.to_string_lossy()).map_err(|error| match error {
            Error::Config { reason, .. } => Error::damaged(&path, reason),
            error => error,
        })?;
        let is_finished = match read_run(folder) {
            // Of a run that has scored nothing yet, this is not there.
            Err(error) if error.exit_code() == DAMAGED => return Err(error),
            run => run.is_ok_and(|(result, _)| result.finished),
        };
        let mut bundle = Self { entries: Vec::new(), remarks: Vec::new() };

        bundle.records(folder);
        bundle.add_log(folder)?;
        if with_predictions {
            bundle.predictions(&folder.join("predictions"))?;
        }
        if with_weights {
            bundle.file(WEIGHTS, folder.join(WEIGHTS))?;
        }
        if let Some(path) = rerun.model_file() {
            check_weights(&path, &model::read_file(&path, None)?.dict.sha256(), &environment.weights_sha256)?;
        }
        if let (Some(path), Some(sha256)) = (rerun.start_file(), &environment.start_sha256) {
            check_weights(&path, &model::sha256_of_start(&path, &device::open("cpu")?)?, sha256)?;
        }
        let model = bundle.weights("model", rerun.model_file())?;
        let start = bundle.weights("start", rerun.start_file())?;
        environment.start = start.as_ref().map(PathBuf::from);

        let named = format!("scenario/{}.toml", rerun.scenario);
        bundle.text(&named, scenario.text().to_owned());
        let device = if environment.device.starts_with("cpu") { "cpu" } else { &rerun.device };
        let arguments = rerun.arguments(&named, device, model.as_deref(), start.as_deref());
        let subject = Subject { rerun: &rerun, environment: &environment, scenario: &scenario, arguments: &arguments };
        bundle.describe(&subject, &environment)?;
        bundle.entries.sort_by(|a, b| a.name.cmp(&b.name));
        bundle.remark(folder, is_finished);
        Ok(bundle)
    }

    fn records(&mut self, folder: &Path) {
        for name in RECORDS {
            let path = folder.join(name);
            if path.is_file() {
                self.entries.push(Entry { name: name.to_owned(), content: Content::File(path) });
            }
        }
    }

    /// The log, whose only change is that the user's folder is not named.
    fn add_log(&mut self, folder: &Path) -> Result<(), Error> {
        let path = folder.join("log.txt");
        if path.is_file() {
            let log = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
            self.text("log.txt", without_home(&log));
        }
        Ok(())
    }

    fn predictions(&mut self, folder: &Path) -> Result<(), Error> {
        let failed = |error| Error::io("read", folder, error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.file(&format!("predictions/{name}"), path)?;
        }
        Ok(())
    }

    /// Adds weights that no name stands for; their path in the bundle. The file keeps its name, which is that of the model.
    fn weights(&mut self, kind: &str, file: Option<PathBuf>) -> Result<Option<String>, Error> {
        let Some(path) = file else { return Ok(None) };
        let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("weights/{kind}/{own}");
        self.file(&name, path)?;
        Ok(Some(name))
    }

    fn describe(&mut self, subject: &Subject<'_>, environment: &Environment) -> Result<(), Error> {
        let json = |value: Result<String, serde_json::Error>| value.map_err(|error| Error::Defect(error.to_string()));
        self.text("environment.json", json(serde_json::to_string_pretty(environment))? + "\n");
        self.text("rerun.json", json(serde_json::to_string_pretty(&subject.command()))? + "\n");
        self.text("rerun.sh", subject.script());
        self.text("RERUN.md", subject.readme());
        Ok(())
    }

    /// Says what the maker may not expect.
    fn remark(&mut self, folder: &Path, is_finished: bool) {
        let text = |entry: &Entry| match &entry.content {
            Content::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Content::File(path) if path.ends_with("config.toml") => fs::read_to_string(path).ok(),
            Content::File(_) => None,
        };
        for entry in &self.entries {
            if let Some(path) = text(entry).as_deref().and_then(first_absolute) {
                self.remarks.push(format!("{} names a path of this machine: {path}", entry.name));
            }
        }
        if is_finished {
            if let Err(Error::NotWhole { what, .. }) = RunStore::check_finished(folder) {
                self.remarks.push(what);
            }
        } else {
            self.remarks.push("the run is not finished; the bundle repeats it all the same".to_owned());
        }
    }

    fn text(&mut self, name: &str, text: String) {
        self.entries.push(Entry { name: name.to_owned(), content: Content::Bytes(text.into_bytes()) });
    }

    /// Adds a file that must be there.
    fn file(&mut self, name: &str, path: PathBuf) -> Result<(), Error> {
        fs::metadata(&path).map_err(|error| Error::io("read", &path, error))?;
        self.entries.push(Entry { name: name.to_owned(), content: Content::File(path) });
        Ok(())
    }
}

/// Refuses weights that the run was not made with.
fn check_weights(path: &Path, found: &str, recorded: &str) -> Result<(), Error> {
    if found == recorded {
        return Ok(());
    }
    let reason = format!(
        "their SHA-256 is {found}, and the run was made with weights of {recorded}\n  hint: put the weights of the run back, or make \
         the run anew with these"
    );
    Err(Error::UnusableModel { path: path.to_owned(), reason })
}
