//! The form of a comparison in JSON.

use std::{collections::BTreeMap, path::Path};

use clf_core::{
    Protocol,
    cost::Cost,
    metrics::{AccuracyMatrix, names},
};
use serde::{Serialize, Serializer};

use crate::{
    comparison::{Comparison, FinishedRun, MethodRuns, Spread},
    fairness::Fairness,
    published::PublishedScenario,
    significance::Significance,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ComparisonRecord<'a> {
    scenario: &'a str,
    procedure: &'a str,
    model: &'a str,
    weights_sha256: &'a str,
    tasks: &'a [String],
    splits: Vec<&'a str>,
    methods: Vec<MethodRecord<'a>>,
    fairness: Fairness,
    #[serde(skip_serializing_if = "Option::is_none")]
    significance: Option<Significance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<&'static PublishedScenario>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct MethodRecord<'a> {
    method: &'a str,
    seeds: usize,
    seconds: Spread,
    metrics: BTreeMap<&'static str, Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<OtherRecord>,
    last_row: Vec<Spread>,
    task_figures: Vec<TaskRecord<'a>>,
    cost: BTreeMap<&'static str, Spread>,
    runs: Vec<RunRecord<'a>>,
}

/// Figures under the other protocol.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct OtherRecord {
    protocol: Protocol,
    metrics: BTreeMap<&'static str, Spread>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RunRecord<'a> {
    folder: &'a Path,
    seed: u64,
    seconds: f64,
    metrics: BTreeMap<&'static str, f64>,
    last_row: &'a [f64],
    cost: Option<&'a Cost>,
}

/// Figures of a task in an `mtil` scenario.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct TaskRecord<'a> {
    task: &'a str,
    transfer: Spread,
    avg: Spread,
    last: Spread,
}

impl Serialize for Comparison {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let first = self.first();
        let record = ComparisonRecord {
            scenario: &first.result.scenario,
            procedure: &first.result.procedure,
            model: &first.result.model,
            weights_sha256: &first.environment.weights_sha256,
            tasks: &first.result.tasks,
            splits: first.environment.tasks.iter().map(|task| &*task.split_family).collect(),
            methods: self.methods().iter().map(|method| method_record(method, &first.result.procedure)).collect(),
            fairness: self.fairness(),
            significance: self.significance(),
            published: self.published(),
        };
        record.serialize(serializer)
    }
}

fn method_record<'a>(method: &'a MethodRuns, procedure: &str) -> MethodRecord<'a> {
    MethodRecord {
        method: &method.name,
        seeds: method.runs.len(),
        seconds: method.seconds(),
        metrics: names(procedure).iter().map(|name| (*name, method.metric(name))).collect(),
        other: other_record(method, procedure),
        last_row: method.last_row(),
        task_figures: task_records(method, procedure),
        cost: method.costs(),
        runs: method.runs.iter().map(run_record).collect(),
    }
}

fn other_record(method: &MethodRuns, procedure: &str) -> Option<OtherRecord> {
    let protocol = method.runs.first()?.result.other.as_ref()?.protocol;
    let metrics = names(procedure).iter().map(|name| (*name, method.other_metric(name))).collect();
    Some(OtherRecord { protocol, metrics })
}

fn run_record(run: &FinishedRun) -> RunRecord<'_> {
    RunRecord {
        folder: &run.folder,
        seed: run.result.seed,
        seconds: run.result.seconds,
        metrics: names(&run.result.procedure).iter().map(|name| (*name, run.metric(name))).collect(),
        last_row: run.last_row(),
        cost: run.result.cost.as_ref(),
    }
}

fn task_records<'a>(method: &'a MethodRuns, procedure: &str) -> Vec<TaskRecord<'a>> {
    if procedure != "mtil" {
        return Vec::new();
    }
    let transfers = method.of_tasks(AccuracyMatrix::transfer_of);
    let averages = method.of_tasks(AccuracyMatrix::mtil_avg_of);
    let lasts = method.of_tasks(AccuracyMatrix::mtil_last_of);
    let tasks = method.runs.first().map_or(&[][..], |run| &run.result.tasks);
    let record =
        |(i, task): (usize, &'a String)| TaskRecord { task, transfer: transfers[i], avg: averages[i], last: lasts[i] };
    tasks.iter().enumerate().map(record).collect()
}
