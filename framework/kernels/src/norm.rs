//! Layer normalisation of rows (Ba et al. 2016, arXiv 1607.06450).

use rayon::prelude::*;

use crate::{
    buffer::Buffer,
    gradients::in_groups,
    parts::{chunks, rows, split},
    simd::{sum_of, vectorised},
};

/// Scale and shift after normalisation.
#[derive(Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub epsilon: f32,
}

/// Gradients of scale and shift, summed over rows.
#[derive(Clone)]
pub(crate) struct NormGradients {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

impl NormGradients {
    pub fn new(width: usize) -> Self {
        Self { gamma: vec![0.0; width], beta: vec![0.0; width] }
    }
}

impl Norm<'_> {
    /// `out = gamma (x - mean) / sqrt(variance + epsilon) + beta`, row by row.
    ///
    /// # Shapes
    ///
    /// - `x`, `out`: `[rows, width]`
    pub fn forward(self, x: &[f32], out: &mut [f32]) {
        let width = self.gamma.len();
        vectorised(
            #[inline(always)]
            || {
                for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                    let (mean, scale) = self.statistics(x);
                    for (((out, x), gamma), beta) in out.iter_mut().zip(x).zip(self.gamma).zip(self.beta) {
                        *out = ((x - mean) * scale).mul_add(*gamma, *beta);
                    }
                }
            },
        );
    }

    /// Adds the gradient with respect to `x` to `into`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, width]`, the input of [`Norm::forward`]
    /// - `upstream`: `[rows, width]`, the gradient with respect to its output
    /// - `into`: `[rows, width]`
    pub fn backward(self, x: &[f32], upstream: &[f32], into: &mut [f32], sums: &mut NormGradients) {
        let width = self.gamma.len();
        let NormGradients { gamma: sum_gamma, beta: sum_beta } = sums;
        vectorised(
            #[inline(always)]
            || {
                let mut normed = Buffer::new(width);
                let mut scaled = Buffer::new(width);
                let (normed, scaled) = (&mut normed[..], &mut scaled[..]);
                let rows = x.chunks_exact(width).zip(upstream.chunks_exact(width)).zip(into.chunks_exact_mut(width));
                for ((x, upstream), into) in rows {
                    let (mean, scale) = self.statistics(x);
                    for i in 0..width {
                        normed[i] = (x[i] - mean) * scale;
                        scaled[i] = upstream[i] * self.gamma[i];
                        sum_gamma[i] = upstream[i].mul_add(normed[i], sum_gamma[i]);
                        sum_beta[i] += upstream[i];
                    }
                    let mean_scaled = sum_of(scaled, scaled, |a, _| a) / width as f32;
                    let mean_product = sum_of(scaled, normed, |a, b| a * b) / width as f32;
                    for i in 0..width {
                        into[i] = (scaled[i] - normed[i].mul_add(mean_product, mean_scaled)).mul_add(scale, into[i]);
                    }
                }
            },
        );
    }

    /// [`Norm::forward`] on all threads.
    pub fn forward_in_chunks(self, x: &[f32], out: &mut [f32]) {
        let width = self.gamma.len();
        let chunks = chunks(x.len() / width, width);
        let outputs = split(out, &chunks, width);
        chunks.par_iter().zip(outputs).for_each(|(chunk, out)| self.forward(rows(x, chunk, width), out));
    }

    /// [`Norm::backward`] on all threads, with `into` replaced.
    pub fn backward_in_chunks(self, x: &[f32], upstream: &[f32], into: &mut [f32]) -> NormGradients {
        let width = self.gamma.len();
        let chunks = chunks(x.len() / width, width);
        let into = split(into, &chunks, width);
        in_groups(
            &chunks,
            into,
            || NormGradients::new(width),
            |sums, _, chunk, into| {
                into.fill(0.0);
                self.backward(rows(x, chunk, width), rows(upstream, chunk, width), into, sums);
            },
            NormGradients::merge,
        )
    }

    /// Mean, and one over the standard deviation.
    #[inline(always)]
    fn statistics(self, x: &[f32]) -> (f32, f32) {
        let width = x.len() as f32;
        let mean = sum_of(x, x, |a, _| a) / width;
        let variance = sum_of(x, x, |a, _| (a - mean) * (a - mean)) / width;
        (mean, 1.0 / (variance + self.epsilon).sqrt())
    }
}
