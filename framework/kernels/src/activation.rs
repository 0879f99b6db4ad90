//! Activations of the feed-forward half of a block.

use crate::simd::{exp, vectorised};

/// Slope of [`Activation::QuickGelu`] (OpenAI's `model.py`).
pub(crate) const QUICK_GELU_SLOPE: f32 = 1.702;

/// Activation of the feed-forward half of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x sigmoid(1.702 x)`, of OpenAI's weights.
    QuickGelu,
    /// `x Phi(x)` (Hendrycks and Gimpel 2016, arXiv 1606.08415), with an error function that is within 1.5e-7.
    Gelu,
}

impl Activation {
    /// `out = f(x)`.
    pub(crate) fn forward(self, x: &[f32], out: &mut [f32]) {
        match self {
            Self::QuickGelu => map(x, out, |x| x * sigmoid(QUICK_GELU_SLOPE * x)),
            Self::Gelu => map(x, out, |x| x * normal(x)),
        }
    }

    /// `out = f(x)`, and `gradient` times the derivative of `f` at `x` in place.
    pub(crate) fn backward(self, x: &[f32], out: &mut [f32], gradient: &mut [f32]) {
        match self {
            Self::QuickGelu => map_with_derivative(x, out, gradient, |x| {
                let s = sigmoid(QUICK_GELU_SLOPE * x);
                (x * s, s * (QUICK_GELU_SLOPE * x).mul_add(1.0 - s, 1.0))
            }),
            Self::Gelu => map_with_derivative(x, out, gradient, |x| {
                let phi = normal(x);
                let density =
                    std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2 * 0.5 * exp(-0.5 * x * x);
                (x * phi, x.mul_add(density, phi))
            }),
        }
    }
}

#[inline(always)]
fn map(x: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) {
    vectorised(
        #[inline(always)]
        || {
            for (out, x) in out.iter_mut().zip(x) {
                *out = f(*x);
            }
        },
    );
}

#[inline(always)]
fn map_with_derivative(x: &[f32], out: &mut [f32], gradient: &mut [f32], f: impl Fn(f32) -> (f32, f32)) {
    vectorised(
        #[inline(always)]
        || {
            for ((out, x), gradient) in out.iter_mut().zip(x).zip(gradient) {
                let (value, derivative) = f(*x);
                *out = value;
                *gradient *= derivative;
            }
        },
    );
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Distribution function of the standard normal distribution.
#[inline(always)]
fn normal(x: f32) -> f32 {
    0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function, within 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let t = 1.0 / 0.327_591_1_f32.mul_add(x.abs(), 1.0);
    let series = [-1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6, 0.0]
        .into_iter()
        .fold(1.061_405_4, |sum: f32, coefficient| sum.mul_add(t, coefficient));
    (1.0 - series * exp(-x * x)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_tables() {
        let mut out = [0.0; 3];
        Activation::Gelu.forward(&[1.0, -2.0, 0.5], &mut out);
        for (ours, table) in out.iter().zip([0.841_344_8, -0.045_500_26, 0.345_731_23]) {
            assert!((ours - table).abs() < 3e-7, "{ours} {table}");
        }
        Activation::QuickGelu.forward(&[1.0, -2.0, 0.5], &mut out);
        for (ours, table) in out.iter().zip([0.845_795_8, -0.064_341_38, 0.350_388_44]) {
            assert!((ours - table).abs() < 3e-7, "{ours} {table}");
        }
    }

    #[test]
    fn derivatives_are_slopes() {
        for activation in [Activation::QuickGelu, Activation::Gelu] {
            for x in [-3.0_f32, -0.7, 0.0, 0.4, 2.5] {
                let (mut out, mut slope) = ([0.0], [1.0]);
                activation.backward(&[x], &mut out, &mut slope);
                let h = 1e-2;
                let mut ends = [0.0; 2];
                activation.forward(&[x - h, x + h], &mut ends);
                assert!(((ends[1] - ends[0]) / (2.0 * h) - slope[0]).abs() < 1e-3, "{activation:?} at {x}");
            }
        }
    }
}
