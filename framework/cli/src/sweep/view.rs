//! What a sweep has brought: settings by their figures, points by their state, and the ledger as a table.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use clf_core::{
    Error, counted,
    metrics::names,
    store::{csv_line, write_atomically},
};
use clf_report::{Format, Spread, plain_table};
use serde::Serialize;

use super::{
    Place,
    keys::as_text,
    lock,
    space::Settings,
    state::{Standing, State},
};

/// Figures of which less is better.
const LESS_IS_BETTER: [&str; 1] = ["forgetting"];

/// All that is known of a sweep.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct View<'a> {
    scenario: &'a str,
    out: &'a Path,
    metric: &'a str,
    states: BTreeMap<&'static str, usize>,
    /// Settings with a finished run, best first.
    settings: Vec<Row<'a>>,
    points: Vec<PointRecord<'a>>,
    #[serde(skip)]
    varied: &'a [String],
    #[serde(skip)]
    metrics: &'static [&'static str],
}

/// A setting over its seeds.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row<'a> {
    method: &'a str,
    settings: &'a Settings,
    /// Seeds whose runs are finished.
    finished: usize,
    /// All seeds.
    seeds: usize,
    metrics: BTreeMap<&'static str, Spread>,
    seconds: Spread,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PointRecord<'a> {
    name: &'a str,
    #[serde(skip)]
    label: String,
    method: &'a str,
    seed: u64,
    settings: &'a Settings,
    state: State,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slurm: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<&'a BTreeMap<String, f64>>,
}

/// What stands beside the points in a view.
pub struct Frame<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Its procedure.
    pub procedure: &'a str,
    /// The settings in which points differ.
    pub varied: &'a [String],
    /// The figure by which settings are ordered.
    pub metric: &'a str,
}

/// The figure by which settings are ordered: the one that was asked for, or the average of the procedure.
///
/// # Errors
///
/// When the procedure has no such figure.
pub fn metric(asked: Option<&str>, procedure: &str) -> Result<&'static str, Error> {
    let known = names(procedure);
    match asked {
        Some(asked) => known
            .iter()
            .find(|name| **name == asked)
            .copied()
            .ok_or_else(|| Error::unknown("metric of this scenario", asked, known.iter().copied())),
        None => Ok(known.iter().find(|name| name.ends_with("_avg")).or(known.first()).copied().unwrap_or_default()),
    }
}

