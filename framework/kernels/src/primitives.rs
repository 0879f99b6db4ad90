//! The same operations composed of burn's own, for devices on which they are not fused.

use burn::tensor::{Bool, Device, FloatDType, Int, Tensor, TensorData, activation, module};

use crate::{
    Activation, AdamWState, AdamWStep, AttentionSpec, LayerNormParameters, LinearParameters, PatchParameters,
    Precision, activation::QUICK_GELU_SLOPE,
};
#[cfg(all(feature = "gpu", not(feature = "fusion")))]
use crate::{fused::is_fused, gpu};

/// See [`crate::residual_attention`]; all sequences are of one length.
///
/// # Shapes
///
/// - `x`: `[rows, width]`
/// - output: `[rows, width]`, or `[sequences, width]`
#[expect(clippy::expect_used, reason = "`TokenBatch` packs texts of different lengths on fused devices only")]
pub fn residual_attention(
    x: Tensor<2>,
    norm: LayerNormParameters,
    in_proj: LinearParameters,
    out_proj: LinearParameters,
    spec: &AttentionSpec,
) -> Tensor<2> {
    let [_, width] = x.dims();
    let (batch, heads, head_dim) = (spec.sequences.len(), spec.heads, width / spec.heads);
    let length = spec.sequences.common_length().expect("sequences of one length");
    let scale = (head_dim as f64).powf(-0.5);
    let normed = layer_norm(x.clone(), norm);

    let in_heads = |x: Tensor<2>, length: usize| x.reshape([batch, length, heads, head_dim]).swap_dims(1, 2);
    let (query, key_value, x, queries) = match &spec.queries {
        None => {
            let all = linear(normed, in_proj, spec.precision);
            let key_value = all.clone().narrow(1, width, 2 * width);
            (all.narrow(1, 0, width), key_value, x, length)
        }
        Some(queries) => {
            let part = |first: usize, count: usize| {
                let weight = in_proj.weight.clone().narrow(1, first * width, count * width);
                LinearParameters { weight, bias: in_proj.bias.clone().narrow(0, first * width, count * width) }
            };
            let chosen: Vec<i32> = queries.iter().enumerate().map(|(i, at)| (i * length + at) as i32).collect();
            let chosen = Tensor::<1, Int>::from_data(TensorData::new(chosen, [batch]), &x.device().without_autodiff());
            let query = linear(normed.clone().select(0, chosen.clone()), part(0, 1), spec.precision);
            (query, linear(normed, part(1, 2), spec.precision), x.select(0, chosen), 1)
        }
    };
    let query = in_heads(query, queries).mul_scalar(scale);
    let key = in_heads(key_value.clone().narrow(1, 0, width), length);
    let value = in_heads(key_value.narrow(1, width, width), length);
    let mut scores = product_in(spec.precision, query, key.swap_dims(2, 3));
    if spec.causal {
        let positions = |i: usize| spec.queries.as_ref().map_or(i % length, |queries| queries[i]);
        let mask = hidden(batch, queries, length, positions, &scores.device().without_autodiff());
        scores = scores.mask_fill(mask.expand([batch, heads, queries, length]), f32::NEG_INFINITY);
    }
    let mixed = product_in(spec.precision, softmax(scores), value);
    let mixed = mixed.swap_dims(1, 2).reshape([batch * queries, width]);
    x + linear(mixed, out_proj, spec.precision)
}

/// True where the position of a query lies before that of a key.
///
/// # Shapes
///
/// - output: `[batch or 1, 1, queries, keys]`
fn hidden(
    batch: usize,
    queries: usize,
    keys: usize,
    position: impl Fn(usize) -> usize,
    device: &Device,
) -> Tensor<4, Bool> {
    let sequences = if queries == keys { 1 } else { batch };
    let mask: Vec<bool> =
        (0..sequences * queries).flat_map(|i| (0..keys).map(|key| key > position(i)).collect::<Vec<_>>()).collect();
    Tensor::from_data(TensorData::new(mask, [sequences, 1, queries, keys]), device)
}

/// See [`crate::residual_mlp`].
///
/// # Shapes
///
/// - `x`, output: `[rows, width]`
pub fn residual_mlp(
    x: Tensor<2>,
    norm: LayerNormParameters,
    c_fc: LinearParameters,
    c_proj: LinearParameters,
    activation: Activation,
    precision: Precision,
) -> Tensor<2> {
    let hidden = linear(layer_norm(x.clone(), norm), c_fc, precision);
    let active = match activation {
        Activation::QuickGelu => quick_gelu(hidden),
        Activation::Gelu => activation::gelu(hidden),
    };
    x + linear(active, c_proj, precision)
}

/// See [`crate::layer_norm`].
///
/// # Shapes
///
/// - `x`, output: `[rows, width]`
pub fn layer_norm(x: Tensor<2>, norm: LayerNormParameters) -> Tensor<2> {
    #[cfg(all(feature = "gpu", not(feature = "fusion")))]
    if !is_fused(&x.device()) {
        return gpu::layer_norm(x, norm);
    }
    module::layer_norm(x, norm.gamma, Some(norm.beta), norm.epsilon)
}

/// # Shapes
///
/// - `x`, output: `[rows, width]`
fn quick_gelu(x: Tensor<2>) -> Tensor<2> {
    #[cfg(all(feature = "gpu", not(feature = "fusion")))]
    if !is_fused(&x.device()) {
        return gpu::quick_gelu(x);
    }
    x.clone() * activation::sigmoid(x.mul_scalar(QUICK_GELU_SLOPE))
}

