//! Losses over rows of scores, each with the gradient that its forward pass finds on the way.

use burn::{
    backend::flex::FlexTensor,
    tensor::{Int, Tensor},
};
use rayon::prelude::*;

use crate::{
    buffer::Buffer,
    fused::{FusedOperation, Input, apply, is_fused, tensor, values},
    primitives,
    simd::{exp, max, sum_of, vectorised},
};

/// Cross entropy with label smoothing (Szegedy et al. 2016, section 7), mean over rows.
///
/// # Shapes
///
/// - `logits`: `[batch, classes]`
/// - `labels`: `[batch]`, 0-based
/// - output: `[1]`
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, smoothing: f64) -> Tensor<1> {
    if !is_fused(&logits.device()) {
        return primitives::cross_entropy(logits, labels, smoothing);
    }
    let labels = labels.into_data().iter::<i64>().map(|label| label as usize).collect();
    let inputs: [Input; 1] = [logits.into()];
    apply(&CrossEntropy { labels, smoothing: smoothing as f32 }, inputs)
}

/// Distillation (Hinton et al. 2015): cross entropy against softened teacher scores, times `T^2`, mean over rows.
///
/// # Shapes
///
/// - `teacher`: `[rows, columns]`, outside of autodiff
/// - `student`: `[rows, columns]`
/// - output: `[1]`
pub fn distillation(teacher: Tensor<2>, student: Tensor<2>, temperature: f64) -> Tensor<1> {
    if !is_fused(&student.device()) {
        return primitives::distillation(teacher, student, temperature);
    }
    let inputs: [Input; 2] = [teacher.into(), student.into()];
    apply(&Distillation { temperature: temperature as f32 }, inputs)
}

#[derive(Debug, Clone)]
struct CrossEntropy {
    labels: Vec<usize>,
    smoothing: f32,
}

impl FusedOperation<1> for CrossEntropy {
    /// The gradient with respect to the logits.
    type Saved = Buffer;

    fn forward(&self, [logits]: &[FlexTensor; 1], _keep: bool) -> (FlexTensor, Option<Buffer>) {
        let rows = self.labels.len();
        let (share, logits) = (1.0 / rows as f32, values(logits));
        let row = |i: usize, logits: &[f32], gradient: &mut [f32]| {
            let classes = logits.len() as f32;
            let log_sum = softmax(logits, 1.0, gradient);
            let mean = sum_of(logits, logits, |a, _| a) / classes;
            let (label, even) = (self.labels[i], self.smoothing / classes);
            for gradient in &mut *gradient {
                *gradient = (*gradient - even) * share;
            }
            gradient[label] -= (1.0 - self.smoothing) * share;
            (1.0 - self.smoothing) * (log_sum - logits[label]) + self.smoothing * (log_sum - mean)
        };
        by_rows(logits, rows, row)
    }

    fn backward(
        &self,
        [logits]: &[FlexTensor; 1],
        gradient: &Buffer,
        upstream: &FlexTensor,
        _wanted: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        [Some(scaled(gradient, upstream, logits))]
    }
}

#[derive(Debug, Clone)]
struct Distillation {
    temperature: f32,
}

impl FusedOperation<2> for Distillation {
    /// The gradient with respect to the student's scores.
    type Saved = Buffer;

    fn forward(&self, [teacher, student]: &[FlexTensor; 2], _keep: bool) -> (FlexTensor, Option<Buffer>) {
        let rows = student.layout().shape()[0];
        let (teacher, columns) = (values(teacher), student.layout().shape()[1]);
        let (inverse, share) = (1.0 / self.temperature, self.temperature / rows as f32);
        let row = |i: usize, student: &[f32], gradient: &mut [f32]| {
            let mut targets = Buffer::new(columns);
            softmax(&teacher[i * columns..][..columns], inverse, &mut targets);
            let log_sum = softmax(student, inverse, gradient);
            let expected = sum_of(&targets, student, |target, score| target * score) * inverse;
            for (gradient, target) in gradient.iter_mut().zip(&*targets) {
                *gradient = (*gradient - target) * share;
            }
            (log_sum - expected) * self.temperature * self.temperature
        };
        by_rows(values(student), rows, row)
    }

