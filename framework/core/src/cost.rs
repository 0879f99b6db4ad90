//! What a run costs: parameters, time and memory.

use std::time::{Duration, Instant};

use clf_clip::{ClipConfig, Weights};
use serde::{Deserialize, Serialize};

use crate::{
    capabilities::Trains,
    engine::{Event, StepRecord},
    process,
    state::State,
};

/// What a method or hook keeps from task to task, beside the weights of the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Numbers: of tensors such as Fisher information, heads and anchors, or stored scores.
    pub numbers: u64,
    /// Images of earlier tasks.
    pub images: u64,
    /// The untouched model, to be compared with in later tasks.
    pub untouched_model: bool,
}

impl Kept {
    /// The numbers in the tensors of a state.
    pub fn of(state: &State) -> Self {
        Self { numbers: state.tensors.values().map(|tensor| tensor.data.len() as u64).sum(), ..Self::default() }
    }

    /// Both together; the untouched model is kept once.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            numbers: self.numbers + other.numbers,
            images: self.images + other.images,
            untouched_model: self.untouched_model || other.untouched_model,
        }
    }
}

/// What a run cost; in `result.json`. Parameters are known once all tasks are learned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Cost {
    /// Parameters that training steps change: of the model, and those of the method's own in all tasks together.
    pub trained_parameters: u64,
    /// Those of them that are the method's own, for example heads.
    pub own_parameters: u64,
    /// Numbers that are kept after the last task: the weights, and what method and hooks need for another task.
    pub stored_parameters: u64,
    /// Images of earlier tasks that are kept beside them.
    pub stored_images: u64,
    /// Processor time of the whole process while the run went on, of all threads, in the program and in the system.
    pub cpu_seconds: Option<f64>,
    /// Time in which a GPU was trained or scored on, waiting for images included; nothing on the CPU.
    pub gpu_seconds: Option<f64>,
    /// Most memory of the process while the run went on, in bytes; that of a GPU is not counted.
    pub peak_memory_bytes: Option<u64>,
    /// Whether earlier runs of the same process may have had that peak, because it could not be reset.
    pub peak_memory_of_process: bool,
    /// Wall time that went into checkpoints.
    pub checkpoint_seconds: f64,
    /// Training steps.
    pub steps: u64,
    /// Images of the tasks and of other streams that training steps went through, per second of the steps: the harmonic
    /// mean over steps.
    pub images_per_second: Option<f64>,
}

impl Cost {
    /// Adds what a later part of the same run cost: times add up, of the memory the larger peak counts.
    pub fn add(&mut self, later: &Self) {
        let of_model = |cost: &Self| cost.trained_parameters - cost.own_parameters.min(cost.trained_parameters);
        let of_model = of_model(self).max(of_model(later));
        self.own_parameters += later.own_parameters;
        self.trained_parameters = of_model + self.own_parameters;
        self.stored_parameters = self.stored_parameters.max(later.stored_parameters);
        self.stored_images = self.stored_images.max(later.stored_images);
        self.cpu_seconds = either(self.cpu_seconds, later.cpu_seconds, |a, b| a + b);
        self.gpu_seconds = either(self.gpu_seconds, later.gpu_seconds, |a, b| a + b);
        self.peak_memory_bytes = either(self.peak_memory_bytes, later.peak_memory_bytes, u64::max);
        self.peak_memory_of_process |= later.peak_memory_of_process;
        self.checkpoint_seconds += later.checkpoint_seconds;
        let seconds_an_image = |cost: &Self| cost.images_per_second.map(|rate| cost.steps as f64 / rate);
        let seconds = either(seconds_an_image(self), seconds_an_image(later), |a, b| a + b);
        self.steps += later.steps;
        self.images_per_second = seconds.map(|seconds| self.steps as f64 / seconds);
    }

