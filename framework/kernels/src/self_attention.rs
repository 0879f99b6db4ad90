//! The attention half of a pre-norm block: `y = x + attention(norm(x)) W + b`.

use std::{ops::Range, sync::Arc};

use rayon::prelude::*;

use crate::{
    attention::{Head, HeadGradients, Rows, Scratch},
    buffer::Buffer,
    gradients::{LinearGradients, in_groups},
    linear::Linear,
    matrix::Write,
    norm::{Norm, NormGradients},
    parts::{chunks_of_items, rows, split},
    precision::Precision,
    sequences::Sequences,
    simd::{add, add_bias},
};

/// Which positions look at which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttentionSpec {
    /// The sequences; nothing looks beyond its own.
    pub sequences: Sequences,
    /// Number of heads.
    pub heads: usize,
    /// Whether a position looks at those before it and itself only.
    pub causal: bool,
    /// Arithmetic of the matrix products, where there is a choice.
    pub precision: Precision,
    /// The one position of each sequence whose output is wanted; all if there are none.
    pub queries: Option<Arc<[usize]>>,
}

impl AttentionSpec {
    /// The outputs of some of the sequences.
    fn outputs(&self, sequences: &Range<usize>) -> Range<usize> {
        if self.queries.is_some() { sequences.clone() } else { self.sequences.span(sequences) }
    }

    /// Number of outputs.
    pub fn output_rows(&self) -> usize {
        self.outputs(&(0..self.sequences.len())).len()
    }

    /// The row of each output of some of the sequences, if they are single ones.
    fn single_rows(&self, sequences: &Range<usize>) -> Option<Vec<usize>> {
        let queries = self.queries.as_ref()?;
        Some(sequences.clone().map(|i| self.sequences.range(i).start + queries[i]).collect())
    }

    /// Keys that the outputs of a sequence look at together.
    fn keys(&self, sequence: usize) -> usize {
        match &self.queries {
            Some(queries) if self.causal => queries[sequence] + 1,
            _ => self.sequences.range(sequence).len(),
        }
    }
}

/// Parameters, all borrowed.
#[derive(Clone, Copy)]
pub(crate) struct SelfAttention<'a> {
    pub norm: Norm<'a>,
    /// To query, key and value, in this order.
    pub in_proj: Linear<'a>,
    pub out_proj: Linear<'a>,
    pub spec: &'a AttentionSpec,
}

/// What the backward pass needs beside the input.
#[derive(Debug)]
pub(crate) struct Saved {
    /// `[outputs, width]`
    query: Buffer,
    /// `[rows, 2 width]`
    key_value: Buffer,
    /// `[outputs, width]`, the mixed values
    mixed: Buffer,
    /// `[outputs, heads]`, each output's heads one after the other within a sequence
    log_sums: Buffer,
}

/// Gradients with respect to the parameters.
pub(crate) struct SelfAttentionGradients {
    pub norm: NormGradients,
    pub in_proj: LinearGradients,
    pub out_proj: LinearGradients,
}

