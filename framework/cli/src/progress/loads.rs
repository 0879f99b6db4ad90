//! Progress of downloads: a bar a file on a terminal, a line now and then elsewhere.

use std::{
    collections::HashMap,
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use clf_fetch::{Progress, Stage, size};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{PLAIN_INTERVAL, bars, say};

/// Follows any number of downloads at once.
pub struct Loads {
    plain: bool,
    shown: Mutex<HashMap<(String, &'static str), Shown>>,
}

struct Shown {
    bar: ProgressBar,
    line: Instant,
    start: u64,
}

impl Loads {
    /// Nothing is loaded yet.
    pub fn new() -> Self {
        Self { plain: !std::io::stderr().is_terminal(), shown: Mutex::default() }
    }

    fn bar(&self, file: &str, stage: Stage, total: Option<u64>) -> ProgressBar {
        let label = if stage == Stage::Loading { file.to_owned() } else { format!("{} {file}", verb(stage)) };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden()).with_prefix(label);
        let template = "{prefix:32!} {bar:28} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} [{elapsed}, {eta} left]";
        // The template is a constant; should it be wrong, the default style does.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if self.plain { bar } else { bars().add(bar) }
    }
}

fn verb(stage: Stage) -> &'static str {
    match stage {
        Stage::Loading => "loading",
        Stage::Checking => "checking",
        Stage::Unpacking => "unpacking",
    }
}

impl Progress for Loads {
    fn begin(&self, file: &str, stage: Stage, total: Option<u64>, done: u64) {
        let bar = self.bar(file, stage, total);
        bar.set_position(done);
        bar.reset_eta();
        if self.plain && stage == Stage::Loading {
            let from = if done > 0 { format!(", {} are there", size(done)) } else { String::new() };
            say(&format!(
                "loading {file}{}{from}",
                total.map(|total| format!(", {}", size(total))).unwrap_or_default()
            ));
        }
        let shown = Shown { bar, line: Instant::now(), start: done };
        let mut all = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = all.insert((file.to_owned(), verb(stage)), shown) {
            before.bar.finish_and_clear();
        }
    }

    fn advance(&self, file: &str, stage: Stage, bytes: u64) {
        let mut all = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shown) = all.get_mut(&(file.to_owned(), verb(stage))) else { return };
        shown.bar.inc(bytes);
        if self.plain && shown.line.elapsed() >= PLAIN_INTERVAL {
            shown.line = Instant::now();
            let (done, elapsed) = (shown.bar.position(), shown.bar.elapsed());
            let rate = (done - shown.start) as f64 / elapsed.as_secs_f64().max(0.001);
            let of = shown.bar.length().map(|total| format!(" of {}", size(total))).unwrap_or_default();
            say(&format!("{} {file}: {}{of}, {}/s", verb(stage), size(done), size(rate as u64)));
        }
    }

    fn end(&self, file: &str, stage: Stage) {
        let mut all = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shown) = all.remove(&(file.to_owned(), verb(stage))) else { return };
        shown.bar.finish_and_clear();
        if stage != Stage::Checking {
            let (bytes, time) = (size(shown.bar.position()), HumanDuration(shown.bar.elapsed()));
            say(&format!("{} {file}: {bytes} in {time:#}", verb(stage)));
        }
    }

    fn failed(&self, _file: &str, url: &str, reason: &str) {
        say(&format!("{url}: {reason}"));
    }

    fn waiting(&self, _file: &str, url: &str, reason: &str, wait: Duration) {
        say(&format!("{url}: {reason}; again in {} s", wait.as_secs_f64().ceil()));
    }
}
