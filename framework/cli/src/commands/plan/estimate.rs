//! From a few measured steps to a whole run.

use clf_core::engine::Saving;
use serde::Serialize;

use super::{
    tasks::{Plans, TaskPlan},
    watch::{ScoringSpans, Span, Spans, TaskSpans},
};

/// A difference between steps below this share of a step is noise of the clock.
const NOISE: f64 = 0.05;

/// The seconds of a run by what they are spent on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Seconds {
    /// Reading data and weights.
    pub open: f64,
    /// Training steps.
    pub train: f64,
    /// What methods and hooks do around tasks, weights written included.
    pub around: f64,
    /// Scoring test images, that of the untouched model included.
    pub score: f64,
    /// A step of the task with the most text, when all is warm.
    pub step: f64,
    /// An image that is scored.
    pub scored_image: f64,
}

impl Seconds {
    /// The whole run.
    pub fn total(&self) -> f64 {
        self.open + self.train + self.around + self.score
    }
}

/// One of the two clocks.
pub type Clock = fn(&Span) -> f64;

/// Steps of a task in seconds: while a teacher sees images for the first time, and afterwards.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Amount of text in a step.
    text: f64,
    /// A step without new images for a teacher.
    warm: f64,
    /// What a new batch for a teacher adds.
    extra: f64,
}

impl Pace {
    /// From spans of which the first `new` had new images; the very first fills caches and does not count.
    fn of(task: &TaskSpans, text: usize, new: usize, clock: Clock) -> Self {
        let of = |steps: &[Span]| mean(steps.iter().map(clock));
        let steps = &task.steps;
        let new = new.max(1).min(steps.len().saturating_sub(1));
        let warm = of(&steps[new..]);
        let cold = if new > 1 { of(&steps[1..new]) } else { warm };
        let extra = if cold - warm > NOISE * warm { cold - warm } else { 0.0 };
        Self { text: text as f64, warm, extra }
    }
}

/// The mean, 0 of none: what a neighbour on the machine takes from some steps, it takes from the same share of all.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count.max(1))
}

/// Seconds of a warm step with so much text, on the line through the measured ones; never steeper down than flat.
fn warm_step(paces: &[Pace], text: usize) -> f64 {
    match paces {
        [] => 0.0,
        [one] => one.warm,
        [a, b, ..] => {
            let slope = (b.warm - a.warm) / (b.text - a.text);
            if slope.is_finite() && slope > 0.0 {
                (a.warm + slope * (text as f64 - a.text)).max(0.0)
            } else {
                f64::midpoint(a.warm, b.warm)
            }
        }
    }
}

/// The time of a run by one clock.
pub fn seconds(plans: &Plans, spans: &Spans, clock: Clock) -> Seconds {
    let measured = || plans.picks.iter().map(|id| &plans.tasks[*id]).zip(&spans.tasks);
    let paces: Vec<Pace> = measured().map(|(task, spans)| Pace::of(spans, task.text, plans.new_steps, clock)).collect();
    let first_step = spans.tasks.first().and_then(|task| task.steps.first()).map_or(0.0, clock);
    let first_extra = paces.first().map_or(0.0, |pace| (first_step - pace.warm - pace.extra).max(0.0));
    let learned = || plans.tasks.iter().filter(|task| task.steps > 0);
    let of_task = |(position, task): (usize, &TaskPlan)| {
        let pace = paces.get(position.min(1)).or(paces.last());
        let warm = match pace {
            Some(pace) if plans.first_differs => pace.warm,
            _ => warm_step(&paces, task.text),
        };
        task.steps as f64 * warm + task.new_steps.min(task.steps) as f64 * pace.map_or(0.0, |pace| pace.extra)
    };
    let tasks: Vec<f64> = learned().enumerate().map(of_task).collect();
    let train = tasks.iter().sum::<f64>();
    let score = scoring(plans, spans, clock);
    Seconds {
        open: clock(&spans.open),
        train: train + if train > 0.0 { first_extra } else { 0.0 },
        around: around(plans, spans, clock) + saving(plans, spans, &tasks, clock),
        score: score.total,
        step: plans.tasks.iter().map(|task| warm_step(&paces, task.text)).fold(0.0, f64::max),
        scored_image: score.image,
    }
}

/// Checkpoints: between tasks, and within them as often as the rule says; `tasks` are the seconds of training of each.
fn saving(plans: &Plans, spans: &Spans, tasks: &[f64], clock: Clock) -> f64 {
    let mean_of = |is_within: bool| {
        mean(spans.saves.iter().filter(|(_, within)| *within == is_within).map(|(span, _)| clock(span)))
    };
    let (between, within) = (mean_of(false), mean_of(true));
    let learned = plans.tasks.iter().filter(|task| task.is_learned).count();
    let pause = Saving::PAUSE.as_secs_f64().max(f64::from(Saving::RARITY) * within);
    let times: usize = match plans.saving {
        Saving::Off => return 0.0,
        Saving::Auto => tasks.iter().map(|seconds| (seconds / pause) as usize).sum(),
        Saving::Every(steps) => plans.tasks.iter().map(|task| task.steps.saturating_sub(1) / steps).sum(),
    };
    between * (learned + 1) as f64 + within * times as f64
}

/// Begin and end of all tasks; what passes over training images grows with their number.
fn around(plans: &Plans, spans: &Spans, clock: Clock) -> f64 {
    let begin =
        |position: usize| spans.tasks.get(position).or(spans.tasks.last()).map_or(0.0, |task| clock(&task.begin));
    let end = mean(spans.tasks.iter().map(|task| clock(&task.end)));
    let of = |(position, task): (usize, &TaskPlan)| begin(position.min(1)) + end * task.passes;
    plans.tasks.iter().filter(|task| task.is_learned).enumerate().map(of).sum()
}

