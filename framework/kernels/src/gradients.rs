//! Sums of parameter gradients over the chunks of a batch.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    buffer::Buffer,
    matrix::{Matrix, MatrixMut, Write, product},
    norm::NormGradients,
    parts::groups,
    simd::{add, add_rows},
};

/// Values of a gradient that are added up by one thread.
const MERGED_AT_ONCE: usize = 1 << 15;

/// Gradients of a linear layer.
pub(crate) struct LinearGradients {
    /// `[inputs, outputs]`
    pub weight: Buffer,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

impl LinearGradients {
    /// Gradients whose weight part is not specified until it is first written.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { weight: Buffer::new(inputs * outputs), bias: vec![0.0; outputs] }
    }

    /// Adds the gradients of rows `x`, given those with respect to the outputs.
    pub fn add(&mut self, write: Write, x: &[f32], upstream: &[f32]) {
        let outputs = self.bias.len();
        self.add_to(0, outputs, write, x, upstream);
    }

    /// As [`LinearGradients::add`] for the outputs from `first` on, `count` of them.
    pub fn add_to(&mut self, first: usize, count: usize, write: Write, x: &[f32], upstream: &[f32]) {
        let outputs = self.bias.len();
        let inputs = self.weight.len() / outputs;
        add_rows(upstream, &mut self.bias[first..first + count]);
        let sums = MatrixMut::strided(&mut self.weight[first..], inputs, count, outputs);
        product(sums, write, Matrix::new(x, inputs).transposed(), Matrix::new(upstream, count));
    }

    pub fn merge(&mut self, other: &Self) {
        let parts = self.weight.par_chunks_mut(MERGED_AT_ONCE).zip(other.weight.par_chunks(MERGED_AT_ONCE));
        parts.for_each(|(sums, values)| add(values, sums));
        add(&other.bias, &mut self.bias);
    }
}

impl NormGradients {
    pub fn merge(&mut self, other: &Self) {
        add(&other.gamma, &mut self.gamma);
        add(&other.beta, &mut self.beta);
    }
}

/// Runs `chunk` over all chunks with the part of the output that belongs to each, and sums up parameter gradients `S` in an
/// order that does not depend on the number of threads. The first chunk of a sum replaces what is in it.
pub(crate) fn in_groups<S: Send>(
    chunks: &[Range<usize>],
    outputs: Vec<&mut [f32]>,
    none: impl Fn() -> S + Sync,
    chunk: impl Fn(&mut S, Write, &Range<usize>, &mut [f32]) + Sync,
    merge: impl Fn(&mut S, &S),
) -> S {
    let mut outputs = outputs;
    let mut work = Vec::new();
    for group in groups(chunks.len()) {
        work.push((&chunks[group.clone()], outputs.drain(..group.len()).collect::<Vec<_>>()));
    }
    let sums: Vec<S> = work
        .into_par_iter()
        .map(|(chunks, outputs)| {
            let mut sums = none();
            for (i, (range, output)) in chunks.iter().zip(outputs).enumerate() {
                let write = if i == 0 { Write::Replace } else { Write::Add };
                chunk(&mut sums, write, range, output);
            }
            sums
        })
        .collect();
    let mut sums = sums.into_iter();
    let mut all = sums.next().unwrap_or_else(&none);
    for other in sums {
        merge(&mut all, &other);
    }
    all
}
