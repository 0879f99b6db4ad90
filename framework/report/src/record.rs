//! The form of a comparison in JSON.

use std::{collections::BTreeMap, path::Path};

use clf_core::metrics::names;
use serde::{Serialize, Serializer};

use crate::comparison::{Comparison, FinishedRun, MethodRuns, Spread};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ComparisonRecord<'a> {
    scenario: &'a str,
    procedure: &'a str,
    model: &'a str,
    weights_sha256: &'a str,
    tasks: &'a [String],
    methods: Vec<MethodRecord<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct MethodRecord<'a> {
    method: &'a str,
    seeds: usize,
    seconds: Spread,
    metrics: BTreeMap<&'static str, Spread>,
    last_row: Vec<Spread>,
    runs: Vec<RunRecord<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RunRecord<'a> {
    folder: &'a Path,
    seed: u64,
    seconds: f64,
    metrics: BTreeMap<&'static str, f64>,
    last_row: &'a [f64],
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
            methods: self.methods().iter().map(|method| method_record(method, &first.result.procedure)).collect(),
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
        last_row: method.last_row(),
        runs: method.runs.iter().map(run_record).collect(),
    }
}

fn run_record(run: &FinishedRun) -> RunRecord<'_> {
    RunRecord {
        folder: &run.folder,
        seed: run.result.seed,
        seconds: run.result.seconds,
        metrics: names(&run.result.procedure).iter().map(|name| (*name, run.metric(name))).collect(),
        last_row: run.last_row(),
    }
}
