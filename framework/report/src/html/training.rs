//! What every step recorded, over the steps.

use std::collections::BTreeSet;

use super::{
    run::ReportRun,
    section::{Section, Series},
    steps::Quantity,
};
use crate::charts::{Axis, Border, Figure, Key, Legend, Line, Plot, Point, Style, counts, nice};

/// Points of a line, about: as many as a screen shows.
const POINTS: usize = 360;
/// Losses whose largest value is more than this many times the smallest are drawn to a logarithmic scale.
const LINEAR: f64 = 1000.0;

/// Where the tasks begin on a common axis of steps.
struct Timeline {
    /// First step of every task, and the end of the last.
    starts: Vec<usize>,
    /// Whether all runs took equally many steps.
    equal: bool,
}

/// Loss, its terms, learning rate and gradient norm, a panel each; nothing where nothing was trained.
pub(crate) fn training_figure(section: &Section) -> Option<Figure> {
    let timeline = Timeline::of(section);
    if timeline.end() == 0 {
        return None;
    }
    let quantities: BTreeSet<&Quantity> = section.runs().flat_map(|run| run.steps.quantities()).collect();
    let keys = trained(section).map(|(style, series)| Key { label: series.label.clone(), style });
    Some(Figure {
        name: "training".to_owned(),
        title: "Loss terms, learning rate and gradient norm over the steps".to_owned(),
        panels: quantities.into_iter().map(|quantity| panel(section, &timeline, quantity).draw()).collect(),
        legend: Legend::Lines(keys.collect()),
    })
}

/// Series that took a step, with their positions.
fn trained(section: &Section) -> impl Iterator<Item = (Style, &Series)> {
    let steps = |run: &ReportRun| run.steps.quantities().next().is_some();
    section.styled().filter(move |(_, series)| series.runs.iter().any(steps))
}

fn panel(section: &Section, timeline: &Timeline, quantity: &Quantity) -> Plot {
    let line = |(style, series): (Style, &Series)| {
        let points = timeline.points(series, quantity);
        Line { label: series.label.clone(), style, points }
    };
    let lines: Vec<Line> =
        trained(section).map(line).filter(|line| line.points.iter().any(|point| point.y.is_finite())).collect();
    let values = || {
        let of = |point: &Point| point.band.map_or([point.y, point.y], |(low, high)| [low, high]);
        lines.iter().flat_map(|line| &line.points).flat_map(of).filter(|value| value.is_finite())
    };
    let (low, high) = values().fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    let is_loss = matches!(quantity, Quantity::Loss | Quantity::Term(_));
    let log = is_loss && low > 0.0 && high / low > LINEAR;
    let (domain, ticks) = nice(values(), log);
    let title = quantity.title();
    Plot {
        title: if log { format!("{title}, logarithmic") } else { title },
        width: 400.0,
        height: 220.0,
        x: timeline.axis(),
        y: Axis { label: "value".to_owned(), domain, ticks, log },
        borders: timeline.borders(section.tasks()),
        lines,
    }
}

impl Timeline {
    fn of(section: &Section) -> Self {
        let tasks = section.tasks().len();
        let counts = |task: usize| section.runs().map(move |run| run.steps.count(task)).filter(|count| *count > 0);
        let length = |task: usize| counts(task).max().unwrap_or(0);
        let mut starts = vec![0];
        for task in 0..tasks {
            starts.push(starts[task] + length(task));
        }
        let whole = |run: &&ReportRun| run.result.finished && run.steps.quantities().next().is_some();
        let equal =
            section.runs().filter(whole).all(|run| (0..tasks).all(|task| run.steps.count(task) == length(task)));
        Self { starts, equal }
    }

    fn end(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    fn length(&self, task: usize) -> usize {
        self.starts[task + 1] - self.starts[task]
    }

    fn axis(&self) -> Axis {
        let end = self.end() as f64;
        let label = if self.equal { "step" } else { "step of the longest run; other runs are stretched to it" };
        let ticks = counts(0, self.end(), 6).into_iter().map(|tick| tick as f64).collect();
        Axis { label: label.to_owned(), domain: (0.0, end), ticks, log: false }
    }

    fn borders(&self, tasks: &[String]) -> Vec<Border> {
        let border = |(task, name): (usize, &String)| Border {
            x: self.starts[task] as f64,
            end: self.starts[task + 1] as f64,
            name: name.clone(),
        };
        tasks.iter().enumerate().filter(|(task, _)| self.length(*task) > 0).map(border).collect()
    }

    /// The mean over all runs and all steps that fall together, in a band from the smallest to the largest of them.
    fn points(&self, series: &Series, quantity: &Quantity) -> Vec<Point> {
        let tasks = self.starts.len() - 1;
        let most = (POINTS / tasks.max(1)).max(12);
        (0..tasks).flat_map(|task| self.task_points(series, quantity, task, most)).collect()
    }

    /// The points of one task, and a gap behind them.
    fn task_points(&self, series: &Series, quantity: &Quantity, task: usize, most: usize) -> Vec<Point> {
        let (start, length) = (self.starts[task] as f64, self.length(task));
        let buckets = length.min(most);
        let values = series.runs.iter().map(|run| (run.steps.values(task, quantity), self.steps_of(run, task)));
        let collected = bucketed(values, buckets);
        let width = length as f64 / buckets.max(1) as f64;
        let point = |(bucket, values): (usize, Vec<f64>)| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let y = values.iter().sum::<f64>() / values.len() as f64;
            Point { x: start + (bucket as f64 + 0.5) * width, y, band: (low < high).then_some((low, high)), tip: None }
        };
        // Buckets without a value would interrupt a run that is shorter than the longest.
        let points = collected.into_iter().enumerate().filter(|(_, values)| !values.is_empty()).map(point);
        points.chain([Point { x: start + length as f64, y: f64::NAN, band: None, tip: None }]).collect()
    }

    /// Steps that a run takes in a task; those of the longest where the run has not ended the task.
    fn steps_of(&self, run: &ReportRun, task: usize) -> usize {
        let ended = run.result.finished || task < run.learned();
        if ended { run.steps.count(task) } else { self.length(task).max(run.steps.count(task)) }
    }
}

/// Puts the values of some runs, each with the number of steps that it takes, into buckets of equal shares of the steps.
fn bucketed<'a>(runs: impl Iterator<Item = (&'a [f64], usize)>, buckets: usize) -> Vec<Vec<f64>> {
    let mut collected = vec![Vec::new(); buckets];
    for (values, steps) in runs {
        for (step, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let bucket = (step * buckets / steps.max(1)).min(buckets - 1);
            collected[bucket].push(*value);
        }
    }
    collected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_lost_when_steps_are_put_together() {
        let mut values = vec![1.0; 1000];
        values[537] = 99.0;
        let found = bucketed([(&values[..], 1000)].into_iter(), 10);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [100; 10]);
        assert!(found[5].contains(&99.0));
    }

    #[test]
    fn shorter_runs_are_stretched_and_unfinished_ones_are_not() {
        let whole = [1.0, 2.0, f64::NAN, 4.0];
        assert_eq!(bucketed([(&whole[..2], 2)].into_iter(), 4), [vec![1.0], vec![], vec![2.0], vec![]]);
        assert_eq!(bucketed([(&whole[..], 8)].into_iter(), 4), [vec![1.0, 2.0], vec![4.0], vec![], vec![]]);
    }
}