impl<'a> View<'a> {
    /// The view of `standings`.
    pub fn new(standings: &'a [Standing<'a>], place: &'a Place, frame: &Frame<'a>) -> Self {
        let metrics = names(frame.procedure);
        let count = |state: State| standings.iter().filter(|standing| standing.state == state).count();
        Self {
            scenario: frame.scenario,
            out: place.out(),
            metric: frame.metric,
            states: State::ALL.into_iter().map(|state| (state.name(), count(state))).filter(|(_, n)| *n > 0).collect(),
            settings: rows(standings, metrics, frame.metric),
            points: standings.iter().map(|standing| record(standing, frame.varied)).collect(),
            varied: frame.varied,
            metrics,
        }
    }

    /// How many points are in which state, on one line.
    pub fn states_line(&self) -> String {
        let parts = State::ALL.into_iter().filter_map(|state| {
            let count = self.states.get(state.name())?;
            Some(format!("{count} {}", state.name()))
        });
        format!(
            "{}: {}; {}",
            counted(self.points.len(), "point"),
            parts.collect::<Vec<_>>().join(", "),
            self.out.display()
        )
    }

    /// Points that are not finished, a row each; nothing where all are.
    pub fn unfinished_table(&self, format: Format) -> Option<String> {
        let open: Vec<_> = self.points.iter().filter(|point| point.state != State::Finished).collect();
        // Without Slurm there is no column for it.
        let tasks = |point: &PointRecord<'_>| point.slurm.unwrap_or_default().to_owned();
        let slurm = open.iter().any(|point| point.slurm.is_some());
        let row = |point: &&PointRecord<'_>| {
            let cells = [Some(point.label.clone()), Some(point.state.name().to_owned()), slurm.then(|| tasks(point))];
            cells.into_iter().flatten().chain([point.detail.to_owned()]).collect()
        };
        let header = ["not finished", "state"].into_iter().chain(slurm.then_some("slurm")).chain([""]);
        let header = header.map(String::from).collect();
        (!open.is_empty()).then(|| plain_table(header, open.iter().map(row).collect(), format))
    }

    /// Settings, best first: mean and standard deviation over seeds; nothing where no run is finished.
    pub fn settings_table(&self, format: Format) -> Option<String> {
        if self.settings.is_empty() {
            return None;
        }
        let fixed = ["seconds".to_owned(), "seeds".to_owned()];
        let metrics = self.metrics.iter().map(|name| (*name).to_owned());
        let header =
            std::iter::once("method".to_owned()).chain(self.varied.iter().cloned()).chain(metrics).chain(fixed);
        let row = |row: &Row<'_>| {
            let values = self.varied.iter().map(|path| row.settings.get(path).map_or_else(|| "-".to_owned(), as_text));
            let figures = self.metrics.iter().map(|name| row.metrics[name].to_text());
            let seeds = if row.finished == row.seeds {
                row.seeds.to_string()
            } else {
                format!("{}/{}", row.finished, row.seeds)
            };
            let cost = [row.seconds.to_text(), seeds];
            std::iter::once(row.method.to_owned()).chain(values).chain(figures).chain(cost).collect()
        };
        Some(plain_table(header.collect(), self.settings.iter().map(row).collect(), format))
    }

    /// The best setting, on one line; nothing where no run is finished.
    pub fn best_line(&self) -> Option<String> {
        let best = self.settings.first()?;
        let values =
            self.varied.iter().filter_map(|path| Some(format!(" {path}={}", as_text(best.settings.get(path)?))));
        let figure = best.metrics[self.metric].to_text();
        Some(format!("best by {}: {}{}, {figure}", self.metric, best.method, values.collect::<String>()))
    }

    /// Writes all points with their settings and figures as CSV to the folder of the sweep.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write_csv(&self, place: &Place) -> Result<(), Error> {
        // Written by one process at a time; the lock is that of the ledger, whose other face it is.
        let _alone = lock::wait_for(&place.ledger())?;
        write_atomically(&place.csv(), self.csv().as_bytes())
    }

    fn csv(&self) -> String {
        let paths: BTreeSet<&String> = self.points.iter().flat_map(|point| point.settings.keys()).collect();
        let header = ["point", "method", "seed"].into_iter().chain(paths.iter().map(|path| path.as_str()));
        let header = header.chain(["state", "exit-code", "seconds"]).chain(self.metrics.iter().copied());
        let header = csv_line(header.chain(["detail"])) + "\n";
        let line = |point: &PointRecord<'_>| {
            let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
            let own = [point.name.to_owned(), point.method.to_owned(), point.seed.to_string()];
            let values = paths.iter().map(|path| point.settings.get(*path).map_or_else(String::new, as_text));
            let code = point.exit_code.map_or_else(String::new, |code| code.to_string());
            let state = [point.state.name().to_owned(), code, number(point.seconds)];
            let figure = |name: &&str| number(point.metrics.and_then(|metrics| metrics.get(*name).copied()));
            let figures = self.metrics.iter().map(figure);
            csv_line(own.into_iter().chain(values).chain(state).chain(figures).chain([point.detail.to_owned()])) + "\n"
        };
        std::iter::once(header).chain(self.points.iter().map(line)).collect()
    }
}

fn record<'a>(standing: &'a Standing<'a>, varied: &[String]) -> PointRecord<'a> {
    let Standing { point, state, detail, exit_code, slurm, result } = standing;
    PointRecord {
        name: &point.name,
        label: point.label(varied),
        method: &point.method,
        seed: point.seed,
        settings: &point.settings,
        state: *state,
        detail,
        exit_code: if result.is_some() { Some(0) } else { *exit_code },
        slurm: slurm.as_deref(),
        seconds: result.as_ref().map(|result| result.seconds),
        metrics: result.as_ref().map(|result| &result.metrics),
    }
}

