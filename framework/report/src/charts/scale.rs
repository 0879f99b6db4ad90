//! Axes: from values to places, and where the ticks are.

/// A way from values to places on the paper.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Smallest and largest value.
    pub domain: (f64, f64),
    /// Places of both.
    pub range: (f64, f64),
    /// Whether equal ratios, not equal differences, have equal lengths.
    pub log: bool,
}

impl Scale {
    /// The place of `value`.
    pub fn at(&self, value: f64) -> f64 {
        let of = |value: f64| if self.log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let (low, high) = (of(self.domain.0), of(self.domain.1));
        let share = if high > low { (of(value) - low) / (high - low) } else { 0.5 };
        self.range.0 + share * (self.range.1 - self.range.0)
    }
}

/// A round range around `values` and its ticks. Nothing finite gives 0 to 1.
pub(crate) fn nice(values: impl Iterator<Item = f64>, log: bool) -> ((f64, f64), Vec<f64>) {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    match (low.is_finite(), log) {
        (false, _) => nice_linear(0.0, 1.0),
        (true, true) => nice_log(low, high),
        (true, false) => nice_linear(low, high),
    }
}

fn nice_linear(low: f64, high: f64) -> ((f64, f64), Vec<f64>) {
    // One value needs some room around it.
    let room = if high > low { 0.0 } else { low.abs().max(1.0) / 2.0 };
    let (low, high) = (low - room, high + room);
    let step = round_step((high - low) / 5.0);
    let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
    let ticks: Vec<f64> = (first..=last).map(|tick| tick as f64 * step).collect();
    ((first as f64 * step, last as f64 * step), ticks)
}

fn nice_log(low: f64, high: f64) -> ((f64, f64), Vec<f64>) {
    let (first, last) = (low.log10().floor() as i32, (high.log10().ceil() as i32).max(low.log10().floor() as i32 + 1));
    let every = ((last - first) / 5).max(0) + 1;
    let ticks = (first..=last).step_by(every as usize).map(|power| 10_f64.powi(power)).collect();
    ((10_f64.powi(first), 10_f64.powi(last)), ticks)
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    // 5 and not 5.000000001 is wanted for 5.
    [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|round| *round >= step * 0.999).unwrap_or(step)
}

/// Ticks at whole numbers from `first` to `last`, at most about `most` of them.
pub(crate) fn counts(first: usize, last: usize, most: usize) -> Vec<usize> {
    let step = round_step(((last - first) as f64 / most as f64).max(1.0)) as usize;
    (first..=last).step_by(step.max(1)).collect()
}

/// A tick's number: as short as it can be.
pub(crate) fn tick(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        // So many digits, and none that adding up steps leaves behind.
        return format!("{value:.4e}")
            .parse()
            .map_or_else(|_| value.to_string(), |rounded: f64| format!("{rounded:e}"));
    }
    // Rounding takes away what adding up steps leaves behind.
    let rounded = (value * 1e6).round() / 1e6;
    if size >= 10_000.0 && rounded % 1000.0 == 0.0 { format!("{}k", rounded / 1000.0) } else { rounded.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_at_round_numbers_and_hold_all_values() {
        let (domain, ticks) = nice([31.2, 88.0, f64::NAN].into_iter(), false);
        assert_eq!((domain, ticks), ((20.0, 100.0), vec![20.0, 40.0, 60.0, 80.0, 100.0]));
        assert_eq!(nice([5.0, 5.0].into_iter(), false).0, (2.0, 8.0));
        let (low, high) = nice([0.0].into_iter(), false).0;
        assert!((low + 0.6).abs() < 1e-9 && (high - 0.6).abs() < 1e-9, "{low} to {high}");
        assert_eq!(nice(std::iter::empty(), false).0, (0.0, 1.0));
    }

    #[test]
    fn a_logarithmic_range_ends_at_powers_of_ten() {
        let (domain, ticks) = nice([0.02, 30.0].into_iter(), true);
        assert_eq!((domain, ticks), ((0.01, 100.0), vec![0.01, 0.1, 1.0, 10.0, 100.0]));
        let scale = Scale { domain, range: (0.0, 100.0), log: true };
        assert!((scale.at(1.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn places_follow_values() {
        let scale = Scale { domain: (20.0, 100.0), range: (200.0, 0.0), log: false };
        assert_eq!([20.0, 60.0, 100.0].map(|value| scale.at(value)), [200.0, 100.0, 0.0]);
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!([0.1 + 0.2, 0.0, 20_000.0, 3.0 * 2e-4, 1500.0].map(tick), ["0.3", "0", "20k", "6e-4", "1500"]);
        assert_eq!(counts(0, 7, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(counts(0, 50, 8), [0, 10, 20, 30, 40, 50]);
        assert_eq!(counts(3, 3, 8), [3]);
    }
}
