//! Where the time of a run goes: every event ends a span.

use std::time::Instant;

use clf_core::{
    Error,
    engine::{Event, Observer},
    process,
};
use serde::{Deserialize, Serialize};

/// Time of the clock, and of all cores together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Seconds of the clock.
    pub wall: f64,
    /// Seconds that cores worked for this process.
    pub cpu: f64,
}

/// A task as it went.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TaskSpans {
    /// From the row before to the first step.
    pub begin: Span,
    /// Every step.
    pub steps: Vec<Span>,
    /// From the last step to the weights that are kept.
    pub end: Span,
}

/// A scoring of all test sets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ScoringSpans {
    /// Every batch, with its number of images; the first one includes the class texts.
    pub batches: Vec<(Span, usize)>,
    /// From the last batch to the row on the disk.
    pub record: Span,
}

/// A run as it went.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Spans {
    /// From the start of the process to the first scoring.
    pub open: Span,
    /// The tasks.
    pub tasks: Vec<TaskSpans>,
    /// The scorings, that of the untouched model first.
    pub scorings: Vec<ScoringSpans>,
    /// Checkpoints, and whether they were made within a task.
    pub saves: Vec<(Span, bool)>,
}

/// Watches a run.
pub struct Watch {
    last: (Instant, f64),
    /// What it saw.
    pub spans: Spans,
}

impl Watch {
    /// A watch that starts at `started`, the start of the process.
    pub fn since(started: Instant) -> Self {
        Self { last: (started, 0.0), spans: Spans::default() }
    }

    /// The time since the last event.
    fn lap(&mut self) -> Span {
        let now = (Instant::now(), process::cpu_seconds().unwrap_or_default());
        let span = Span { wall: (now.0 - self.last.0).as_secs_f64(), cpu: now.1 - self.last.1 };
        self.last = now;
        span
    }
}

impl std::ops::AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
    }
}

impl Observer for Watch {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        if matches!(event, Event::Gradients { .. } | Event::Kept { .. }) {
            // A part of the step or scoring that is under way.
            return Ok(());
        }
        let span = self.lap();
        let Spans { open, tasks, scorings, saves } = &mut self.spans;
        match event {
            Event::TaskStarted { .. } => tasks.push(TaskSpans { begin: span, ..TaskSpans::default() }),
            Event::Step(_) => tasks.last_mut().into_iter().for_each(|task| task.steps.push(span)),
            Event::TaskFinished { .. } => tasks.last_mut().into_iter().for_each(|task| task.end += span),
            Event::EvaluationStarted { .. } => {
                match tasks.last_mut() {
                    Some(task) => task.end += span,
                    None => *open = span,
                }
                scorings.push(ScoringSpans::default());
            }
            Event::Scored { images } => {
                scorings.last_mut().into_iter().for_each(|scoring| scoring.batches.push((span, *images)));
            }
            Event::Checkpoint { checkpoint, .. } => saves.push((span, checkpoint.task.is_some())),
            Event::Untouched(_) | Event::Evaluated(_) => {
                scorings.last_mut().into_iter().for_each(|scoring| scoring.record += span);
            }
            Event::Gradients { .. } | Event::Kept { .. } => {}
        }
        Ok(())
    }
}
