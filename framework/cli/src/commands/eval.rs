use clf_core::{
    Capabilities, Error, Method, Protocol, Scenario,
    clip::{Clip, Weights},
    config::Config,
    engine::{EvalSettings, Evaluator, TaskSettingsRule},
    registry::{self, MethodEntry},
    store::TaskRecord,
    task::Task,
};
use clf_report::{row_table, splits_line, sweep_table};
use clf_scenarios::ScenarioFile;
use serde_json::json;

use super::{print, print_json};
use crate::{arguments::EvalArguments, device, model, progress::Meter};

/// `clf eval`.
pub fn eval(arguments: &EvalArguments) -> Result<(), Error> {
    let entry = registry::find::<MethodEntry>(&arguments.method)?;
    let file = ScenarioFile::read(&arguments.scenario)?.with_limits(arguments.limits.limits());
    let layers = arguments.precision.layer().into_iter().collect();
    let config = Config::resolve(entry, file.head(), layers, &[])?;
    config.eval()?.check()?;
    if config.capabilities(entry)?.scores_from_state {
        let reason = "it scores with what it learned beside the weights, which a checkpoint does not hold; the default \
                      scores weights by their prompts";
        return Err(Error::config(format!("--method {}", entry.name), reason));
    }
    let data = arguments.data.folder.open();
    let scenario = file.open(&data, Capabilities::default())?;
    scenario.tasks().iter().try_for_each(Task::check)?;
    let device = device::open(&arguments.data.device)?;
    let precision = config.precision()?;
    precision.check(&device).map_err(|reason| Error::config("--precision", reason))?;
    let untouched = model::load(&arguments.model, file.model(), &data.path, &device)?.clip.with_precision(precision);
    let read = |path| model::read_like(&untouched, path);
    let clip = arguments.checkpoint.as_deref().map_or_else(|| Ok(untouched.clone()), read)?;
    let scorer = Scorer {
        scenario: &*scenario,
        method: config.build_method(entry)?,
        settings: config.eval()?,
        seed: config.seed()?,
    };
    match &arguments.interpolate {
        None => show_one(&scorer, &clip, arguments.json),
        Some(shares) => {
            let base = arguments.base.as_deref().map_or_else(|| Ok(untouched.clone()), read)?;
            show_sweep(&scorer, &clip, &base, &shares.0, arguments.json)
        }
    }
}

/// What scores models.
struct Scorer<'a> {
    scenario: &'a dyn Scenario,
    method: Box<dyn Method>,
    settings: EvalSettings,
    seed: u64,
}

impl Scorer<'_> {
    fn names(&self) -> Vec<String> {
        self.scenario.tasks().iter().map(|task| task.name.clone()).collect()
    }

    fn records(&self) -> Vec<TaskRecord> {
        self.scenario.tasks().iter().map(|task| TaskRecord::new(task, TaskSettingsRule::default())).collect()
    }

    fn counts(&self) -> Vec<usize> {
        self.scenario.tasks().iter().map(|task| task.test.len()).collect()
    }

    /// Accuracy on every task in percent, under both protocols.
    fn score(&self, clip: &Clip, label: &str) -> Result<Scores, Error> {
        let (tasks, images) = (self.scenario.tasks().len(), self.counts().iter().sum::<usize>());
        let mut meter = Meter::new(format!("scoring {label}"), images as u64);
        let method = &*self.method;
        let evaluator = Evaluator { scenario: self.scenario, settings: &self.settings, method, seed: self.seed };
        let row = evaluator.row(clip, tasks, |images| {
            meter.advance(images as u64, || "images".to_owned());
            Ok(())
        })?;
        meter.finish(&format!("{images} images"));
        Ok(Scores { main: row.accuracies(tasks), other: (!row.other.is_empty()).then(|| row.other_accuracies(tasks)) })
    }

    fn json(&self, scores: &Scores) -> serde_json::Value {
        let (_, other) = self.protocols();
        let tasks = self.scenario.tasks().iter().enumerate();
        tasks
            .map(|(i, task)| {
                let mut row = json!({
                    "task": task.name,
                    "test-images": task.test.len(),
                    "splits": task.split_family,
                    "accuracy": scores.main[i],
                });
                if let Some(accuracies) = &scores.other {
                    row[other] = json!(accuracies[i]);
                }
                row
            })
            .collect()
    }

    /// Names of the protocol of the procedure and of the other one.
    fn protocols(&self) -> (&'static str, &'static str) {
        let (main, other) = Protocol::of(self.scenario.procedure());
        (main.name(), other.name())
    }
}

/// Accuracies in percent, one a task.
struct Scores {
    main: Vec<f64>,
    /// Under the other protocol, where the scenario has one.
    other: Option<Vec<f64>>,
}

fn show_one(scorer: &Scorer<'_>, clip: &Clip, json: bool) -> Result<(), Error> {
    let scores = scorer.score(clip, scorer.scenario.name())?;
    if json {
        return print_json(&json!({"scenario": scorer.scenario.name(), "tasks": scorer.json(&scores)}));
    }
    let (main, other) = scorer.protocols();
    let columns: Vec<(&str, Vec<f64>)> =
        std::iter::once((main, scores.main)).chain(scores.other.map(|scores| (other, scores))).collect();
    print(&row_table(&scorer.names(), &scorer.counts(), &columns))?;
    print(&splits_line(&scorer.records()))
}

/// Scores `share * clip + (1 - share) * base` for every share.
fn show_sweep(scorer: &Scorer<'_>, clip: &Clip, base: &Clip, shares: &[f64], json: bool) -> Result<(), Error> {
    let (ours, other) = (Weights::of(clip), Weights::of(base));
    let mut rows: Vec<(f64, Scores)> = Vec::with_capacity(shares.len());
    for share in shares {
        let model = ours.interpolate(&other, *share).load_into(base.clone());
        rows.push((*share, scorer.score(&model, &format!("share {share}"))?));
    }
    if json {
        let row = |(share, scores): &(f64, Scores)| json!({"share": share, "tasks": scorer.json(scores)});
        let rows: Vec<_> = rows.iter().map(row).collect();
        return print_json(&json!({"scenario": scorer.scenario.name(), "interpolations": rows}));
    }
    let rows: Vec<(f64, Vec<f64>)> = rows.into_iter().map(|(share, scores)| (share, scores.main)).collect();
    print(&sweep_table(&scorer.names(), &rows))?;
    print(&splits_line(&scorer.records()))
}
