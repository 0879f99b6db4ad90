//! `QuickGELU`, `x sigmoid(1.702 x)`, and its gradient.

use burn::tensor::Tensor;
use burn_cubecl::{
    cubecl::{self, prelude::*},
    tensor::CubeTensor,
};

use super::{
    operation::{Operation, apply, empty},
    vectors::{Launch, UNITS},
};
use crate::{activation::QUICK_GELU_SLOPE, fused::Input};

/// # Shapes
///
/// - `x`, output: `[rows, width]`
pub(crate) fn quick_gelu(x: Tensor<2>) -> Tensor<2> {
    apply(QuickGelu, [Input::from(x)])
}

#[derive(Debug, Clone)]
struct QuickGelu;

impl Operation<1> for QuickGelu {
    /// Saves nothing of its own.
    fn forward(&self, [x]: &[CubeTensor; 1]) -> (CubeTensor, CubeTensor) {
        let out = empty(x, x.meta.shape().clone());
        if let Some(Launch { client, count, width, length }) = Launch::of(x) {
            let (units, slope) = (CubeDim::new_1d(UNITS), QUICK_GELU_SLOPE);
            let (input, output) = (x.clone().into_buffer_arg(), out.clone().into_buffer_arg());
            quick_gelu_forward::launch(&client, count, units, width, input, output, slope, length);
        }
        (out, x.clone())
    }

    fn backward(&self, [x]: [CubeTensor; 1], _: CubeTensor, upstream: CubeTensor) -> [CubeTensor; 1] {
        let of_x = empty(&x, x.meta.shape().clone());
        if let Some(Launch { client, count, width, length }) = Launch::of(&x) {
            let (units, slope) = (CubeDim::new_1d(UNITS), QUICK_GELU_SLOPE);
            let (input, gradient, output) =
                (x.into_buffer_arg(), upstream.into_buffer_arg(), of_x.clone().into_buffer_arg());
            quick_gelu_backward::launch(&client, count, units, width, input, gradient, output, slope, length);
        }
        [of_x]
    }
}

#[cube(launch)]
fn quick_gelu_forward<N: Size>(x: &[Vector<f32, N>], out: &mut [Vector<f32, N>], slope: f32, length: usize) {
    if ABSOLUTE_POS >= length {
        terminate!();
    }
    let x = x[ABSOLUTE_POS];
    out[ABSOLUTE_POS] = x / (Vector::new(1.0f32) + (x * Vector::new(-slope)).exp());
}

#[cube(launch)]
fn quick_gelu_backward<N: Size>(
    x: &[Vector<f32, N>],
    upstream: &[Vector<f32, N>],
    of_x: &mut [Vector<f32, N>],
    slope: f32,
    length: usize,
) {
    if ABSOLUTE_POS >= length {
        terminate!();
    }
    let one = Vector::new(1.0f32);
    let x = x[ABSOLUTE_POS] * Vector::new(slope);
    let sigmoid = one / (one + (x * Vector::new(-1.0f32)).exp());
    of_x[ABSOLUTE_POS] = upstream[ABSOLUTE_POS] * sigmoid * (one + x * (one - sigmoid));
}