    fn step(&mut self, record: &StepRecord) {
        let rate = Some(record.timing.images_per_second).filter(|rate| rate.is_finite() && *rate > 0.0);
        self.add(&Self { steps: 1, images_per_second: rate, ..Self::default() });
    }
}

fn either<T>(left: Option<T>, right: Option<T>, both: impl Fn(T, T) -> T) -> Option<T> {
    match (left, right) {
        (Some(left), Some(right)) => Some(both(left, right)),
        (left, right) => left.or(right),
    }
}

/// Measures a run while it goes on.
pub struct CostMeter {
    /// Of parts of the run in earlier processes.
    earlier: Cost,
    cost: Cost,
    model: Vec<(String, u64)>,
    cpu_before: Option<f64>,
    on_gpu: bool,
    busy_since: Option<Instant>,
}

impl CostMeter {
    /// Starts to measure a run of a model of this shape.
    pub fn start(model: &ClipConfig, on_gpu: bool) -> Self {
        let numbers = |(name, shape): (String, Vec<usize>)| (name, shape.iter().map(|size| *size as u64).product());
        let peak_memory_of_process = !process::reset_peak_memory();
        Self {
            earlier: Cost::default(),
            cost: Cost { peak_memory_of_process, ..Cost::default() },
            model: model.expected_keys().into_iter().map(numbers).collect(),
            cpu_before: process::cpu_seconds(),
            on_gpu,
            busy_since: None,
        }
    }

    /// Goes on with a run whose earlier part, in another process, cost `earlier`.
    #[must_use]
    pub fn after(self, earlier: Option<Cost>) -> Self {
        Self { earlier: earlier.unwrap_or_default(), ..self }
    }

    /// What the run has cost so far.
    pub fn cost(&self) -> Cost {
        let mut now = self.cost.clone();
        now.cpu_seconds = self.cpu_before.and_then(|before| Some(process::cpu_seconds()? - before));
        now.peak_memory_bytes = process::peak_memory();
        if let Some(since) = self.busy_since.filter(|_| self.on_gpu) {
            *now.gpu_seconds.get_or_insert(0.0) += since.elapsed().as_secs_f64();
        }
        now.trained_parameters += now.own_parameters;
        let mut cost = self.earlier.clone();
        cost.add(&now);
        cost
    }

    /// Adds the time that a checkpoint took.
    pub fn saved(&mut self, time: Duration) {
        self.cost.checkpoint_seconds += time.as_secs_f64();
    }

    /// Sees what happens in the run.
    pub fn on_event(&mut self, event: &Event<'_>) {
        match event {
            Event::TaskStarted { .. } | Event::EvaluationStarted { .. } => self.busy_since = Some(Instant::now()),
            Event::Step(record) => self.cost.step(record),
            Event::TaskFinished { weights, .. } => {
                self.pause();
                self.cost.own_parameters += self.own(weights);
            }
            Event::Untouched(_) | Event::Evaluated(_) => self.pause(),
            Event::Kept { trains, kept } => self.kept(*trains, *kept),
            _ => {}
        }
    }

    fn pause(&mut self) {
        if let Some(since) = self.busy_since.take().filter(|_| self.on_gpu) {
            *self.cost.gpu_seconds.get_or_insert(0.0) += since.elapsed().as_secs_f64();
        }
    }

    /// Numbers in `weights` that are not the model's.
    fn own(&self, weights: &Weights) -> u64 {
        let is_own = |name: &str| self.model.iter().all(|(known, _)| known != name);
        weights.iter().filter(|(name, _)| is_own(name)).map(|(_, value)| value.dims()[0] as u64).sum()
    }

