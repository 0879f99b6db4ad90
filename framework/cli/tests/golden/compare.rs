//! Holds a replayed trajectory against the recorded one.

use std::fmt;

use clf_clip::{HostTensor, StateDict};

use super::{
    folder::{Array, Golden, limit, names},
    replay::Replayed,
};

const LOSS: f64 = 5e-6;
/// Rounding noise in the key biases leaks into the sum of squares.
const LOSS_WITH_L2: f64 = 5e-5;
/// A single term may stray further than the loss: this many times as far as the recorded 32-bit run does from the 64-bit one.
const TERM_SPREAD: f64 = 3.0;
const GRADIENT_ABSOLUTE: f64 = 2e-5;
const GRADIENT_RELATIVE: f64 = 1e-4;
const WEIGHT_QUANTILE: f64 = 2e-6;
const WEIGHT_MAX: f64 = 1e-3;

/// Names of the rows of a recorded log beside those of the terms in `metrics.jsonl`.
const TERMS: [(usize, &str); 6] =
    [(1, "ce"), (2, "l2"), (3, "distill-image"), (4, "distill-text"), (5, "distill-image-image"), (6, "feature-mse")];

/// Largest differences of one trajectory.
pub struct Report {
    name: String,
    loss_limit: f64,
    steps: (usize, usize),
    loss: f64,
    terms: f64,
    /// Largest share of its limit that a term takes.
    term_share: f64,
    lr: f64,
    /// Largest excess over the absolute and relative limit together; at most 1 is within.
    gradient_share: f64,
    gradient: f64,
    gradient_tensors: (Vec<String>, Vec<String>),
    student: Differences,
    saved: Differences,
}

/// Quantile and maximum of the differences of many values.
#[derive(Default)]
struct Differences {
    quantile: f64,
    max: f64,
    count: usize,
}

impl Differences {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = (values.len() as f64 * 0.999) as usize;
        Self { quantile: values[at.min(values.len() - 1)], max: values[values.len() - 1], count: values.len() }
    }
}

/// The third of the fused bias that belongs to the keys has a gradient of zero, up to rounding.
fn is_key_bias(name: &str, index: usize, length: usize) -> bool {
    name.ends_with("attn.in_proj_bias") && (length / 3..2 * length / 3).contains(&index)
}

/// Pairs of (ours, recorded) over the sampled entries of the tensors `names`, key biases left out.
fn sampled(golden: &Golden, names: &[String], ours: &StateDict, recorded: &Array) -> Vec<(f64, f64)> {
    let per_tensor = golden.manifest["fingerprint"]["samples_per_tensor"].as_u64().unwrap() as usize;
    let mut recorded = recorded.data.iter();
    let mut pairs = Vec::new();
    for name in names {
        let HostTensor { data, .. } = &ours.tensors[name];
        let count = per_tensor.min(data.len());
        for i in 0..count {
            let index = i * data.len() / count;
            let expected = *recorded.next().unwrap();
            if !is_key_bias(name, index, data.len()) {
                pairs.push((f64::from(data[index]), expected));
            }
        }
    }
    assert!(recorded.next().is_none(), "more samples are recorded than compared");
    pairs
}

/// As [`sampled`], over all entries of fully recorded tensors.
fn complete(ours: &StateDict, recorded: &std::collections::BTreeMap<String, Array>) -> Vec<(f64, f64)> {
    let mut pairs = Vec::new();
    for (name, expected) in recorded {
        let tensor = &ours.tensors[name];
        assert_eq!(tensor.shape, expected.shape, "{name}");
        let length = tensor.data.len();
        let entries = tensor.data.iter().zip(&expected.data).enumerate();
        pairs.extend(entries.filter(|(i, _)| !is_key_bias(name, *i, length)).map(|(_, (a, b))| (f64::from(*a), *b)));
    }
    pairs
}

fn relative(ours: f64, recorded: f64) -> f64 {
    (ours - recorded).abs() / recorded.abs().max(1.0)
}