/// Settings with a finished run, best first.
fn rows<'a>(standings: &'a [Standing<'a>], metrics: &'static [&'static str], by: &str) -> Vec<Row<'a>> {
    let mut groups: Vec<(&str, Vec<&Standing<'a>>)> = Vec::new();
    for standing in standings {
        match groups.iter_mut().find(|(group, _)| *group == standing.point.group) {
            Some((_, members)) => members.push(standing),
            None => groups.push((&standing.point.group, vec![standing])),
        }
    }
    let mut rows: Vec<Row<'a>> = groups.iter().filter_map(|(_, members)| row(members, metrics)).collect();
    // A figure that is not defined comes last, whichever way is up.
    let key = |row: &Row<'_>| row.metrics.get(by).map_or(f64::NAN, |spread| spread.mean);
    let sign = if LESS_IS_BETTER.contains(&by) { 1.0 } else { -1.0 };
    let rank = |row: &Row<'_>| if key(row).is_nan() { f64::INFINITY } else { sign * key(row) };
    rows.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    rows
}

fn row<'a>(members: &[&'a Standing<'a>], metrics: &'static [&'static str]) -> Option<Row<'a>> {
    let results: Vec<_> = members.iter().filter_map(|standing| standing.result.as_ref()).collect();
    let point = members.first()?.point;
    let spread = |name: &'static str| {
        let values = results.iter().map(|result| result.metrics.get(name).copied().unwrap_or(f64::NAN));
        (name, Spread::of(values))
    };
    (!results.is_empty()).then(|| Row {
        method: &point.method,
        settings: &point.settings,
        finished: results.len(),
        seeds: members.len(),
        metrics: metrics.iter().map(|name| spread(name)).collect(),
        seconds: Spread::of(results.iter().map(|result| result.seconds)),
    })
}

#[cfg(test)]
mod tests {
    use clf_core::store::RunResult;

    use super::*;
    use crate::sweep::point::Point;

    fn point(group: &str, seed: u64, lr: f64) -> Point {
        let settings = [("train.lr".to_owned(), toml::Value::Float(lr))].into();
        Point { name: format!("{group}-{seed}"), group: group.into(), method: "zscl".into(), seed, settings }
    }

    fn standing(point: &Point, average: Option<f64>) -> Standing<'_> {
        let result = |average: f64| -> RunResult {
            serde_json::from_value(serde_json::json!({
                "method": "zscl", "scenario": "mini", "procedure": "mtil", "model": "m", "seed": point.seed,
                "finished": true, "seconds": 4.0, "tasks": ["a"], "test-images": [5],
                "metrics": { "mtil_avg": average, "forgetting": 100.0 - average },
            }))
            .unwrap()
        };
        let state = if average.is_some() { State::Finished } else { State::Failed };
        let detail = if average.is_some() { String::new() } else { "exit code 5: a, \"b\"".to_owned() };
        Standing { point, state, detail, exit_code: None, slurm: None, result: average.map(result) }
    }

    #[test]
    fn settings_are_ordered_by_the_mean_over_their_seeds() {
        let points =
            [point("a", 0, 1e-5), point("b", 0, 5e-5), point("a", 1, 1e-5), point("b", 1, 5e-5), point("c", 0, 1.0)];
        let averages = [Some(60.0), Some(70.0), Some(64.0), None, None];
        let standings: Vec<_> = points.iter().zip(averages).map(|(point, average)| standing(point, average)).collect();
        let place = Place::new("out".into());
        let varied = ["train.lr".to_owned()];
        let view = |metric| {
            View::new(&standings, &place, &Frame { scenario: "mini", procedure: "mtil", varied: &varied, metric })
        };
        let by_average = view("mtil_avg");
        assert_eq!(by_average.best_line().unwrap(), "best by mtil_avg: zscl train.lr=5e-5, 70.0");
        let table = by_average.settings_table(Format::Markdown).unwrap();
        assert_eq!(table.lines().nth(2), Some("| zscl | 5e-5 | - | 70.0 | - | 30.0 | 4.0 | 1/2 |"), "{table}");
        assert_eq!(table.lines().nth(3), Some("| zscl | 1e-5 | - | 62.0 ± 2.8 | - | 38.0 ± 2.8 | 4.0 ± 0.0 | 2 |"));
        assert_eq!(table.lines().count(), 4, "a setting without a finished run has no figures");
        assert_eq!(view("forgetting").best_line(), Some("best by forgetting: zscl train.lr=5e-5, 30.0".to_owned()));
        assert_eq!(by_average.states_line(), "5 points: 3 finished, 2 failed; out");
        let csv = by_average.csv();
        assert_eq!(
            csv.lines().next(),
            Some("point,method,seed,train.lr,state,exit-code,seconds,transfer,mtil_avg,mtil_last,forgetting,detail")
        );
        assert_eq!(csv.lines().nth(1), Some("a-0,zscl,0,1e-5,finished,0,4,,60,,40,"));
        assert_eq!(csv.lines().nth(4), Some("b-1,zscl,1,5e-5,failed,,,,,,,\"exit code 5: a, \"\"b\"\"\""));
    }

    #[test]
    fn a_figure_that_the_scenario_does_not_have_is_refused() {
        assert_eq!(metric(None, "mtil").unwrap(), "mtil_avg");
        assert_eq!(metric(Some("cil_last"), "class-incremental").unwrap(), "cil_last");
        let error = metric(Some("mtil_lst"), "mtil").unwrap_err().to_string();
        assert!(error.contains("did you mean \"mtil_last\"?"), "{error}");
    }
}
