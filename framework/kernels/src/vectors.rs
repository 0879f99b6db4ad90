//! Rules over flat vectors of parameters, in one pass over memory.

use burn::{
    backend::{Flex, flex::FlexTensor},
    tensor::Tensor,
};
use rayon::prelude::*;

#[cfg(all(feature = "gpu", not(feature = "fusion")))]
use crate::gpu::vectors as elsewhere;
#[cfg(not(all(feature = "gpu", not(feature = "fusion"))))]
use crate::primitives as elsewhere;
use crate::{
    buffer::Buffer,
    fused::{host, is_fused, tensor, values},
    simd::{sum_of, vectorised},
};

/// Values that one thread works on at a time.
const AT_ONCE: usize = 1 << 14;

/// One step of `AdamW` (Loshchilov and Hutter 2019) in the form of `PyTorch`.
///
/// `w -= lr wd w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= rate m / (sqrt(v) / correction + epsilon)`.
#[derive(Debug, Clone, Copy)]
pub struct AdamWStep {
    /// `1 - lr wd`.
    pub shrink: f64,
    /// Decay of the first moment, `b1`.
    pub beta1: f64,
    /// Decay of the second moment, `b2`.
    pub beta2: f64,
    /// `lr / (1 - b1^t)`.
    pub rate: f64,
    /// `sqrt(1 - b2^t)`.
    pub correction: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
}

/// A parameter and its moments, each `[length]`.
#[derive(Debug, Clone)]
pub struct AdamWState {
    /// The parameter.
    pub weight: Tensor<1>,
    /// First moment.
    pub first: Tensor<1>,
    /// Second moment.
    pub second: Tensor<1>,
}

impl AdamWStep {
    /// The state after this step; memory that nobody else holds is written in place.
    ///
    /// Values whose gradient and moments are zero, as of tokens that never occur, are not written without weight decay.
    ///
    /// # Shapes
    ///
    /// - `gradient`: `[length]`
    pub fn apply(self, state: AdamWState, gradient: Tensor<1>) -> AdamWState {
        if !is_fused(&gradient.device()) {
            return elsewhere::adamw(self, state, gradient);
        }
        let gradient = host(gradient);
        let (mut weight, mut first, mut second) = (host(state.weight), host(state.first), host(state.second));
        let parts = weight
            .storage_mut::<f32>()
            .par_chunks_mut(AT_ONCE)
            .zip(first.storage_mut::<f32>().par_chunks_mut(AT_ONCE))
            .zip(second.storage_mut::<f32>().par_chunks_mut(AT_ONCE))
            .zip(values(&gradient).par_chunks(AT_ONCE));
        parts.for_each(|(((weight, first), second), gradient)| self.apply_to(weight, first, second, gradient));
        let back = Tensor::from_primitive::<Flex>;
        AdamWState { weight: back(weight), first: back(first), second: back(second) }
    }

    fn apply_to(self, weight: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
        let [shrink, beta1, beta2] = [self.shrink, self.beta1, self.beta2].map(|value| value as f32);
        let [one_beta1, one_beta2] = [1.0 - self.beta1, 1.0 - self.beta2].map(|value| value as f32);
        let [rate, over_correction, epsilon] =
            [self.rate, 1.0 / self.correction, self.epsilon].map(|value| value as f32);
        vectorised(
            #[inline(always)]
            || {
                let untouched = |values: &[f32]| sum_of(values, values, |a, _| a.abs()) == 0.0;
                if shrink == 1.0 && untouched(gradient) && untouched(first) && untouched(second) {
                    return;
                }
                for (((weight, first), second), gradient) in weight.iter_mut().zip(first).zip(second).zip(gradient) {
                    *first = first.mul_add(beta1, gradient * one_beta1);
                    *second = second.mul_add(beta2, gradient * gradient * one_beta2);
                    let move_by = rate * *first / second.sqrt().mul_add(over_correction, epsilon);
                    *weight = weight.mul_add(shrink, -move_by);
                }
            },
        );
    }
}

/// A sum of squares over many vectors.
#[derive(Debug, Default)]
pub struct Squares {
    /// Their sum is what is asked for.
    parts: Vec<Tensor<1>>,
}

impl Squares {
    /// Adds the squares of `vector`, `[length]`.
    pub fn add(&mut self, vector: &Tensor<1>) {
        if is_fused(&vector.device()) {
            self.parts.push(sum_of_squares(vector));
        } else {
            elsewhere::add_squares(vector, &mut self.parts);
        }
    }

    /// The sum, `[1]`; `None` without a vector.
    pub fn total(self) -> Option<Tensor<1>> {
        (!self.parts.is_empty()).then(|| Tensor::cat(self.parts, 0).sum())
    }
}

