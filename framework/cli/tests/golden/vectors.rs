//! Rules over vectors of parameters on the device under test, against the same in 64 bits.

use clf_clip::{
    burn::tensor::Tensor,
    kernels::{AdamWState, AdamWStep, Squares, blend, pull},
};

use super::folder::device;

const STEP: AdamWStep = AdamWStep { shrink: 0.99, beta1: 0.9, beta2: 0.99, rate: 0.1, correction: 0.2, epsilon: 1e-8 };

/// Lengths with and without a whole number of fours, shorter and longer than all threads together.
const LENGTHS: [usize; 5] = [1, 7, 64, 1001, 1_100_000];

/// Values between -1 and 1 that differ by `seed`.
fn values(length: usize, seed: usize) -> Vec<f64> {
    let value = |i: usize| ((i + seed) * 7919 % 2003) as f64 / 1001.0 - 1.0;
    (0..length).map(|i| f64::from(value(i) as f32)).collect()
}

fn on_device(values: &[f64]) -> Tensor<1> {
    let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    Tensor::from_data(values.as_slice(), &device().without_autodiff())
}

#[track_caller]
fn assert_close(ours: Tensor<1>, exact: impl Iterator<Item = f64>, what: &str) {
    for (i, (ours, exact)) in ours.into_data().iter::<f64>().zip(exact).enumerate() {
        assert!((ours - exact).abs() <= 2e-5 * exact.abs().max(1.0), "{what}, value {i}: {ours}, not {exact}");
    }
}

pub fn check_vectors() {
    for length in LENGTHS {
        let [a, b, c, d] = [1, 2, 3, 4].map(|seed| values(length, seed));
        let second: Vec<f64> = c.iter().map(|value| value * value).collect();
        check_adamw(&a, &b, &second, &d);
        let blended = blend(&on_device(&a), 0.3, &on_device(&b), 0.7);
        assert_close(blended, a.iter().zip(&b).map(|(a, b)| a * 0.3 + b * 0.7), "blend");
    }
    check_squares();
}

fn check_adamw(weight: &[f64], first: &[f64], second: &[f64], gradient: &[f64]) {
    let state = AdamWState { weight: on_device(weight), first: on_device(first), second: on_device(second) };
    let stepped = STEP.apply(state, on_device(gradient));
    let firsts = || first.iter().zip(gradient).map(|(m, g)| STEP.beta1 * m + (1.0 - STEP.beta1) * g);
    let seconds = || second.iter().zip(gradient).map(|(v, g)| STEP.beta2 * v + (1.0 - STEP.beta2) * g * g);
    let moved = firsts().zip(seconds()).map(|(m, v)| STEP.rate * m / (v.sqrt() / STEP.correction + STEP.epsilon));
    assert_close(stepped.weight, weight.iter().zip(moved).map(|(w, by)| STEP.shrink * w - by), "weight");
    assert_close(stepped.first, firsts(), "first moment");
    assert_close(stepped.second, seconds(), "second moment");
}

/// All lengths after one another into one sum, twice.
fn check_squares() {
    for round in 0..2 {
        let (mut squares, mut exact) = (Squares::default(), 0.0);
        for length in LENGTHS {
            let [gradient, weight, start] = [5, 6, 7].map(|seed| values(length, seed + round));
            let moved = || weight.iter().zip(&start).map(|(weight, start)| weight - start);
            let pulled = pull(on_device(&gradient), &on_device(&weight), &on_device(&start), 0.25, &mut squares);
            assert_close(pulled, gradient.iter().zip(moved()).map(|(g, moved)| g + 0.25 * moved), "pull");
            // What is computed on the device lies in memory that was used before, also behind its end.
            squares.add(&(on_device(&gradient) * 3.0 / 3.0));
            exact += moved().chain(gradient.iter().copied()).map(|value| value * value).sum::<f64>();
        }
        let ours = squares.total().unwrap().into_scalar::<f64>();
        assert!((ours / exact - 1.0).abs() < 1e-5, "{ours}, not {exact}");
    }
}