    fn kept(&mut self, trains: Trains, kept: Kept) {
        let count = |included: &dyn Fn(&str) -> bool| -> u64 {
            self.model.iter().filter(|(name, _)| included(name)).map(|(_, count)| count).sum()
        };
        let model = count(&|_| true);
        self.cost.trained_parameters = count(&|name| trains.includes(name));
        self.cost.stored_parameters = model * (1 + u64::from(kept.untouched_model)) + kept.numbers;
        self.cost.stored_images = kept.images;
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::engine::StepTiming;

    fn record(images_per_second: f64) -> StepRecord {
        StepRecord {
            task: 0,
            step: 0,
            loss: 0.0,
            terms: BTreeMap::new(),
            lr: 0.0,
            grad_norm: 0.0,
            timing: StepTiming { seconds: 0.0, images_per_second, data_seconds: 0.0 },
        }
    }

    #[test]
    fn the_parts_of_a_run_add_up_and_the_larger_peak_counts() {
        let part = |seconds: f64, peak: u64, steps: u64, rate: f64| Cost {
            trained_parameters: 10 + 3,
            own_parameters: 3,
            cpu_seconds: Some(seconds),
            peak_memory_bytes: Some(peak),
            steps,
            images_per_second: Some(rate),
            ..Cost::default()
        };
        let mut cost = part(1.5, 70, 3, 10.0);
        cost.add(&part(2.0, 50, 1, 2.0));
        assert_eq!((cost.trained_parameters, cost.own_parameters), (16, 6), "heads of both parts, the model once");
        assert_eq!((cost.cpu_seconds, cost.peak_memory_bytes, cost.gpu_seconds), (Some(3.5), Some(70), None));
        // Four steps of 10 images in 3 * 1 s and 5 s.
        assert_eq!((cost.steps, cost.images_per_second), (4, Some(5.0)));
    }

    #[test]
    fn a_run_in_two_processes_costs_what_one_in_one_costs() {
        let model = ClipConfig::mini();
        let meter = |rates: &[f64]| {
            let mut meter = CostMeter::start(&model, false);
            for rate in rates {
                meter.on_event(&Event::Step(&record(*rate)));
            }
            meter
        };
        let whole = meter(&[10.0, 20.0, 40.0]).cost();
        let parts = meter(&[20.0, 40.0]).after(Some(meter(&[10.0]).cost())).cost();
        assert_eq!(whole.steps, parts.steps);
        let (whole, parts) = (whole.images_per_second.unwrap(), parts.images_per_second.unwrap());
        // Harmonic: 3 / (0.1 + 0.05 + 0.025).
        assert!((whole - 120.0 / 7.0).abs() < 1e-9 && (parts - whole).abs() < 1e-9, "{whole} {parts}");
    }

    #[test]
    fn parameters_are_those_of_the_model_and_what_is_kept_beside_it() {
        let model = ClipConfig::mini();
        let all: u64 = Weights::of(&model.init(&Device::flex())).iter().map(|(_, value)| value.dims()[0] as u64).sum();
        let mut meter = CostMeter::start(&model, false);
        let head = Tensor::<1>::from_data([1.0_f32, 2.0, 3.0], &Device::flex());
        let weights: Weights = [(Arc::from("head"), head)].into_iter().collect();
        for task_id in 0..2 {
            meter.on_event(&Event::TaskFinished { task_id, student: &weights, weights: &weights });
        }
        let kept = Kept { numbers: 6, images: 9, untouched_model: true };
        meter.on_event(&Event::Kept { trains: Trains::Both, kept });
        let cost = meter.cost();
        // The logit scale is never trained; a head of three numbers in each of two tasks is.
        assert_eq!((cost.trained_parameters, cost.own_parameters), (all - 1 + 6, 6));
        assert_eq!((cost.stored_parameters, cost.stored_images), (2 * all + 6, 9));
        assert_eq!(cost.gpu_seconds, None);
        meter.on_event(&Event::Kept { trains: Trains::Nothing, kept: Kept::default() });
        assert_eq!((meter.cost().trained_parameters, meter.cost().stored_parameters), (6, all));
    }

    #[test]
    fn a_record_of_an_earlier_version_has_no_cost() {
        assert_eq!(serde_json::from_str::<Cost>("{}").unwrap(), Cost::default());
    }
}