/// `gradient + factor (weight - start)`; the squares of `weight - start` are added to `squares`.
///
/// # Shapes
///
/// - `gradient`, `weight`, `start`, output: `[length]`
pub fn pull(
    gradient: Tensor<1>,
    weight: &Tensor<1>,
    start: &Tensor<1>,
    factor: f64,
    squares: &mut Squares,
) -> Tensor<1> {
    if !is_fused(&gradient.device()) {
        return elsewhere::pull(gradient, weight, start, factor, &mut squares.parts);
    }
    let (mut gradient, weight, start) = (host(gradient), host(weight.clone()), host(start.clone()));
    let factor = factor as f32;
    let parts = gradient
        .storage_mut::<f32>()
        .par_chunks_mut(AT_ONCE)
        .zip(values(&weight).par_chunks(AT_ONCE))
        .zip(values(&start).par_chunks(AT_ONCE));
    let sums: Vec<f32> = parts
        .map(|((gradient, weight), start)| {
            vectorised(
                #[inline(always)]
                || {
                    for ((gradient, weight), start) in gradient.iter_mut().zip(weight).zip(start) {
                        *gradient = (weight - start).mul_add(factor, *gradient);
                    }
                    sum_of(weight, start, |weight, start| (weight - start) * (weight - start))
                },
            )
        })
        .collect();
    squares.parts.push(total(&sums));
    Tensor::from_primitive::<Flex>(gradient)
}

/// Sum of the squares of a vector in host memory, `[1]`.
fn sum_of_squares(vector: &Tensor<1>) -> Tensor<1> {
    let vector = host(vector.clone());
    let part = |part: &[f32]| {
        vectorised(
            #[inline(always)]
            || sum_of(part, part, |a, b| a * b),
        )
    };
    let squares: Vec<f32> = values(&vector).par_chunks(AT_ONCE).map(part).collect();
    total(&squares)
}

/// `a share_a + b share_b`.
///
/// # Shapes
///
/// - `a`, `b`, output: `[length]`
pub fn blend(a: &Tensor<1>, share_a: f64, b: &Tensor<1>, share_b: f64) -> Tensor<1> {
    if !is_fused(&a.device()) {
        return elsewhere::blend(a, share_a, b, share_b);
    }
    let (a, b) = (host(a.clone()), host(b.clone()));
    let (share_a, share_b) = (share_a as f32, share_b as f32);
    let mut out = Buffer::new(values(&a).len());
    let parts = out.par_chunks_mut(AT_ONCE).zip(values(&a).par_chunks(AT_ONCE)).zip(values(&b).par_chunks(AT_ONCE));
    parts.for_each(|((out, a), b)| {
        vectorised(
            #[inline(always)]
            || {
                for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                    *out = a * share_a + b * share_b;
                }
            },
        );
    });
    let length = out.len();
    from_host(tensor(out, [length]))
}

/// The partial sums as one; in double precision, so that their number does not matter.
fn total(parts: &[f32]) -> Tensor<1> {
    let sum: f64 = parts.iter().copied().map(f64::from).sum();
    from_host(tensor(Buffer::of(&[sum as f32]), [1]))
}

fn from_host(tensor: FlexTensor) -> Tensor<1> {
    Tensor::from_primitive::<Flex>(tensor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{primitives, testing::normal};

    fn assert_close(a: Tensor<1>, b: Tensor<1>) {
        let (a, b): (Vec<f32>, Vec<f32>) = (a.into_data().iter().collect(), b.into_data().iter().collect());
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a} {b}");
        }
    }

    const STEP: AdamWStep =
        AdamWStep { shrink: 0.99, beta1: 0.9, beta2: 0.99, rate: 0.1, correction: 0.2, epsilon: 1e-8 };

    #[test]
    fn rules_equal_those_composed_of_primitives() {
        let length = 2 * AT_ONCE + 37;
        let (a, b, c) = (normal([length], 1.0, 1), normal([length], 1.0, 2), normal([length], 1.0, 3));
        let state = AdamWState { weight: a.clone(), first: b.clone(), second: c.clone().square() };
        let (ours, theirs) = (STEP.apply(state.clone(), c.clone()), primitives::adamw(STEP, state, c.clone()));
        assert_close(ours.weight, theirs.weight);
        assert_close(ours.first, theirs.first);
        assert_close(ours.second, theirs.second);
        let (mut squares, mut parts) = (Squares::default(), Vec::new());
        let ours = pull(a.clone(), &b, &c, 0.3, &mut squares);
        assert_close(ours, primitives::pull(a.clone(), &b, &c, 0.3, &mut parts));
        squares.add(&a);
        primitives::add_squares(&a, &mut parts);
        assert_close(squares.total().unwrap(), Tensor::cat(parts, 0).sum());
        assert_close(blend(&a, 0.3, &b, 0.7), primitives::blend(&a, 0.3, &b, 0.7));
    }

    #[test]
    fn what_somebody_else_holds_is_not_written() {
        let weight = normal([50], 1.0, 1);
        let zero = weight.zeros_like();
        let state = AdamWState { weight: weight.clone(), first: zero.clone(), second: zero.clone() };
        let before: Vec<f32> = weight.to_data().iter().collect();
        let stepped = STEP.apply(state, normal([50], 1.0, 1));
        assert_eq!(weight.into_data().iter::<f32>().collect::<Vec<_>>(), before);
        assert_eq!(zero.sum().into_scalar::<f32>(), 0.0);
        assert_ne!(stepped.weight.into_data().iter::<f32>().collect::<Vec<_>>(), before);
    }

    #[test]
    fn values_without_gradient_and_moments_stay() {
        let weight = normal([3 * AT_ONCE], 1.0, 1);
        let zero = weight.zeros_like();
        let state = AdamWState { weight: weight.clone(), first: zero.clone(), second: zero.clone() };
        let stepped = AdamWStep { shrink: 1.0, ..STEP }.apply(state, zero);
        assert_eq!(stepped.weight.into_data(), weight.into_data());
    }
}