impl SelfAttention<'_> {
    fn width(&self) -> usize {
        self.in_proj.inputs()
    }

    fn query(&self) -> Linear<'_> {
        self.in_proj.outputs_from(0, self.width())
    }

    fn key_value(&self) -> Linear<'_> {
        self.in_proj.outputs_from(self.width(), 2 * self.width())
    }

    fn chunks(&self) -> Vec<Range<usize>> {
        chunks_of_items(self.spec.sequences.len(), self.spec.sequences.rows(), self.width())
    }

    /// Writes the output to `y`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, width]`
    /// - `y`: `[outputs, width]`
    pub fn forward(&self, x: &[f32], y: &mut [f32]) -> Saved {
        let (width, heads) = (self.width(), self.spec.heads);
        let chunks = self.chunks();
        let out_ranges: Vec<_> = chunks.iter().map(|chunk| self.spec.outputs(chunk)).collect();
        let row_ranges: Vec<_> = chunks.iter().map(|chunk| self.spec.sequences.span(chunk)).collect();
        let outputs = self.spec.output_rows();
        let mut saved = Saved {
            query: Buffer::new(outputs * width),
            key_value: Buffer::new(x.len() * 2),
            mixed: Buffer::new(outputs * width),
            log_sums: Buffer::new(outputs * heads),
        };
        chunks
            .par_iter()
            .zip(split(y, &out_ranges, width))
            .zip(split(&mut saved.query, &out_ranges, width))
            .zip(split(&mut saved.key_value, &row_ranges, 2 * width))
            .zip(split(&mut saved.mixed, &out_ranges, width))
            .zip(split(&mut saved.log_sums, &out_ranges, heads))
            .for_each(|(((((chunk, y), query), key_value), mixed), log_sums)| {
                let part = self.chunk(chunk);
                let x = rows(x, &part.rows, width);
                let mut normed = Buffer::new(x.len());
                self.norm.forward(x, &mut normed);
                self.key_value().forward(&normed, key_value);
                self.query().forward(&part.gather(&normed, width), query);
                part.mix(query, key_value, mixed, log_sums);
                add_bias(&part.gather(x, width), self.out_proj.bias, y);
                self.out_proj.add_product(mixed, y);
            });
        saved
    }

    /// The gradients, given that with respect to the output.
    ///
    /// # Shapes
    ///
    /// - `x`, `into`: `[rows, width]`
    /// - `upstream`: `[outputs, width]`
    pub fn backward(&self, x: &[f32], saved: &Saved, upstream: &[f32], into: &mut [f32]) -> SelfAttentionGradients {
        let (width, heads) = (self.width(), self.spec.heads);
        let chunks = self.chunks();
        let row_ranges: Vec<_> = chunks.iter().map(|chunk| self.spec.sequences.span(chunk)).collect();
        let into = split(into, &row_ranges, width);
        let none = || SelfAttentionGradients {
            norm: NormGradients::new(width),
            in_proj: LinearGradients::new(width, 3 * width),
            out_proj: LinearGradients::new(width, width),
        };
        let chunk = |sums: &mut SelfAttentionGradients, write: Write, chunk: &Range<usize>, into: &mut [f32]| {
            let part = self.chunk(chunk);
            let (x, upstream) = (rows(x, &part.rows, width), rows(upstream, &part.outputs, width));
            let mixed = rows(&saved.mixed, &part.outputs, width);
            sums.out_proj.add(write, mixed, upstream);
            let mut mixed_gradient = Buffer::new(mixed.len());
            self.out_proj.input_gradient(upstream, &mut mixed_gradient);

            let mut query_gradient = Buffer::new(mixed.len());
            let mut key_value_gradient = Buffer::new(2 * x.len());
            part.unmix(
                rows(&saved.query, &part.outputs, width),
                rows(&saved.key_value, &part.rows, 2 * width),
                mixed,
                rows(&saved.log_sums, &part.outputs, heads),
                &mixed_gradient,
                &mut query_gradient,
                &mut key_value_gradient,
            );
            let mut normed = Buffer::new(x.len());
            self.norm.forward(x, &mut normed);
            sums.in_proj.add_to(0, width, write, &part.gather(&normed, width), &query_gradient);
            sums.in_proj.add_to(width, 2 * width, write, &normed, &key_value_gradient);

            let normed_gradient = &mut normed;
            self.key_value().input_gradient(&key_value_gradient, normed_gradient);
            if part.single.is_some() {
                self.query().input_gradient(&query_gradient, &mut mixed_gradient);
                part.scatter_add(&mixed_gradient, normed_gradient, width);
                into.fill(0.0);
                part.scatter_add(upstream, into, width);
            } else {
                self.query().add_input_gradient(&query_gradient, normed_gradient);
                into.copy_from_slice(upstream);
            }
            self.norm.backward(x, normed_gradient, into, &mut sums.norm);
        };
        in_groups(&chunks, into, none, chunk, |all, other| {
            all.norm.merge(&other.norm);
            all.in_proj.merge(&other.in_proj);
            all.out_proj.merge(&other.out_proj);
        })
    }

    fn chunk(&self, sequences: &Range<usize>) -> Chunk<'_> {
        let rows = self.spec.sequences.span(sequences);
        let single = self.spec.single_rows(sequences);
        Chunk {
            spec: self.spec,
            width: self.width(),
            outputs: self.spec.outputs(sequences),
            single: single.map(|single| single.into_iter().map(|row| row - rows.start).collect()),
            sequences: sequences.clone(),
            rows,
        }
    }
}

