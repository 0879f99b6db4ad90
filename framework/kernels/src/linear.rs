use crate::{
    matrix::{Matrix, MatrixMut, Write, product},
    simd::fill_rows,
};

/// A linear layer, or some of its outputs.
#[derive(Clone, Copy)]
pub(crate) struct Linear<'a> {
    /// `[inputs, outputs]`
    pub weight: Matrix<'a>,
    /// `[outputs]`
    pub bias: &'a [f32],
}

impl<'a> Linear<'a> {
    pub fn new(weight: &'a [f32], bias: &'a [f32]) -> Self {
        Self { weight: Matrix::new(weight, bias.len()), bias }
    }

    /// The outputs from `first` on, `count` of them.
    pub fn outputs_from(self, first: usize, count: usize) -> Self {
        Self { weight: self.weight.columns_from(first, count), bias: &self.bias[first..first + count] }
    }

    pub fn inputs(&self) -> usize {
        self.weight.rows()
    }

    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// `out = x W + b`.
    pub fn forward(&self, x: &[f32], out: &mut [f32]) {
        fill_rows(self.bias, out);
        self.add_product(x, out);
    }

    /// `out += x W`.
    pub fn add_product(&self, x: &[f32], out: &mut [f32]) {
        let out = MatrixMut::new(out, self.outputs());
        product(out, Write::Add, Matrix::new(x, self.inputs()), self.weight);
    }

    /// `out = upstream W^T`.
    pub fn input_gradient(&self, upstream: &[f32], out: &mut [f32]) {
        self.input_gradient_into(upstream, out, Write::Replace);
    }

    /// `out += upstream W^T`.
    pub fn add_input_gradient(&self, upstream: &[f32], out: &mut [f32]) {
        self.input_gradient_into(upstream, out, Write::Add);
    }

    fn input_gradient_into(&self, upstream: &[f32], out: &mut [f32], write: Write) {
        let out = MatrixMut::new(out, self.inputs());
        product(out, write, Matrix::new(upstream, self.outputs()), self.weight.transposed());
    }
}
