//! The feed-forward half of a pre-norm block: `y = x + act(norm(x) W1 + b1) W2 + b2`.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    activation::Activation,
    buffer::Buffer,
    gradients::{LinearGradients, in_groups},
    linear::Linear,
    matrix::Write,
    norm::{Norm, NormGradients},
    parts::{chunks, rows, split},
    simd::add_bias,
};

/// Parameters, all borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Mlp<'a> {
    pub norm: Norm<'a>,
    pub c_fc: Linear<'a>,
    pub c_proj: Linear<'a>,
    pub activation: Activation,
}

/// Gradients with respect to the parameters.
pub(crate) struct MlpGradients {
    pub norm: NormGradients,
    pub c_fc: LinearGradients,
    pub c_proj: LinearGradients,
}

impl Mlp<'_> {
    /// Writes the output to `y` and, if it is there, the input of the activation to `hidden`.
    ///
    /// # Shapes
    ///
    /// - `x`, `y`: `[rows, width]`
    /// - `hidden`: `[rows, inner]`
    pub fn forward(&self, x: &[f32], y: &mut [f32], hidden: Option<&mut [f32]>) {
        let (width, inner) = (self.c_fc.inputs(), self.c_fc.outputs());
        let chunks = chunks(x.len() / width, width);
        let outputs = split(y, &chunks, width);
        let hidden = hidden.map(|hidden| split(hidden, &chunks, inner));
        let hidden = hidden.map_or_else(
            || chunks.iter().map(|_| None).collect(),
            |parts| parts.into_iter().map(Some).collect::<Vec<_>>(),
        );
        chunks.par_iter().zip(outputs).zip(hidden).for_each(|((chunk, y), hidden)| {
            let x = rows(x, chunk, width);
            let mut own = if hidden.is_none() { Buffer::new(chunk.len() * inner) } else { Buffer::new(0) };
            let hidden = hidden.unwrap_or(&mut own);
            let mut normed = Buffer::new(x.len());
            self.norm.forward(x, &mut normed);
            self.c_fc.forward(&normed, hidden);
            let mut active = Buffer::new(hidden.len());
            self.activation.forward(hidden, &mut active);
            add_bias(x, self.c_proj.bias, y);
            self.c_proj.add_product(&active, y);
        });
    }

    /// The gradients, given that with respect to the output.
    ///
    /// # Shapes
    ///
    /// - `x`, `upstream`, `into`: `[rows, width]`
    /// - `hidden`: `[rows, inner]`, as [`Mlp::forward`] wrote it
    pub fn backward(&self, x: &[f32], hidden: &[f32], upstream: &[f32], into: &mut [f32]) -> MlpGradients {
        let (width, inner) = (self.c_fc.inputs(), self.c_fc.outputs());
        let chunks = chunks(x.len() / width, width);
        let into = split(into, &chunks, width);
        let none = || MlpGradients {
            norm: NormGradients::new(width),
            c_fc: LinearGradients::new(width, inner),
            c_proj: LinearGradients::new(inner, width),
        };
        let chunk = |sums: &mut MlpGradients, write: Write, chunk: &Range<usize>, into: &mut [f32]| {
            let (x, upstream) = (rows(x, chunk, width), rows(upstream, chunk, width));
            let hidden = rows(hidden, chunk, inner);
            let mut active = Buffer::new(hidden.len());
            let mut gradient = Buffer::new(hidden.len());
            self.c_proj.input_gradient(upstream, &mut gradient);
            self.activation.backward(hidden, &mut active, &mut gradient);
            sums.c_proj.add(write, &active, upstream);

            let mut normed = Buffer::new(x.len());
            self.norm.forward(x, &mut normed);
            sums.c_fc.add(write, &normed, &gradient);
            self.c_fc.input_gradient(&gradient, &mut normed);
            into.copy_from_slice(upstream);
            self.norm.backward(x, &normed, into, &mut sums.norm);
        };
        in_groups(&chunks, into, none, chunk, |all, other| {
            all.norm.merge(&other.norm);
            all.c_fc.merge(&other.c_fc);
            all.c_proj.merge(&other.c_proj);
        })
    }
}
