//! Progress of a run on stderr: a bar on a terminal, a line now and then elsewhere.

mod loads;

use std::{
    io::IsTerminal,
    sync::OnceLock,
    time::{Duration, Instant},
};

use clf_core::{
    Error,
    engine::{Event, Observer},
};
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub use loads::Loads;

/// Time between plain lines where stderr is not a terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// All bars of the process, so that messages do not tear them.
pub fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(MultiProgress::new)
}

/// Prints a line that stays above the bars.
pub fn say(text: &str) {
    bars().suspend(|| eprintln!("{text}"));
}

/// Shows how far something is, how fast it goes and how long it will take.
pub struct Meter {
    bar: ProgressBar,
    plain: bool,
    label: String,
    shown: Instant,
}

impl Meter {
    /// A meter over `total` steps.
    pub fn new(label: String, total: u64) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()).with_prefix(label.clone());
        let template = "{prefix:24!} {bar:28} {pos:>6}/{len} {msg} [{elapsed}, {eta} left]";
        // The template is a constant; should it be wrong, the default style does.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let bar = if plain { bar } else { bars().add(bar) };
        Self { bar, plain, label, shown: Instant::now() }
    }

    /// Advances by `steps` and says `message`.
    pub fn advance(&mut self, steps: u64, message: impl FnOnce() -> String) {
        self.bar.inc(steps);
        if !self.plain {
            self.bar.set_message(message());
        } else if self.shown.elapsed() >= PLAIN_INTERVAL {
            self.shown = Instant::now();
            self.line(&message());
        }
    }

    /// Ends with a line that stays.
    pub fn finish(&self, message: &str) {
        self.bar.finish_and_clear();
        let time = HumanDuration(self.bar.elapsed());
        bars().suspend(|| eprintln!("{}: {message} in {time:#}", self.label));
    }

    fn line(&self, message: &str) {
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or_default());
        let elapsed = self.bar.elapsed();
        let left = elapsed.mul_f64((total.saturating_sub(done)) as f64 / done.max(1) as f64);
        eprintln!("{}: {done}/{total} {message}, {:#} left", self.label, HumanDuration(left));
    }
}

/// Follows the events of a run.
#[derive(Default)]
pub struct Progress {
    tasks: usize,
    meter: Option<Meter>,
    last_loss: f64,
}

impl Progress {
    /// Progress of a run over `tasks` tasks.
    pub fn new(tasks: usize) -> Self {
        Self { tasks, ..Self::default() }
    }
}

impl Observer for Progress {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::TaskStarted { task_id, task, steps } => {
                let label = format!("task {}/{} {}", task_id + 1, self.tasks, task.name);
                self.meter = Some(Meter::new(label, *steps as u64));
            }
            Event::Step(record) => {
                self.last_loss = record.loss;
                if let Some(meter) = &mut self.meter {
                    meter.advance(1, || format!("loss {:.4}, {:.0} images/s", record.loss, record.images_per_second));
                }
            }
            Event::TaskFinished { .. } => {
                if let Some(meter) = self.meter.take() {
                    meter.finish(&format!("loss {:.4}", self.last_loss));
                }
            }
            Event::EvaluationStarted { learned, images } => {
                self.meter = Some(Meter::new(format!("scoring after {learned}/{}", self.tasks), *images as u64));
            }
            Event::Scored { images } => {
                if let Some(meter) = &mut self.meter {
                    meter.advance(*images as u64, || "images".to_owned());
                }
            }
            Event::Evaluated(_) => {
                if let Some(meter) = self.meter.take() {
                    meter.finish("done");
                }
            }
            Event::Gradients { .. } | Event::Untouched(_) | Event::Kept { .. } => {}
        }
        Ok(())
    }
}
