//! `clf doctor`: whether this machine, its data and its weights are as a run needs them.

mod data;
mod fixtures;
mod machine;
mod model;
mod training;
mod verdict;

use std::{path::PathBuf, time::Instant};

use clf_core::{Error, burn::tensor::Device, data::DataFolder};
use serde_json::json;

use super::{print, print_json};
use crate::{arguments::DoctorArguments, device};
use verdict::{Check, State, Verdict};

/// What is examined.
struct Patient {
    data: DataFolder,
    runs: PathBuf,
    model: Option<String>,
    examined: device::Examined,
}

impl Patient {
    /// The device, if there is one that computes.
    fn device(&self) -> Option<&Device> {
        self.examined.device.as_ref().ok()
    }
}

/// Looks at one thing.
type Look = fn(&Patient) -> Verdict;

/// All checks, in the order of the table.
const CHECKS: [(&str, Look); 14] = [
    ("program", machine::program),
    ("registry", machine::registry),
    ("cpu", machine::cpu),
    ("memory", machine::memory),
    ("run folder", machine::run_folder),
    ("data folder", machine::data_folder),
    ("device", machine::device),
    ("arithmetic", machine::arithmetic),
    ("tokenizer", fixtures::tokenizer),
    ("pictures", fixtures::pictures),
    ("logits", model::logits),
    ("training", training::losses),
    ("weights", model::weights),
    ("datasets", data::datasets),
];

/// `clf doctor`.
pub fn doctor(arguments: &DoctorArguments) -> Result<(), Error> {
    let started = Instant::now();
    let data = arguments.data.folder.open();
    model::check_name(arguments.model.as_deref(), &data.path)?;
    let examined = device::examine(&arguments.data.device)?;
    let mut checks: Vec<Check> = examined.parts.iter().map(part).collect();
    let opening = started.elapsed().as_secs_f64();
    let patient = Patient { data, runs: arguments.out.clone(), model: arguments.model.clone(), examined };
    checks.extend(CHECKS.iter().map(|(name, check)| timed(name, || check(&patient))));
    // The device was opened before the first check.
    if let Some(check) = checks.iter_mut().find(|check| check.name == "device") {
        check.seconds += opening;
    }
    let seconds = started.elapsed().as_secs_f64();
    if arguments.json {
        print_json(
            &json!({"healthy": checks.iter().all(|it| it.state != State::Failed), "seconds": seconds, "checks": checks}),
        )?;
    } else {
        print(&table(&checks, seconds))?;
    }
    checks.into_iter().find_map(|check| check.error).map_or(Ok(()), Err)
}

fn timed(name: &'static str, check: impl FnOnce() -> Verdict) -> Check {
    let started = Instant::now();
    let Verdict { state, finding, advice, error } = check();
    Check { name, state, finding, advice, seconds: started.elapsed().as_secs_f64(), error }
}

/// A part of the device; whether what is wrong with it matters is said of the device as a whole.
fn part(part: &device::Part) -> Check {
    timed(part.name, || match &part.found {
        Ok(found) => Verdict::ok(found),
        Err(reason) => Verdict::warning(reason, "see device"),
    })
}

fn table(checks: &[Check], seconds: f64) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let mut lines = Vec::with_capacity(checks.len() + 2);
    for Check { name, state, finding, advice, seconds, .. } in checks {
        lines.push(format!("{:7}  {name:width$}  {seconds:5.1} s  {finding}", state.word()));
        lines.extend(advice.iter().map(|advice| format!("{:7}  {:width$}           {advice}", "", "")));
    }
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let [ok, warnings, failed] = [State::Ok, State::Warning, State::Failed].map(count);
    lines.push(format!("{ok} ok, {warnings} to know, {failed} failed, in {seconds:.1} s"));
    lines.join("\n")
}
