use std::f64::consts::PI;

/// Linear warm-up, then half a cosine down to zero (reference scripts, `cosine_lr`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Peak learning rate.
    pub peak: f64,
    /// Steps of warm-up.
    pub warmup: usize,
    /// The iteration at which the rate reaches zero; it is still run.
    pub total: usize,
}

impl Schedule {
    /// Learning rate of the 0-based `iteration`.
    ///
    /// A task that is not longer than the warm-up never leaves it. At `warmup == total`, where the original divides by
    /// zero, the last iteration has rate 0.
    pub fn at(&self, iteration: usize) -> f64 {
        if iteration < self.warmup {
            return self.peak * (iteration + 1) as f64 / self.warmup as f64;
        }
        if iteration >= self.total {
            return 0.0;
        }
        let progress = (iteration - self.warmup) as f64 / (self.total - self.warmup) as f64;
        0.5 * (1.0 + (PI * progress).cos()) * self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_linearly_and_falls_to_zero() {
        let schedule = Schedule { peak: 1.0, warmup: 4, total: 12 };
        assert_eq!([0, 1, 2, 3].map(|i| schedule.at(i)), [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(schedule.at(4), 1.0);
        assert!((schedule.at(8) - 0.5).abs() < 1e-12);
        assert_eq!(schedule.at(12), 0.0);
    }

    #[test]
    fn a_short_task_stays_in_the_warm_up() {
        let schedule = Schedule { peak: 3.0, warmup: 30, total: 12 };
        assert!((schedule.at(12) - 1.3).abs() < 1e-12);
        assert_eq!(Schedule { peak: 1.0, warmup: 30, total: 30 }.at(30), 0.0);
    }
}
