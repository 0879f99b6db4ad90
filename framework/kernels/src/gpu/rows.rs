//! Operations over rows, a cube for each: layer normalisation and softmax.

use burn::{
    backend::{Cube, ops::FloatTensorOps},
    tensor::Tensor,
};
use burn_cubecl::{
    cubecl::{self, prelude::*},
    tensor::CubeTensor,
};

use super::operation::{Operation, apply, empty};
use crate::{LayerNormParameters, fused::Input};

/// Threads on a row of a layer norm.
const ON_WIDTH: usize = 256;
/// Threads on a row of a softmax, which is shorter.
const ON_KEYS: usize = 64;
/// Groups of rows that sum gradients of scale and shift by themselves.
const GROUPS: usize = 128;
/// Cubes in a row of the grid; some devices allow no more than 65535.
const IN_LINE: usize = 32768;

/// See [`crate::layer_norm`].
///
/// # Shapes
///
/// - `x`, output: `[rows, width]`
pub(crate) fn layer_norm(x: Tensor<2>, norm: LayerNormParameters) -> Tensor<2> {
    let inputs = [Input::from(x), Input::from(norm.gamma), Input::from(norm.beta)];
    apply(LayerNorm { epsilon: norm.epsilon as f32 }, inputs)
}

/// Softmax over the last axis.
pub(crate) fn softmax<const D: usize>(scores: Tensor<D>) -> Tensor<D> {
    apply(Softmax, [Input::from(scores)])
}

/// Rows of the last axis, and their length.
fn rows_of(x: &CubeTensor) -> (usize, usize) {
    let shape = x.meta.shape();
    let length = shape[shape.num_dims() - 1];
    (shape.num_elements() / length.max(1), length)
}

fn cubes(rows: usize) -> CubeCount {
    CubeCount::Static(rows.min(IN_LINE) as u32, rows.div_ceil(IN_LINE) as u32, 1)
}

#[derive(Debug, Clone)]
struct LayerNorm {
    epsilon: f32,
}

impl Operation<3> for LayerNorm {
    /// Saves mean and scale of every row, `[rows, 2]`.
    fn forward(&self, [x, gamma, beta]: &[CubeTensor; 3]) -> (CubeTensor, CubeTensor) {
        let (rows, width) = rows_of(x);
        let (out, statistics) = (empty(x, [rows, width]), empty(x, [rows, 2]));
        if rows > 0 {
            layer_norm_forward::launch(
                &x.client,
                cubes(rows),
                CubeDim::new_1d(ON_WIDTH as u32),
                x.clone().into_buffer_arg(),
                gamma.clone().into_buffer_arg(),
                beta.clone().into_buffer_arg(),
                out.clone().into_buffer_arg(),
                statistics.clone().into_buffer_arg(),
                self.epsilon,
                rows,
                width,
            );
        }
        (out, statistics)
    }

    fn backward(
        &self,
        [x, gamma, _]: [CubeTensor; 3],
        statistics: CubeTensor,
        upstream: CubeTensor,
    ) -> [CubeTensor; 3] {
        let (rows, width) = rows_of(&x);
        let (of_x, of_gamma, of_beta) =
            (empty(&x, [rows, width]), empty(&x, [GROUPS, width]), empty(&x, [GROUPS, width]));
        if rows > 0 {
            layer_norm_backward::launch(
                &x.client,
                cubes(rows),
                CubeDim::new_1d(ON_WIDTH as u32),
                x.clone().into_buffer_arg(),
                gamma.into_buffer_arg(),
                statistics.clone().into_buffer_arg(),
                upstream.clone().into_buffer_arg(),
                of_x.clone().into_buffer_arg(),
                rows,
                width,
            );
        }
        layer_norm_columns::launch(
            &x.client,
            CubeCount::Static(width.div_ceil(ON_WIDTH) as u32, GROUPS as u32, 1),
            CubeDim::new_1d(ON_WIDTH as u32),
            x.clone().into_buffer_arg(),
            statistics.into_buffer_arg(),
            upstream.into_buffer_arg(),
            of_gamma.clone().into_buffer_arg(),
            of_beta.clone().into_buffer_arg(),
            rows,
            width,
        );
        let over_groups = |sums| Cube::float_reshape(Cube::float_sum_dim(sums, 0), [width].into());
        [of_x, over_groups(of_gamma), over_groups(of_beta)]
    }
}