impl Report {
    pub fn of(golden: &Golden, name: &str, replayed: &Replayed) -> Self {
        let entry = &golden.manifest["methods"][name];
        let numbers = |key: &str| -> Vec<f64> {
            entry[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
        };
        let (totals, rates) = (numbers("total_f64"), numbers("lr"));
        let log = &golden.trajectories[&format!("{name}.f64.log")];
        let row = |row: usize, step: usize| log.data[row * log.shape[1] + step];

        let mut loss: f64 = 0.0;
        let mut terms: f64 = 0.0;
        let mut term_share: f64 = 0.0;
        let mut lr: f64 = 0.0;
        let loss_limit = limit(if golden.settings(name)["l2"].as_f64().unwrap() > 0.0 { LOSS_WITH_L2 } else { LOSS });
        let spread = &golden.trajectories[&format!("{name}.f32.log")];
        for (i, step) in replayed.steps.iter().enumerate() {
            loss = loss.max(relative(step.loss, totals[i]));
            lr = lr.max((step.lr - rates[i]).abs());
        }
        for (index, term) in TERMS {
            let difference = |values: &dyn Fn(usize) -> Option<f64>| {
                let one = |i: usize| values(i).map_or(0.0, |value| relative(value, row(index, i)));
                (0..replayed.steps.len()).map(one).fold(0.0, f64::max)
            };
            let ours = difference(&|i| replayed.steps[i].terms.get(term).copied());
            let theirs = difference(&|i| Some(spread.data[index * spread.shape[1] + i]));
            terms = terms.max(ours);
            term_share = term_share.max(ours / loss_limit.max(TERM_SPREAD * theirs));
        }

        let tensors = names(&entry["grad_tensors"]);
        let gradients = replayed.gradients.as_ref().unwrap();
        let mut pairs = sampled(golden, &tensors, gradients, &golden.trajectories[&format!("{name}.grads.samples")]);
        if let Some(full) = golden.full(name, "grads") {
            pairs.extend(complete(gradients, &full));
        }
        let absolute = limit(GRADIENT_ABSOLUTE);
        let within = |recorded: f64| absolute.max(GRADIENT_RELATIVE * recorded.abs());
        let share = pairs.iter().map(|(a, b)| (a - b).abs() / within(*b)).fold(0.0, f64::max);
        let gradient = pairs.iter().map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);

        let order = names(&golden.manifest["param_order"]);
        let weights = |ours: &Option<StateDict>, part: &str| {
            let ours = ours.as_ref().unwrap();
            let samples = golden.trajectories.get(&format!("{name}.{part}.samples"));
            // Where the saved weights are the student, only the student is recorded.
            let samples = samples.unwrap_or(&golden.trajectories[&format!("{name}.student.samples")]);
            let pairs = match golden.full(name, part) {
                Some(full) => complete(ours, &full),
                None => sampled(golden, &order, ours, samples),
            };
            Differences::of(pairs.into_iter().map(|(a, b)| (a - b).abs()).collect())
        };
        let mut ours: Vec<String> = gradients.tensors.keys().cloned().collect();
        let mut recorded = tensors.clone();
        ours.sort();
        recorded.sort();
        Self {
            name: name.to_owned(),
            loss_limit,
            steps: (replayed.steps.len(), totals.len()),
            loss,
            terms,
            term_share,
            lr,
            gradient_share: share,
            gradient,
            gradient_tensors: (ours, recorded),
            student: weights(&replayed.student, "student"),
            saved: weights(&replayed.saved, "saved"),
        }
    }

    pub fn assert_within_limits(&self) {
        assert_eq!(self.steps.0, self.steps.1, "number of steps");
        assert!(self.loss <= self.loss_limit, "loss: {self}");
        assert!(self.term_share <= 1.0, "terms: {self}");
        assert!(self.lr <= 1e-15, "learning rate: {self}");
        assert_eq!(self.gradient_tensors.0, self.gradient_tensors.1, "tensors with a gradient");
        assert!(self.gradient_share <= 1.0, "gradients: {self}");
        for weights in [&self.student, &self.saved] {
            assert!(weights.count > 1000, "too few weights compared");
            assert!(weights.quantile <= limit(WEIGHT_QUANTILE), "weights: {self}");
            assert!(weights.max <= WEIGHT_MAX, "weights: {self}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "golden {:<24} loss {:.1e} (limit {:.0e}), terms {:.1e}, lr {:.0e}, gradients {:.1e}, student 99.9% {:.1e} \
             max {:.1e}, saved 99.9% {:.1e} max {:.1e} over {} values",
            self.name,
            self.loss,
            self.loss_limit,
            self.terms,
            self.lr,
            self.gradient,
            self.student.quantile,
            self.student.max,
            self.saved.quantile,
            self.saved.max,
            self.saved.count,
        )
    }
}
