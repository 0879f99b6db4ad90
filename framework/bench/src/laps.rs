//! Wall time between events.

use std::time::Instant;

use clf_core::{
    Error,
    engine::{Event, Observer},
};
use serde::Serialize;

/// A stopwatch: the time from each event to the next.
#[derive(Debug)]
pub struct Laps {
    last: Instant,
    milliseconds: Vec<f64>,
}

impl Default for Laps {
    fn default() -> Self {
        Self { last: Instant::now(), milliseconds: Vec::new() }
    }
}

impl Laps {
    /// Starts a lap.
    pub fn start(&mut self) {
        self.last = Instant::now();
    }

    /// Ends a lap and starts the next one.
    pub fn lap(&mut self) {
        let now = Instant::now();
        self.milliseconds.push((now - self.last).as_secs_f64() * 1e3);
        self.last = now;
    }

    /// All laps together in milliseconds.
    pub fn total(&self) -> f64 {
        self.milliseconds.iter().sum()
    }

    /// Median and extremes of the laps behind the first `warmup`.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub fn spread(&self, warmup: usize) -> Result<Spread, Error> {
        let mut laps: Vec<f64> = self.milliseconds.iter().skip(warmup).copied().collect();
        laps.sort_by(f64::total_cmp);
        match laps[..] {
            [] => Err(Error::config("--steps", "nothing was timed; it must be 1 or more")),
            [ms_min, ..] => {
                let middle = laps.len() / 2;
                let lower = if laps.len().is_multiple_of(2) { laps[middle - 1] } else { laps[middle] };
                Ok(Spread { ms_median: f64::midpoint(lower, laps[middle]), ms_min, ms_max: laps[laps.len() - 1] })
            }
        }
    }
}

/// Times steps; a step has reached the host when its event comes, since its loss is in the event.
impl Observer for Laps {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::TaskStarted { .. } => self.start(),
            Event::Step(_) => self.lap(),
            _ => {}
        }
        Ok(())
    }
}

/// Median and extremes of some laps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Median in milliseconds.
    pub ms_median: f64,
    /// The shortest lap.
    pub ms_min: f64,
    /// The longest lap.
    pub ms_max: f64,
}

impl Spread {
    /// The spread as people read it.
    pub fn line(&self) -> String {
        format!("median {:.1} ms (min {:.1}, max {:.1})", self.ms_median, self.ms_min, self.ms_max)
    }

    /// `count` things a lap as things per second.
    pub fn per_second(&self, count: usize) -> f64 {
        count as f64 * 1e3 / self.ms_median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warm_up_does_not_count_and_the_median_lies_in_the_middle() {
        let laps = |milliseconds: &[f64]| Laps { milliseconds: milliseconds.to_vec(), ..Laps::default() };
        let spread = |ms_median, ms_min, ms_max| Spread { ms_median, ms_min, ms_max };
        assert_eq!(laps(&[900.0, 3.0, 1.0, 8.0]).spread(1).unwrap(), spread(3.0, 1.0, 8.0));
        assert_eq!(laps(&[900.0, 3.0, 1.0, 8.0, 4.0]).spread(1).unwrap(), spread(3.5, 1.0, 8.0));
        assert!(laps(&[900.0]).spread(1).unwrap_err().to_string().contains("--steps"));
    }
}