    fn backward(
        &self,
        [_, student]: &[FlexTensor; 2],
        gradient: &Buffer,
        upstream: &FlexTensor,
        _wanted: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        [None, Some(scaled(gradient, upstream, student))]
    }
}

/// The mean over rows of what `row` returns, and the gradients that it writes.
fn by_rows(
    scores: &[f32],
    rows: usize,
    row: impl Fn(usize, &[f32], &mut [f32]) -> f32 + Sync,
) -> (FlexTensor, Option<Buffer>) {
    let columns = scores.len() / rows;
    let mut gradient = Buffer::new(scores.len());
    let parts = gradient.par_chunks_mut(columns).zip(scores.par_chunks(columns)).enumerate();
    let losses: Vec<f32> = parts
        .with_min_len(16)
        .map(|(i, (gradient, scores))| {
            vectorised(
                #[inline(always)]
                || row(i, scores, gradient),
            )
        })
        .collect();
    let sum: f64 = losses.iter().copied().map(f64::from).sum();
    (tensor(Buffer::of(&[(sum / rows as f64) as f32]), [1]), Some(gradient))
}

/// Writes the softmax of `scores * factor` and returns the logarithm of its denominator.
#[inline(always)]
fn softmax(scores: &[f32], factor: f32, out: &mut [f32]) -> f32 {
    let largest = max(scores);
    for (out, score) in out.iter_mut().zip(scores) {
        *out = exp((score - largest) * factor);
    }
    let sum = sum_of(out, out, |a, _| a);
    let over = 1.0 / sum;
    for out in out {
        *out *= over;
    }
    largest * factor + sum.ln()
}

/// `gradient` times the scalar `upstream`, in the shape of `like`.
fn scaled(gradient: &Buffer, upstream: &FlexTensor, like: &FlexTensor) -> FlexTensor {
    let factor = values(upstream)[0];
    let mut out = Buffer::new(gradient.len());
    for (out, gradient) in out.iter_mut().zip(&**gradient) {
        *out = gradient * factor;
    }
    tensor(out, like.layout().shape().clone())
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::testing::normal;

    fn assert_same(
        loss: impl Fn(Tensor<2>) -> Tensor<1>,
        composed: impl Fn(Tensor<2>) -> Tensor<1>,
        logits: &Tensor<2>,
    ) {
        let run = |f: &dyn Fn(Tensor<2>) -> Tensor<1>| {
            let leaf = logits.clone().autodiff().require_grad();
            let value = f(leaf.clone()) * 3.0;
            let gradients = value.backward();
            let values = |tensor: Tensor<1>| tensor.into_data().iter::<f32>().collect::<Vec<_>>();
            let gradient = leaf.grad(&gradients).unwrap();
            (values(value.inner()), values(gradient.flatten(0, 1)))
        };
        let ((value, gradient), (expected, expected_gradient)) = (run(&loss), run(&composed));
        assert!((value[0] - expected[0]).abs() <= 2e-6 * expected[0].abs(), "{value:?} {expected:?}");
        for (a, b) in gradient.iter().zip(expected_gradient) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn losses_equal_those_composed_of_primitives() {
        let device = Device::flex();
        let logits = normal([37, 61], 4.0, 1);
        let labels: Vec<i32> = (0..37).map(|i| i * 7 % 61).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [37]), &device);
        for smoothing in [0.0, 0.2] {
            let ours = |x| cross_entropy(x, labels.clone(), smoothing);
            assert_same(ours, |x| primitives::cross_entropy(x, labels.clone(), smoothing), &logits);
        }
        let teacher = normal([37, 61], 4.0, 2);
        for temperature in [1.0, 2.0] {
            let ours = |x| distillation(teacher.clone(), x, temperature);
            assert_same(ours, |x| primitives::distillation(teacher.clone(), x, temperature), &logits);
            let (teacher, across) = (teacher.clone().transpose(), |x: Tensor<2>| x.transpose());
            let ours = |x| distillation(teacher.clone(), across(x), temperature);
            assert_same(ours, |x| primitives::distillation(teacher.clone(), across(x), temperature), &logits);
        }
    }
}
