//! Scaled dot-product attention of one head within one sequence (Vaswani et al. 2017, eq. 1).

use crate::{
    matrix::{Matrix, MatrixMut, Write, product},
    simd::{exp, max, sum_of, vectorised},
};

/// One head of one sequence: which queries look at which keys.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    /// `[queries, dim]`
    pub query: Rows<'a>,
    /// `[keys, dim]`
    pub key: Rows<'a>,
    /// `[keys, dim]`
    pub value: Rows<'a>,
    /// Whether query `i` looks at the keys up to `i` only.
    pub causal: bool,
}

/// Rows of one head within a matrix of all heads.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// From the first value of the head in the first row on.
    pub data: &'a [f32],
    pub count: usize,
    pub dim: usize,
    pub stride: usize,
}

impl<'a> Rows<'a> {
    fn matrix(self) -> Matrix<'a> {
        Matrix::strided(self.data, self.count, self.dim, self.stride)
    }

    fn row(&self, index: usize) -> &'a [f32] {
        &self.data[index * self.stride..][..self.dim]
    }
}

/// Gradients with respect to the parts of a [`Head`], in the same layout.
pub(crate) struct HeadGradients<'a> {
    pub query: &'a mut [f32],
    pub query_stride: usize,
    /// From the first value of the head in the first key on.
    pub key: &'a mut [f32],
    /// From a value of a key to that of the value.
    pub value_offset: usize,
    pub key_stride: usize,
}

/// Memory for the scores of a head.
#[derive(Default)]
pub(crate) struct Scratch {
    weights: Vec<f32>,
    gradients: Vec<f32>,
}

impl Head<'_> {
    fn scale(&self) -> f32 {
        (self.query.dim as f32).powf(-0.5)
    }

    /// Number of keys that query `i` looks at.
    #[inline(always)]
    fn seen(&self, i: usize) -> usize {
        if self.causal { i + 1 } else { self.key.count }
    }

    /// `scores = query key^T`.
    fn scores(&self, scores: &mut Vec<f32>) {
        scores.resize(self.query.count * self.key.count, 0.0);
        let out = MatrixMut::new(scores, self.key.count);
        product(out, Write::Replace, self.query.matrix(), self.key.matrix().transposed());
    }

    /// Writes the mixed values to `out`, and the logarithm of each query's softmax denominator to `log_sums`.
    ///
    /// # Shapes
    ///
    /// - `out`: `[queries, dim]`, rows `stride` apart
    /// - `log_sums`: `[queries]`
    pub fn forward(&self, out: &mut [f32], stride: usize, log_sums: &mut [f32], scratch: &mut Scratch) {
        let scale = self.scale();
        self.scores(&mut scratch.weights);
        vectorised(
            #[inline(always)]
            || {
                let rows = scratch.weights.chunks_exact_mut(self.key.count);
                for (i, (row, log_sum)) in rows.zip(log_sums.iter_mut()).enumerate() {
                    let (seen, hidden) = row.split_at_mut(self.seen(i));
                    let largest = max(seen);
                    for score in &mut *seen {
                        *score = exp((*score - largest) * scale);
                    }
                    hidden.fill(0.0);
                    let sum = sum_of(seen, seen, |a, _| a);
                    let factor = 1.0 / sum;
                    for weight in seen {
                        *weight *= factor;
                    }
                    *log_sum = largest * scale + sum.ln();
                }
            },
        );
        let out = MatrixMut::strided(out, self.query.count, self.query.dim, stride);
        product(out, Write::Replace, Matrix::new(&scratch.weights, self.key.count), self.value.matrix());
    }

    /// Writes the gradients with respect to query, key and value.
    ///
    /// # Shapes
    ///
    /// - `out`: `[queries, dim]`, what [`Head::forward`] wrote
    /// - `upstream`: `[queries, dim]`, the gradient with respect to it
    /// - `log_sums`: `[queries]`
    #[expect(clippy::needless_pass_by_value, reason = "a mutable view is used up")]
    pub fn backward(
        &self,
        out: Rows<'_>,
        upstream: Rows<'_>,
        log_sums: &[f32],
        into: HeadGradients<'_>,
        scratch: &mut Scratch,
    ) {
        let (queries, keys, dim, scale) = (self.query.count, self.key.count, self.query.dim, self.scale());
        self.scores(&mut scratch.weights);
        vectorised(
            #[inline(always)]
            || {
                for (i, (row, log_sum)) in scratch.weights.chunks_exact_mut(keys).zip(log_sums).enumerate() {
                    let (seen, hidden) = row.split_at_mut(self.seen(i));
                    for score in seen {
                        *score = exp(score.mul_add(scale, -log_sum));
                    }
                    hidden.fill(0.0);
                }
            },
        );
        let weights = Matrix::new(&scratch.weights, keys);
        let value = MatrixMut::strided(&mut into.key[into.value_offset..], keys, dim, into.key_stride);
        product(value, Write::Replace, weights.transposed(), upstream.matrix());

        scratch.gradients.resize(queries * keys, 0.0);
        let gradients = MatrixMut::new(&mut scratch.gradients, keys);
        product(gradients, Write::Replace, upstream.matrix(), self.value.matrix().transposed());
        vectorised(
            #[inline(always)]
            || {
                let rows = scratch.gradients.chunks_exact_mut(keys).zip(scratch.weights.chunks_exact(keys));
                for (i, (gradients, weights)) in rows.enumerate() {
                    let mean = sum_of(out.row(i), upstream.row(i), |a, b| a * b);
                    for (gradient, weight) in gradients.iter_mut().zip(weights) {
                        *gradient = (*gradient - mean) * (weight * scale);
                    }
                }
            },
        );
        let gradients = Matrix::new(&scratch.gradients, keys);
        let query = MatrixMut::strided(into.query, queries, dim, into.query_stride);
        product(query, Write::Replace, gradients, self.key.matrix());
        let key = MatrixMut::strided(into.key, keys, dim, into.key_stride);
        product(key, Write::Replace, gradients.transposed(), self.query.matrix());
    }
}