#[cube(launch)]
fn layer_norm_forward(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    out: &mut [f32],
    statistics: &mut [f32],
    epsilon: f32,
    rows: usize,
    width: usize,
) {
    let row = CUBE_POS;
    if row >= rows {
        terminate!();
    }
    let (unit, first) = (UNIT_POS as usize, row * width);
    let mut sum = 0.0f32;
    for turn in 0..width.div_ceil(ON_WIDTH) {
        let at = unit + turn * ON_WIDTH;
        if at < width {
            sum += x[first + at];
        }
    }
    let mean = cube_sum(sum, ON_WIDTH) / width as f32;
    let mut squares = 0.0f32;
    for turn in 0..width.div_ceil(ON_WIDTH) {
        let at = unit + turn * ON_WIDTH;
        if at < width {
            let centred = x[first + at] - mean;
            squares += centred * centred;
        }
    }
    let scale = 1.0f32 / (cube_sum(squares, ON_WIDTH) / width as f32 + epsilon).sqrt();
    for turn in 0..width.div_ceil(ON_WIDTH) {
        let at = unit + turn * ON_WIDTH;
        if at < width {
            out[first + at] = (x[first + at] - mean) * scale * gamma[at] + beta[at];
        }
    }
    if unit == 0 {
        statistics[2 * row] = mean;
        statistics[2 * row + 1] = scale;
    }
}

/// With `n` the normalised row and `h = upstream gamma`: `scale (h - mean(h) - n mean(h n))`.
#[cube(launch)]
fn layer_norm_backward(
    x: &[f32],
    gamma: &[f32],
    statistics: &[f32],
    upstream: &[f32],
    of_x: &mut [f32],
    rows: usize,
    width: usize,
) {
    let row = CUBE_POS;
    if row >= rows {
        terminate!();
    }
    let (unit, first) = (UNIT_POS as usize, row * width);
    let mean = statistics[2 * row];
    let scale = statistics[2 * row + 1];
    let mut sum = 0.0f32;
    let mut along = 0.0f32;
    for turn in 0..width.div_ceil(ON_WIDTH) {
        let at = unit + turn * ON_WIDTH;
        if at < width {
            let h = upstream[first + at] * gamma[at];
            sum += h;
            along += h * (x[first + at] - mean) * scale;
        }
    }
    let mean_h = cube_sum(sum, ON_WIDTH) / width as f32;
    let mean_along = cube_sum(along, ON_WIDTH) / width as f32;
    for turn in 0..width.div_ceil(ON_WIDTH) {
        let at = unit + turn * ON_WIDTH;
        if at < width {
            let normalised = (x[first + at] - mean) * scale;
            of_x[first + at] = scale * (upstream[first + at] * gamma[at] - mean_h - normalised * mean_along);
        }
    }
}

/// Gradients of scale and shift over a group of rows, a thread for each column.
#[cube(launch)]
fn layer_norm_columns(
    x: &[f32],
    statistics: &[f32],
    upstream: &[f32],
    of_gamma: &mut [f32],
    of_beta: &mut [f32],
    rows: usize,
    width: usize,
) {
    let column = CUBE_POS_X as usize * ON_WIDTH + UNIT_POS as usize;
    let group = CUBE_POS_Y as usize;
    if column >= width {
        terminate!();
    }
    let mut gamma = 0.0f32;
    let mut beta = 0.0f32;
    for turn in 0..rows.div_ceil(GROUPS) {
        let row = group + turn * GROUPS;
        if row < rows {
            let gradient = upstream[row * width + column];
            gamma += gradient * (x[row * width + column] - statistics[2 * row]) * statistics[2 * row + 1];
            beta += gradient;
        }
    }
    of_gamma[group * width + column] = gamma;
    of_beta[group * width + column] = beta;
}

#[derive(Debug, Clone)]
struct Softmax;

