//! Rules over flat vectors of parameters, one launch for each.
//!
//! Composed of burn's operations a step of `AdamW` takes some fifteen launches for every parameter, each of which reads
//! and writes all of its values.

use burn::{
    backend::Cube,
    tensor::{DType, Device, Tensor},
};
use burn_cubecl::{
    cubecl::{self, prelude::*},
    kernel::into_contiguous,
    ops::numeric::empty_device_dtype,
    tensor::CubeTensor,
};

use crate::{AdamWState, AdamWStep};

/// Threads of a cube.
pub(super) const UNITS: u32 = 256;
/// Threads that add up squares, each to a place of its own.
const PARTS: usize = 1 << 16;

/// See [`AdamWStep::apply`].
///
/// # Shapes
///
/// - `gradient`: `[length]`
pub(crate) fn adamw(step: AdamWStep, state: AdamWState, gradient: Tensor<1>) -> AdamWState {
    let [weight, first, second, gradient] = [state.weight, state.first, state.second, gradient].map(primitive);
    let outputs = [(); 3].map(|()| like(&weight));
    let [new_weight, new_first, new_second] = outputs.clone().map(CubeTensor::into_buffer_arg);
    if let Some(Launch { client, count, width, length }) = Launch::of(&weight) {
        adamw_kernel::launch(
            &client,
            count,
            CubeDim::new_1d(UNITS),
            width,
            weight.into_buffer_arg(),
            first.into_buffer_arg(),
            second.into_buffer_arg(),
            gradient.into_buffer_arg(),
            new_weight,
            new_first,
            new_second,
            step.shrink as f32,
            step.beta1 as f32,
            (1.0 - step.beta1) as f32,
            step.beta2 as f32,
            (1.0 - step.beta2) as f32,
            step.rate as f32,
            (1.0 / step.correction) as f32,
            step.epsilon as f32,
            length,
        );
    }
    let [weight, first, second] = outputs.map(tensor);
    AdamWState { weight, first, second }
}

