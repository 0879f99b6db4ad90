//! Accuracy over the tasks learned.

use clf_core::metrics::AccuracyMatrix;

use super::{
    run::ReportRun,
    section::{Section, Series, cell},
    text::{percent, points},
};
use crate::{
    charts::{Axis, Border, Figure, Key, Legend, Line, Plot, Point, Style, counts, nice},
    comparison::Spread,
};

/// Accuracy on every task, a panel each, over the tasks learned.
pub(crate) fn accuracy_figure(section: &Section) -> Figure {
    let tasks = section.tasks();
    let lines: Vec<Vec<Line>> = (0..tasks.len()).map(|task| accuracy_lines(section, task)).collect();
    let (domain, ticks) = nice(lines.iter().flatten().flat_map(values), false);
    let y = percent_axis((domain.0.max(0.0), domain.1.min(100.0)), ticks, "accuracy, %");
    let x = learned_axis(0, tasks.len());
    let panel = |(task, lines): (usize, Vec<Line>)| {
        let name = &tasks[task];
        let learned = task as f64 + 1.0;
        let border = Border { x: learned, end: learned, name: format!("{name} is learned here") };
        let (title, x, y) = (name.clone(), x.clone(), y.clone());
        Plot { title, width: 310.0, height: 200.0, x, y, lines, borders: vec![border] }.draw()
    };
    Figure {
        name: "accuracy".to_owned(),
        title: "Accuracy on every task over the tasks learned, %".to_owned(),
        panels: lines.into_iter().enumerate().map(panel).collect(),
        legend: Legend::Lines(keys(section)),
    }
}

/// Mean accuracy on the tasks not learned yet, as a difference to the untouched model. Nothing where a scenario does not
/// score them.
pub(crate) fn drift_figure(section: &Section) -> Option<Figure> {
    let tasks = section.tasks().len();
    let drift = |run: &ReportRun, learned: usize| not_learned(run, learned).map_or(f64::NAN, |(own, zero)| own - zero);
    let scored = section.runs().any(|run| (1..tasks).any(|learned| drift(run, learned).is_finite()));
    if !scored {
        return None;
    }
    let line = |style: Style, series: &Series| {
        let tip = |learned: usize, spread: Spread| {
            let of =
                |part: fn((f64, f64)) -> f64| series.spread(|run| not_learned(run, learned).map_or(f64::NAN, part));
            let (own, zero) = (of(|pair| pair.0), of(|pair| pair.1).mean);
            let after = after(section, learned);
            format!(
                "{}, {after}: {} on tasks not learned yet, untouched {}: {}",
                series.label,
                percent(own),
                percent(Spread { mean: zero, std: None }),
                points(spread)
            )
        };
        curve(series, style, 0..tasks, |run, learned| drift(run, learned), tip)
    };
    let mut lines = vec![level((0..tasks).map(|learned| (learned as f64, 0.0)))];
    lines.extend(drawn(section).map(|(style, series)| line(style, series)));
    let (domain, ticks) = nice(lines.iter().flat_map(values), false);
    let y = Axis { label: "points".to_owned(), domain, ticks, log: false };
    let title = "points above or below the untouched model".to_owned();
    let plot = Plot {
        title,
        width: 450.0,
        height: 250.0,
        x: learned_axis(0, tasks.saturating_sub(1)),
        y,
        lines,
        borders: Vec::new(),
    };
    Some(Figure {
        name: "zero-shot-drift".to_owned(),
        title: "Zero-shot drift".to_owned(),
        panels: vec![plot.draw()],
        legend: Legend::Lines(keys(section)),
    })
}

/// Accuracy over all test images of the tasks learned so far.
pub(crate) fn seen_figure(section: &Section) -> Figure {
    let tasks = section.tasks().len();
    let of = |run: &ReportRun, learned: usize| run.matrix.seen().get(learned - 1).copied().unwrap_or(f64::NAN);
    let line = |style: Style, series: &Series| {
        let tip = |learned, spread| format!("{}, {}: {}", series.label, after(section, learned), percent(spread));
        curve(series, style, 1..tasks + 1, of, tip)
    };
    let untouched = section.first().matrix.untouched().seen();
    let mut lines = vec![level(untouched.into_iter().enumerate().map(|(i, value)| (i as f64 + 1.0, value)))];
    lines.extend(drawn(section).map(|(style, series)| line(style, series)));
    let (domain, ticks) = nice(lines.iter().flat_map(values), false);
    let y = percent_axis(domain, ticks, "accuracy, %");
    let title = "all test images of the tasks learned so far, %".to_owned();
    let plot = Plot { title, width: 450.0, height: 250.0, x: learned_axis(1, tasks), y, lines, borders: Vec::new() };
    Figure {
        name: "seen".to_owned(),
        title: "Accuracy on everything seen".to_owned(),
        panels: vec![plot.draw()],
        legend: Legend::Lines(keys(section)),
    }
}