/// Over the keys.
///
/// # Shapes
///
/// - `scores`, output: `[batch, heads, queries, keys]`
fn softmax(scores: Tensor<4>) -> Tensor<4> {
    #[cfg(all(feature = "gpu", not(feature = "fusion")))]
    if !is_fused(&scores.device()) {
        return gpu::softmax(scores);
    }
    activation::softmax(scores, 3)
}

/// # Shapes
///
/// - `x`: `[rows, inputs]`
/// - output: `[rows, outputs]`
fn linear(x: Tensor<2>, layer: LinearParameters, precision: Precision) -> Tensor<2> {
    product_in(precision, x, layer.weight) + layer.bias.unsqueeze::<2>()
}

/// The product of matrices in [`Precision::F32`], on every device.
///
/// burn's own `matmul` is that of [`Precision::Tf32`]: on a GPU it takes tensor cores where they are faster. So does this
/// in a build with the feature `fusion`.
///
/// # Shapes
///
/// - `a`: `[.., rows, inner]`
/// - `b`: `[.., inner, columns]`, with the leading axes of `a`
/// - output: `[.., rows, columns]`
pub fn product<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    #[cfg(all(feature = "gpu", not(feature = "fusion")))]
    if !is_fused(&a.device()) {
        return gpu::product(a, b);
    }
    a.matmul(b)
}

/// The product in the arithmetic of `precision`; shapes are those of [`product`].
fn product_in<const D: usize>(precision: Precision, a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    match precision {
        Precision::F32 => product(a, b),
        Precision::Tf32 => a.matmul(b),
        Precision::Bf16 => a.cast(FloatDType::BF16).matmul(b.cast(FloatDType::BF16)).cast(FloatDType::F32),
    }
}

/// See [`crate::embed_patches`].
///
/// # Shapes
///
/// - `images`: `[batch, 3, size, size]`
/// - output: `[batch (1 + patches), width]`
pub fn embed_patches(images: Tensor<4>, parameters: PatchParameters, precision: Precision) -> Tensor<2> {
    let PatchParameters { weight, class, positions, norm } = parameters;
    let [batch, channels, size, _] = images.dims();
    let [patch_values, width] = weight.dims();
    let patch = (patch_values / channels).isqrt();
    let side = size / patch;
    let cut = images.reshape([batch, channels, side, patch, side, patch]).permute([0, 2, 4, 1, 3, 5]);
    let patches = product_in(precision, cut.reshape([batch * side * side, patch_values]), weight);
    let patches = patches.reshape([batch, side * side, width]);
    let class = class.reshape([1, 1, width]).expand([batch, 1, width]);
    let x = Tensor::cat(vec![class, patches], 1) + positions.unsqueeze::<3>();
    layer_norm(x.reshape([batch * (1 + side * side), width]), norm)
}

/// See [`AdamWStep::apply`].
///
/// # Shapes
///
/// - `gradient`: `[length]`
pub fn adamw(step: AdamWStep, state: AdamWState, gradient: Tensor<1>) -> AdamWState {
    let AdamWStep { shrink, beta1, beta2, rate, correction, epsilon } = step;
    let first = state.first * beta1 + gradient.clone() * (1.0 - beta1);
    let second = state.second * beta2 + gradient.square() * (1.0 - beta2);
    let move_by = first.clone() * rate / (second.clone().sqrt() / correction + epsilon);
    let weight = if shrink == 1.0 { state.weight } else { state.weight * shrink };
    AdamWState { weight: weight - move_by, first, second }
}

/// See [`crate::pull`]; one more of `parts` adds up to the squares.
///
/// # Shapes
///
/// - `gradient`, `weight`, `start`, output: `[length]`
/// - `parts`: each `[1]`
pub fn pull(
    gradient: Tensor<1>,
    weight: &Tensor<1>,
    start: &Tensor<1>,
    factor: f64,
    parts: &mut Vec<Tensor<1>>,
) -> Tensor<1> {
    let moved = weight.clone() - start.clone();
    add_squares(&moved, parts);
    gradient + moved * factor
}

/// See [`crate::Squares::add`]; one more of `parts` adds up to the squares.
///
/// # Shapes
///
/// - `vector`: `[length]`
/// - `parts`: each `[1]`
pub fn add_squares(vector: &Tensor<1>, parts: &mut Vec<Tensor<1>>) {
    parts.push(vector.clone().square().sum());
}

/// See [`crate::blend`].
///
/// # Shapes
///
/// - `a`, `b`, output: `[length]`
pub fn blend(a: &Tensor<1>, share_a: f64, b: &Tensor<1>, share_b: f64) -> Tensor<1> {
    a.clone() * share_a + b.clone() * share_b
}

/// See [`crate::cross_entropy`].
///
/// # Shapes
///
/// - `logits`: `[batch, classes]`
/// - `labels`: `[batch]`
/// - output: `[1]`
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, smoothing: f64) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let log_probabilities = activation::log_softmax(logits, 1);
    let nll = log_probabilities.clone().gather(1, labels.reshape([batch, 1])).neg();
    if smoothing == 0.0 {
        return nll.mean();
    }
    (nll * (1.0 - smoothing) - log_probabilities.mean_dim(1) * smoothing).mean()
}

/// See [`crate::distillation`].
///
/// # Shapes
///
/// - `teacher`, `student`: `[rows, columns]`
/// - output: `[1]`
pub fn distillation(teacher: Tensor<2>, student: Tensor<2>, temperature: f64) -> Tensor<1> {
    let targets = activation::softmax(teacher / temperature, 1);
    let log_probabilities = activation::log_softmax(student / temperature, 1);
    (log_probabilities * targets).sum_dim(1).mean() * -(temperature * temperature)
}