#[cube(launch)]
fn adamw_kernel<N: Size>(
    weight: &[Vector<f32, N>],
    first: &[Vector<f32, N>],
    second: &[Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    new_weight: &mut [Vector<f32, N>],
    new_first: &mut [Vector<f32, N>],
    new_second: &mut [Vector<f32, N>],
    shrink: f32,
    beta1: f32,
    one_beta1: f32,
    beta2: f32,
    one_beta2: f32,
    rate: f32,
    over_correction: f32,
    epsilon: f32,
    length: usize,
) {
    if ABSOLUTE_POS >= length {
        terminate!();
    }
    let gradient = gradient[ABSOLUTE_POS];
    let first = fma(first[ABSOLUTE_POS], Vector::new(beta1), gradient * Vector::new(one_beta1));
    let second = fma(second[ABSOLUTE_POS], Vector::new(beta2), gradient * gradient * Vector::new(one_beta2));
    let divisor = fma(second.sqrt(), Vector::new(over_correction), Vector::new(epsilon));
    let move_by = Vector::new(rate) * first / divisor;
    new_weight[ABSOLUTE_POS] = weight[ABSOLUTE_POS] * Vector::new(shrink) - move_by;
    new_first[ABSOLUTE_POS] = first;
    new_second[ABSOLUTE_POS] = second;
}

/// See [`crate::blend`].
///
/// # Shapes
///
/// - `a`, `b`, output: `[length]`
pub(crate) fn blend(a: &Tensor<1>, share_a: f64, b: &Tensor<1>, share_b: f64) -> Tensor<1> {
    let (a, b) = (primitive(a.clone()), primitive(b.clone()));
    let output = like(&a);
    if let Some(Launch { client, count, width, length }) = Launch::of(&a) {
        let (units, out) = (CubeDim::new_1d(UNITS), output.clone().into_buffer_arg());
        let (a, b) = (a.into_buffer_arg(), b.into_buffer_arg());
        blend_kernel::launch(&client, count, units, width, a, b, out, share_a as f32, share_b as f32, length);
    }
    tensor(output)
}

#[cube(launch)]
fn blend_kernel<N: Size>(
    a: &[Vector<f32, N>],
    b: &[Vector<f32, N>],
    output: &mut [Vector<f32, N>],
    share_a: f32,
    share_b: f32,
    length: usize,
) {
    if ABSOLUTE_POS >= length {
        terminate!();
    }
    output[ABSOLUTE_POS] = a[ABSOLUTE_POS] * Vector::new(share_a) + b[ABSOLUTE_POS] * Vector::new(share_b);
}

/// See [`crate::Squares::add`]; `parts` are one vector `[PARTS]`, to whose values one launch after the other adds.
///
/// # Shapes
///
/// - `vector`: `[length]`
pub(crate) fn add_squares(vector: &Tensor<1>, parts: &mut Vec<Tensor<1>>) {
    let parts = only(parts, &vector.device());
    let vector = primitive(vector.clone());
    if let Some(launch) = Launch::of(&vector) {
        let (count, units) = (launch.cubes_of_parts(), CubeDim::new_1d(UNITS));
        let Launch { client, width, length, .. } = launch;
        add_squares_kernel::launch(
            &client,
            count,
            units,
            width,
            vector.into_buffer_arg(),
            parts.into_buffer_arg(),
            length,
        );
    }
}

#[cube(launch)]
fn add_squares_kernel<N: Size>(vector: &[Vector<f32, N>], parts: &mut [f32], length: usize) {
    let stride = CUBE_DIM as usize * CUBE_COUNT;
    let mut sum = Vector::<f32, N>::new(0.0);
    for turn in 0..length.div_ceil(stride) {
        let at = ABSOLUTE_POS + turn * stride;
        if at < length {
            sum = fma(vector[at], vector[at], sum);
        }
    }
    parts[ABSOLUTE_POS] += total::<N>(sum);
}

/// See [`crate::pull`]; `parts` are those of [`add_squares`].
///
/// # Shapes
///
/// - `gradient`, `weight`, `start`, output: `[length]`
pub(crate) fn pull(
    gradient: Tensor<1>,
    weight: &Tensor<1>,
    start: &Tensor<1>,
    factor: f64,
    parts: &mut Vec<Tensor<1>>,
) -> Tensor<1> {
    let parts = only(parts, &gradient.device());
    let [gradient, weight, start] = [gradient, weight.clone(), start.clone()].map(primitive);
    let output = like(&gradient);
    if let Some(launch) = Launch::of(&gradient) {
        pull_kernel::launch(
            &launch.client,
            launch.cubes_of_parts(),
            CubeDim::new_1d(UNITS),
            launch.width,
            gradient.into_buffer_arg(),
            weight.into_buffer_arg(),
            start.into_buffer_arg(),
            output.clone().into_buffer_arg(),
            parts.into_buffer_arg(),
            factor as f32,
            launch.length,
        );
    }
    tensor(output)
}

#[cube(launch)]
fn pull_kernel<N: Size>(
    gradient: &[Vector<f32, N>],
    weight: &[Vector<f32, N>],
    start: &[Vector<f32, N>],
    output: &mut [Vector<f32, N>],
    parts: &mut [f32],
    factor: f32,
    length: usize,
) {
    let stride = CUBE_DIM as usize * CUBE_COUNT;
    let mut sum = Vector::<f32, N>::new(0.0);
    for turn in 0..length.div_ceil(stride) {
        let at = ABSOLUTE_POS + turn * stride;
        if at < length {
            let moved = weight[at] - start[at];
            output[at] = fma(moved, Vector::new(factor), gradient[at]);
            sum = fma(moved, moved, sum);
        }
    }
    parts[ABSOLUTE_POS] += total::<N>(sum);
}

#[cube]
fn total<N: Size>(lanes: Vector<f32, N>) -> f32 {
    let mut sum = 0.0f32;
    let width = lanes.vector_size();
    #[unroll]
    for lane in 0..width {
        sum += lanes.extract(lane);
    }
    sum
}

/// Where a rule that looks at each value by itself runs.
pub(super) struct Launch {
    pub client: cubecl::client::Client,
    pub count: CubeCount,
    /// Values that a thread takes at a time.
    pub width: usize,
    /// As many times a thread's values make up the vector; the memory behind it may hold more.
    pub length: usize,
}

impl Launch {
    /// `None` where there is nothing to do.
    pub fn of(vector: &CubeTensor) -> Option<Self> {
        let values = vector.meta.num_elements();
        let width = if values.is_multiple_of(4) { 4 } else { 1 };
        let (client, length) = (vector.client.clone(), values / width);
        let count = cubecl::calculate_cube_count_elemwise(&client, length, CubeDim::new_1d(UNITS));
        (length > 0).then_some(Self { client, count, width, length })
    }

    /// At most as many threads as there are places for sums.
    fn cubes_of_parts(&self) -> CubeCount {
        CubeCount::Static((self.length.min(PARTS) as u32).div_ceil(UNITS), 1, 1)
    }
}

/// The one vector of sums; at first they are nothing.
fn only(parts: &mut Vec<Tensor<1>>, device: &Device) -> CubeTensor {
    if parts.is_empty() {
        parts.push(Tensor::zeros([PARTS], device));
    }
    primitive(parts[0].clone())
}

/// A vector of 32-bit numbers on the GPU.
#[expect(clippy::expect_used, reason = "callers have looked at the device")]
fn primitive(vector: Tensor<1>) -> CubeTensor {
    into_contiguous(vector.try_into_primitive::<Cube>().expect("the tensor is on the GPU, outside of autodiff"))
}

fn like(vector: &CubeTensor) -> CubeTensor {
    empty_device_dtype(vector.client.clone(), vector.device.clone(), vector.meta.shape().clone(), DType::F32)
}

fn tensor(vector: CubeTensor) -> Tensor<1> {
    Tensor::from_primitive::<Cube>(vector)
}