struct Scoring {
    total: f64,
    image: f64,
}

/// All rows: images, class texts, and writing.
fn scoring(plans: &Plans, spans: &Spans, clock: Clock) -> Scoring {
    let all = || spans.scorings.iter();
    let pure = all().flat_map(|scoring| scoring.batches.iter().skip(1));
    let full = pure.clone().map(|(_, images)| *images).max();
    let per_image: Vec<f64> =
        pure.filter(|(_, images)| Some(*images) == full).map(|(span, images)| clock(span) / *images as f64).collect();
    let firsts = || all().filter_map(|scoring| scoring.batches.first());
    let image = if per_image.is_empty() {
        mean(firsts().map(|(span, images)| clock(span) / *images as f64))
    } else {
        mean(per_image.into_iter())
    };
    let measured_text: usize = plans.picks.iter().map(|id| plans.tasks[*id].eval_text).sum();
    let texts = mean(firsts().map(|(span, images)| clock(span) - image * *images as f64)).max(0.0);
    let per_text = texts / measured_text.max(1) as f64;
    let record = |scoring: &ScoringSpans| clock(&scoring.record);
    let record = mean(all().map(record));
    let row = |tasks: &Vec<usize>| -> f64 {
        let of = |id: &usize| plans.tasks[*id].test as f64 * image + plans.tasks[*id].eval_text as f64 * per_text;
        tasks.iter().map(of).sum::<f64>() + record
    };
    Scoring { total: plans.rows.iter().map(row).sum(), image }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn span(wall: f64) -> Span {
        Span { wall, cpu: 2.0 * wall }
    }

    fn task(text: usize, steps: usize) -> TaskPlan {
        TaskPlan {
            text,
            eval_text: text,
            steps,
            new_steps: 3,
            test: 10,
            is_learned: true,
            passes: 1.0,
            ..TaskPlan::default()
        }
    }

    fn measured(steps: &[f64]) -> TaskSpans {
        TaskSpans { begin: span(1.0), steps: steps.iter().copied().map(span).collect(), end: span(0.5) }
    }

    /// Three tasks, of which the first and the last were measured; the first two steps had new images for the teacher.
    fn world() -> (Plans, Spans) {
        let plans = Plans {
            tasks: vec![task(10, 10), task(20, 10), task(30, 10)],
            picks: vec![0, 2],
            rows: vec![vec![0, 1, 2]; 4],
            new_steps: 3,
            first_differs: false,
            saving: Saving::Off,
        };
        let first = measured(&[9.0, 1.5, 1.5, 1.0, 1.0]);
        let second = measured(&[2.0, 2.0, 2.0, 2.0, 2.0]);
        let scoring =
            ScoringSpans { batches: vec![(span(5.0), 10), (span(1.0), 10), (span(0.5), 4)], record: span(0.25) };
        (
            plans,
            Spans {
                open: span(3.0),
                tasks: vec![first, second],
                scorings: vec![scoring; 3],
                saves: vec![(span(0.5), false), (span(2.0), true)],
            },
        )
    }

    #[test]
    fn steps_between_the_measured_tasks_lie_on_a_line_and_new_images_cost_extra() {
        let (plans, spans) = world();
        let made = seconds(&plans, &spans, |span| span.wall);
        // 10 x (1 + 1.5 + 2), 3 x 0.5 for the teacher in the first task, and the first step's 9 - 1.5.
        assert_eq!((made.train, made.step, made.open), (45.0 + 1.5 + 7.5, 2.0, 3.0));
        assert_eq!(made.around, 3.0 * 1.5);
    }

    #[test]
    fn rows_have_all_images_and_texts() {
        let (plans, spans) = world();
        let made = seconds(&plans, &spans, |span| span.wall);
        // 4 seconds for 40 units of text, of which there are 60; 0.1 an image.
        assert!((made.score - 4.0 * (3.0 + 6.0 + 0.25)).abs() < 1e-9, "{made:?}");
        assert!((made.total() - (54.0 + 3.0 + 4.5 + 37.0)).abs() < 1e-9, "{made:?}");
        let cpu = seconds(&plans, &spans, |span| span.cpu);
        assert!((cpu.total() - 2.0 * made.total()).abs() < 1e-9);
    }

    #[test]
    fn checkpoints_are_made_between_tasks_and_as_often_within_them_as_the_rule_says() {
        let (mut plans, spans) = world();
        let mut around = |saving| {
            plans.saving = saving;
            seconds(&plans, &spans, |span| span.wall).around - 4.5
        };
        // Four of half a second between tasks; of ten steps the third, sixth and ninth.
        assert_eq!(around(Saving::Every(NonZeroUsize::new(3).unwrap())), 4.0 * 0.5 + 9.0 * 2.0);
        // No task takes as long as a hundred times the two seconds of a checkpoint.
        assert_eq!(around(Saving::Auto), 2.0);
    }

    #[test]
    fn a_run_that_learns_nothing_is_one_row() {
        let (mut plans, mut spans) = world();
        plans.tasks.iter_mut().for_each(|task| (task.steps, task.is_learned) = (0, false));
        plans.rows.truncate(1);
        spans.tasks.clear();
        let made = seconds(&plans, &spans, |span| span.wall);
        assert_eq!((made.train, made.around), (0.0, 0.0));
        assert!(made.score > 0.0);
    }
}