/// The legend of all lines of a section: its series, the untouched model last.
pub(crate) fn keys(section: &Section) -> Vec<Key> {
    let series = drawn(section).map(|(style, series)| Key { label: series.label.clone(), style });
    series.chain([Key { label: "untouched model".to_owned(), style: Style::Reference }]).collect()
}

/// Series with their looks, without those that the reference line shows already.
fn drawn(section: &Section) -> impl Iterator<Item = (Style, &Series)> {
    section.styled().filter(|(style, _)| *style != Style::Reference)
}

fn accuracy_lines(section: &Section, task: usize) -> Vec<Line> {
    let untouched = section.first().matrix.untouched();
    let rows = section.tasks().len() + 1;
    let mut lines = vec![level((0..rows).map(|row| (row as f64, cell(&untouched, row, task))))];
    lines.extend(drawn(section).map(|(style, series)| {
        let tip = |learned, spread| format!("{}, {}: {}", series.label, after(section, learned), percent(spread));
        curve(series, style, 0..rows, |run, learned| cell(&run.matrix, learned, task), tip)
    }));
    lines
}

/// The mean of `figure` over seeds, with a band of a standard deviation.
fn curve(
    series: &Series,
    style: Style,
    learned: std::ops::Range<usize>,
    figure: impl Fn(&ReportRun, usize) -> f64,
    tip: impl Fn(usize, Spread) -> String,
) -> Line {
    let point = |learned: usize| {
        let spread = series.spread(|run| figure(run, learned));
        let band = spread.std.map(|std| (spread.mean - std, spread.mean + std));
        Point { x: learned as f64, y: spread.mean, band, tip: Some(tip(learned, spread)) }
    };
    Line { label: series.label.clone(), style, points: learned.map(point).collect() }
}

/// The line of the untouched model.
fn level(points: impl Iterator<Item = (f64, f64)>) -> Line {
    let points = points.map(|(x, y)| Point { x, y, band: None, tip: None }).collect();
    Line { label: "untouched model".to_owned(), style: Style::Reference, points }
}

/// Mean accuracy on the tasks not learned yet after `learned` tasks, of a run and of the untouched model.
fn not_learned(run: &ReportRun, learned: usize) -> Option<(f64, f64)> {
    let mean = |matrix: &AccuracyMatrix| {
        let values: Vec<f64> = matrix.rows().get(learned)?.get(learned..)?.to_vec();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        mean.is_finite().then_some(mean)
    };
    mean(&run.matrix).zip(mean(&run.matrix.untouched()))
}

fn values(line: &Line) -> impl Iterator<Item = f64> + '_ {
    line.points.iter().flat_map(|point| {
        let (low, high) = point.band.unwrap_or((point.y, point.y));
        [low, point.y, high]
    })
}

fn after(section: &Section, learned: usize) -> String {
    learned
        .checked_sub(1)
        .map_or_else(|| "before training".to_owned(), |task| format!("after {}", section.tasks()[task]))
}

fn learned_axis(first: usize, last: usize) -> Axis {
    let ticks = counts(first, last, 8).into_iter().map(|tick| tick as f64).collect();
    // A single task needs some width.
    let domain = (first as f64, (last as f64).max(first as f64 + 1.0));
    Axis { label: "tasks learned".to_owned(), domain, ticks, log: false }
}

/// An axis that does not leave 0 to 100.
fn percent_axis(domain: (f64, f64), ticks: Vec<f64>, label: &str) -> Axis {
    let domain = (domain.0.max(0.0), domain.1.min(100.0));
    let ticks = ticks.into_iter().filter(|tick| (domain.0..=domain.1).contains(tick)).collect();
    Axis { label: label.to_owned(), domain, ticks, log: false }
}
