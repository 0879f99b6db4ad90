use clf_clip::Weights;
use serde::{Deserialize, Serialize};

use crate::{
    capabilities::Capabilities,
    cost::Kept,
    error::Error,
    hook::RegularizerHook,
    state::{Past, State},
    task::TaskContext,
};

/// What is averaged with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmaMode {
    /// An exponential moving average of the student, kept aside: `a = decay a + (1 - decay) theta`. The task leaves `a`
    /// behind.
    Average,
    /// Pulls the student itself towards the start of the task: `theta = decay theta + (1 - decay) theta_start` (reference,
    /// `mv_avg_model n`).
    TaskStart,
    /// The same towards the untouched model (`zeroshot`).
    ZeroShot,
    /// The same towards the student as it was before the previous pull (`t`).
    Previous,
}

/// Exponential moving averages in weight space (`moving_avg` of the reference).
///
/// Like the weight ensemble, it acts after step 0 and then every `every` steps. The three published modes change the
/// student and leave the optimizer's moments alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ema {
    /// What is averaged with what.
    pub mode: EmaMode,
    /// Share of what stays.
    pub decay: f64,
    /// Steps between averages.
    pub every: usize,
    /// The average, or what the student is pulled towards.
    #[serde(skip)]
    other: Weights,
}

impl RegularizerHook for Ema {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { averages: self.mode == EmaMode::Average, ..Capabilities::default() }
    }

    fn check(&self) -> Result<(), Error> {
        if self.every == 0 {
            return Err(Error::config("hook.ema.every", "must be 1 or more"));
        }
        if !(0.0..=1.0).contains(&self.decay) {
            return Err(Error::config("hook.ema.decay", "must be from 0 to 1"));
        }
        Ok(())
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        self.other = match self.mode {
            // A method's own parameters are not in the untouched model; they are left alone.
            EmaMode::ZeroShot => Weights::of(task.zero_shot),
            EmaMode::Average | EmaMode::TaskStart | EmaMode::Previous => task.weights.clone(),
        };
        Ok(())
    }

    fn after_step(&mut self, iteration: usize, weights: &mut Weights) -> Result<(), Error> {
        if !iteration.is_multiple_of(self.every) {
            return Ok(());
        }
        if self.mode == EmaMode::Average {
            self.other = self.other.interpolate(weights, self.decay);
            return Ok(());
        }
        let pulled = weights.updated(&weights.interpolate(&self.other, self.decay));
        let before = std::mem::replace(weights, pulled);
        if self.mode == EmaMode::Previous {
            self.other = before;
        }
        Ok(())
    }

    fn end_task(&mut self, _task: &TaskContext<'_>, weights: &mut Weights) -> Result<(), Error> {
        let other = std::mem::take(&mut self.other);
        if self.mode == EmaMode::Average {
            *weights = other;
        }
        Ok(())
    }

    fn save(&self) -> Result<State, Error> {
        Ok(match self.mode {
            EmaMode::Average | EmaMode::Previous => State::default().with_weights("other", &self.other),
            EmaMode::TaskStart | EmaMode::ZeroShot => State::default(),
        })
    }

    fn kept(&self) -> Result<Kept, Error> {
        let untouched_model = self.mode == EmaMode::ZeroShot;
        Ok(Kept { untouched_model, ..Kept::of(&self.save()?) })
    }

    fn load(&mut self, state: &State, past: &Past<'_>) -> Result<(), Error> {
        if matches!(self.mode, EmaMode::Average | EmaMode::Previous) {
            self.other = state.weights("other", past.device)?;
        }
        Ok(())
    }
}

crate::register_hook! {
    name: "ema",
    summary: "Exponential moving averages of the weights, in four variants.",
    paper: "Tarvainen and Valpola 2017, arXiv 1703.01780; variants of the ZSCL reference code (moving_avg)",
    defaults: "# average, task-start, zero-shot or previous; the last three are those of the reference code.\nmode = \"average\"\n\
               # Ours: a window of some hundred steps, as that of the reference (0.999, every 100) hardly moves.\n\
               decay = 0.9\nevery = 10\n",
    hook: Ema,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use burn::tensor::{Device, Tensor};

    use super::*;

    fn weights(value: f32) -> Weights {
        [(Arc::from("w"), Tensor::<1>::from_data([value], &Device::flex()))].into_iter().collect()
    }

    fn value(weights: &Weights) -> f32 {
        weights.get("w").unwrap().clone().into_scalar()
    }

    #[test]
    fn an_average_is_kept_beside_the_student_and_skips_steps() {
        let mut hook = Ema { mode: EmaMode::Average, decay: 0.75, every: 2, other: weights(1.0) };
        let mut student = weights(3.0);
        for iteration in 0..3 {
            hook.after_step(iteration, &mut student).unwrap();
        }
        // 0.75 + 0.75 = 1.5 after step 0, nothing after step 1, 1.125 + 0.75 after step 2.
        assert_eq!((value(&hook.other), value(&student)), (1.875, 3.0));
    }

    #[test]
    fn a_student_can_be_pulled_towards_what_it_was_before_the_previous_pull() {
        let mut hook = Ema { mode: EmaMode::Previous, decay: 0.5, every: 1, other: weights(1.0) };
        let mut student = weights(3.0);
        hook.after_step(0, &mut student).unwrap();
        assert_eq!((value(&hook.other), value(&student)), (3.0, 2.0));
    }
}