/// Some of the sequences, worked on by one thread. Rows and outputs are counted from the first of the chunk.
struct Chunk<'a> {
    spec: &'a AttentionSpec,
    width: usize,
    sequences: Range<usize>,
    rows: Range<usize>,
    outputs: Range<usize>,
    /// The row of each output, if they are single ones.
    single: Option<Vec<usize>>,
}

/// One head of one sequence of a chunk.
struct Place {
    /// First output and first row.
    output: usize,
    row: usize,
    outputs: usize,
    keys: usize,
    /// First value of the head within a row.
    at: usize,
    /// First logarithm of a sum.
    log_sum: usize,
}

impl Chunk<'_> {
    /// The rows of `values` that are outputs.
    fn gather<'v>(&self, values: &'v [f32], width: usize) -> std::borrow::Cow<'v, [f32]> {
        match &self.single {
            None => values.into(),
            Some(rows) => rows.iter().flat_map(|row| &values[row * width..][..width]).copied().collect(),
        }
    }

    /// Adds each row of `values` to that row of `sums` of which it is the output.
    fn scatter_add(&self, values: &[f32], sums: &mut [f32], width: usize) {
        for (row, values) in self.single.iter().flatten().zip(values.chunks_exact(width)) {
            add(values, &mut sums[row * width..][..width]);
        }
    }

    fn head_width(&self) -> usize {
        self.width / self.spec.heads
    }

    /// Every head of every sequence.
    fn places(&self) -> impl Iterator<Item = Place> {
        let heads = self.spec.heads;
        self.sequences.clone().flat_map(move |sequence| {
            let one = sequence..sequence + 1;
            let outputs = self.spec.outputs(&one);
            let first = outputs.start - self.outputs.start;
            (0..heads).map(move |head| Place {
                output: first,
                row: self.spec.sequences.range(sequence).start - self.rows.start,
                outputs: outputs.len(),
                keys: self.spec.keys(sequence),
                at: head * self.head_width(),
                log_sum: first * heads + head * outputs.len(),
            })
        })
    }

    fn head<'v>(&self, place: &Place, query: &'v [f32], key_value: &'v [f32]) -> Head<'v> {
        let key = |offset| Rows {
            data: &key_value[place.row * 2 * self.width + offset + place.at..],
            count: place.keys,
            dim: self.head_width(),
            stride: 2 * self.width,
        };
        Head {
            query: self.output_rows(place, query),
            key: key(0),
            value: key(self.width),
            causal: self.spec.causal && self.single.is_none(),
        }
    }

    fn output_rows<'v>(&self, place: &Place, values: &'v [f32]) -> Rows<'v> {
        let data = &values[place.output * self.width + place.at..];
        Rows { data, count: place.outputs, dim: self.head_width(), stride: self.width }
    }

    fn mix(&self, query: &[f32], key_value: &[f32], mixed: &mut [f32], log_sums: &mut [f32]) {
        let mut scratch = Scratch::default();
        for place in self.places() {
            let out = &mut mixed[place.output * self.width + place.at..];
            let log_sums = &mut log_sums[place.log_sum..][..place.outputs];
            self.head(&place, query, key_value).forward(out, self.width, log_sums, &mut scratch);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what the forward pass saved, and where the gradients go")]
    fn unmix(
        &self,
        query: &[f32],
        key_value: &[f32],
        mixed: &[f32],
        log_sums: &[f32],
        upstream: &[f32],
        query_gradient: &mut [f32],
        key_value_gradient: &mut [f32],
    ) {
        let mut scratch = Scratch::default();
        if self.single.is_some() && self.spec.causal {
            // Keys behind the query are not looked at.
            key_value_gradient.fill(0.0);
        }
        for place in self.places() {
            let into = HeadGradients {
                query: &mut query_gradient[place.output * self.width + place.at..],
                query_stride: self.width,
                key: &mut key_value_gradient[place.row * 2 * self.width + place.at..],
                value_offset: self.width,
                key_stride: 2 * self.width,
            };
            let out = self.output_rows(&place, mixed);
            let upstream = self.output_rows(&place, upstream);
            let log_sums = &log_sums[place.log_sum..][..place.outputs];
            self.head(&place, query, key_value).backward(out, upstream, log_sums, into, &mut scratch);
        }
    }
}