impl Operation<1> for Softmax {
    /// Saves its output.
    fn forward(&self, [scores]: &[CubeTensor; 1]) -> (CubeTensor, CubeTensor) {
        let (rows, keys) = rows_of(scores);
        let out = empty(scores, scores.meta.shape().clone());
        if rows > 0 {
            let (input, output) = (scores.clone().into_buffer_arg(), out.clone().into_buffer_arg());
            softmax_forward::launch(
                &scores.client,
                cubes(rows),
                CubeDim::new_1d(ON_KEYS as u32),
                input,
                output,
                rows,
                keys,
            );
        }
        (out.clone(), out)
    }

    fn backward(&self, [scores]: [CubeTensor; 1], out: CubeTensor, upstream: CubeTensor) -> [CubeTensor; 1] {
        let (rows, keys) = rows_of(&scores);
        let of_scores = empty(&scores, scores.meta.shape().clone());
        if rows > 0 {
            softmax_backward::launch(
                &scores.client,
                cubes(rows),
                CubeDim::new_1d(ON_KEYS as u32),
                out.into_buffer_arg(),
                upstream.into_buffer_arg(),
                of_scores.clone().into_buffer_arg(),
                rows,
                keys,
            );
        }
        [of_scores]
    }
}

#[cube(launch)]
fn softmax_forward(scores: &[f32], out: &mut [f32], rows: usize, keys: usize) {
    let row = CUBE_POS;
    if row >= rows {
        terminate!();
    }
    let (unit, first) = (UNIT_POS as usize, row * keys);
    let mut largest = f32::min_value();
    for turn in 0..keys.div_ceil(ON_KEYS) {
        let at = unit + turn * ON_KEYS;
        if at < keys {
            largest = max(largest, scores[first + at]);
        }
    }
    let largest = cube_max(largest, ON_KEYS);
    let mut sum = 0.0f32;
    for turn in 0..keys.div_ceil(ON_KEYS) {
        let at = unit + turn * ON_KEYS;
        if at < keys {
            let value = (scores[first + at] - largest).exp();
            out[first + at] = value;
            sum += value;
        }
    }
    let over_sum = 1.0f32 / cube_sum(sum, ON_KEYS);
    for turn in 0..keys.div_ceil(ON_KEYS) {
        let at = unit + turn * ON_KEYS;
        if at < keys {
            out[first + at] *= over_sum;
        }
    }
}

/// `out (upstream - sum(upstream out))`.
#[cube(launch)]
fn softmax_backward(out: &[f32], upstream: &[f32], of_scores: &mut [f32], rows: usize, keys: usize) {
    let row = CUBE_POS;
    if row >= rows {
        terminate!();
    }
    let (unit, first) = (UNIT_POS as usize, row * keys);
    let mut sum = 0.0f32;
    for turn in 0..keys.div_ceil(ON_KEYS) {
        let at = unit + turn * ON_KEYS;
        if at < keys {
            sum += out[first + at] * upstream[first + at];
        }
    }
    let along = cube_sum(sum, ON_KEYS);
    for turn in 0..keys.div_ceil(ON_KEYS) {
        let at = unit + turn * ON_KEYS;
        if at < keys {
            of_scores[first + at] = out[first + at] * (upstream[first + at] - along);
        }
    }
}

/// The sum of the values of all `units` of a cube, a power of two.
#[cube]
fn cube_sum(value: f32, #[comptime] units: usize) -> f32 {
    let mut shared = Shared::<[f32]>::new_slice(units);
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let halvings = comptime!(units.trailing_zeros());
    #[unroll]
    for turn in 0..halvings {
        let half = comptime!(units >> (turn + 1));
        if unit < half {
            let other = shared[unit + half];
            shared[unit] += other;
        }
        sync_cube();
    }
    shared[0]
}

/// The largest of the values of all `units` of a cube, a power of two.
#[cube]
fn cube_max(value: f32, #[comptime] units: usize) -> f32 {
    let mut shared = Shared::<[f32]>::new_slice(units);
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let halvings = comptime!(units.trailing_zeros());
    #[unroll]
    for turn in 0..halvings {
        let half = comptime!(units >> (turn + 1));
        if unit < half {
            let other = shared[unit + half];
            shared[unit] = max(shared[unit], other);
        }
        sync_cube();
    }
    shared[0]
}
