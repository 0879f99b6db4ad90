//! A comparison as CSV: one observation a line, as data frames like it.

use clf_core::{Protocol, cost::Cost, metrics::names, store::csv_line};

use crate::{
    comparison::{Comparison, FinishedRun},
    published::{PublishedRow, PublishedScenario},
};

/// One observation.
struct Line<'a> {
    scenario: &'a str,
    /// Our name of the method, or that of the source where we have none.
    method: &'a str,
    /// Nothing for published figures.
    seed: Option<u64>,
    /// What is known of a test image; empty for costs.
    protocol: &'a str,
    measure: &'a str,
    /// Empty for a figure of the whole run.
    task: &'a str,
    /// Nothing where it is not defined.
    value: Option<f64>,
    /// The run folder, or the paper.
    source: &'a str,
}

const HEADER: [&str; 8] = ["scenario", "method", "seed", "protocol", "measure", "task", "value", "source"];

impl Line<'_> {
    /// In the order of the header.
    fn fields(&self) -> [String; 8] {
        let Self { scenario, method, seed, protocol, measure, task, value, source } = self;
        let seed = seed.map(|seed| seed.to_string()).unwrap_or_default();
        let value = value.map(|value| value.to_string()).unwrap_or_default();
        [scenario, method, &*seed, protocol, measure, task, &*value, source].map(str::to_owned)
    }
}

impl Comparison {
    /// All figures of all runs as CSV (RFC 4180) with a header: scenario, method, seed, protocol, measure, task, value,
    /// source. Means and deviations are left to whoever reads it; published figures have no seed.
    pub fn csv(&self) -> String {
        let mut text = String::new();
        let mut line = |fields: [String; 8]| text += &(csv_line(fields) + "\r\n");
        line(HEADER.map(String::from));
        for method in self.methods() {
            for run in &method.runs {
                let source = run.folder.display().to_string();
                for of in of_run(&method.name, run, &source) {
                    line(of.fields());
                }
            }
        }
        if let Some(published) = self.published() {
            let protocol = Protocol::of(&self.first().result.procedure).0.name();
            let lines = published.row.iter().flat_map(|row| of_paper(published, row, protocol));
            lines.for_each(|of| line(of.fields()));
        }
        text
    }
}

fn of_run<'a>(method: &'a str, run: &'a FinishedRun, source: &'a str) -> Vec<Line<'a>> {
    let result = &run.result;
    let (protocol, _) = Protocol::of(&result.procedure);
    let line = |protocol, measure, task, value: Option<f64>| Line {
        scenario: &result.scenario,
        method,
        seed: Some(result.seed),
        protocol,
        measure,
        task,
        value: value.filter(|value| value.is_finite()),
        source,
    };
    let metrics = names(&result.procedure);
    let mut lines: Vec<Line<'a>> =
        metrics.iter().map(|name| line(protocol.name(), name, "", Some(run.metric(name)))).collect();
    if let Some(other) = &result.other {
        let value = |name: &str| other.metrics.get(name).copied();
        lines.extend(metrics.iter().map(|name| line(other.protocol.name(), name, "", value(name))));
    }
    for (d, task) in result.tasks.iter().enumerate() {
        for (measure, value) in of_task(run, d) {
            lines.push(line(protocol.name(), measure, task, value));
        }
    }
    let seconds = ("seconds", Some(result.seconds));
    let costs = result.cost.as_ref().map(named_costs).into_iter().flatten();
    lines.extend([seconds].into_iter().chain(costs).map(|(measure, value)| line("", measure, "", value)));
    lines
}

/// Figures of task `d`, named as those of the whole run.
fn of_task(run: &FinishedRun, d: usize) -> Vec<(&'static str, Option<f64>)> {
    let matrix = &run.matrix;
    if run.result.procedure == "mtil" {
        return vec![
            ("transfer", matrix.transfer_of(d)),
            ("mtil_avg", matrix.mtil_avg_of(d)),
            ("mtil_last", matrix.mtil_last_of(d)),
        ];
    }
    vec![("last_accuracy", run.last_row().get(d).copied()), ("seen_accuracy", matrix.seen().get(d).copied())]
}

/// What a run cost, by name.
pub(crate) fn named_costs(cost: &Cost) -> [(&'static str, Option<f64>); 7] {
    [
        ("trained_parameters", Some(cost.trained_parameters as f64)),
        ("stored_parameters", Some(cost.stored_parameters as f64)),
        ("stored_images", Some(cost.stored_images as f64)),
        ("cpu_seconds", cost.cpu_seconds),
        ("gpu_seconds", cost.gpu_seconds),
        ("peak_memory_bytes", cost.peak_memory_bytes.map(|bytes| bytes as f64)),
        ("images_per_second", cost.images_per_second),
    ]
}

fn of_paper<'a>(published: &'a PublishedScenario, row: &'a PublishedRow, protocol: &'a str) -> Vec<Line<'a>> {
    let line = |measure, task, value| Line {
        scenario: &published.name,
        method: row.method.as_deref().unwrap_or(&row.label),
        seed: None,
        protocol,
        measure,
        task,
        value: Some(value),
        source: &published.source,
    };
    let mut lines: Vec<Line<'a>> = row.metrics.iter().map(|(name, value)| line(name, "", *value)).collect();
    // The first task has no transfer.
    let of_tasks = [("transfer", 1, &row.transfer_of), ("mtil_avg", 0, &row.avg_of), ("mtil_last", 0, &row.last_of)];
    for (measure, first, values) in of_tasks {
        lines.extend(published.tasks.iter().skip(first).zip(values).map(|(task, value)| line(measure, task, *value)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_field_a_column() {
        let line = Line {
            scenario: "s",
            method: "m",
            seed: None,
            protocol: "task-aware",
            measure: "transfer",
            task: "",
            value: Some(61.5),
            source: "runs/a",
        };
        assert_eq!(line.fields(), ["s", "m", "", "task-aware", "transfer", "", "61.5", "runs/a"]);
        assert_eq!(Line { seed: Some(3), value: None, ..line }.fields()[2..7], ["3", "task-aware", "transfer", "", ""]);
    }
}
