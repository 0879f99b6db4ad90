use std::sync::Arc;

use burn::{
    module::{Initializer, Module, Param},
    nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig},
    tensor::{Device, Tensor},
};
use clf_kernels::{
    AttentionSpec, LayerNormParameters, LinearParameters, Precision, Sequences, residual_attention, residual_mlp,
};

use crate::config::{Activation, LAYER_NORM_EPSILON};

/// A linear layer whose weights are zero until they are loaded.
pub(super) fn linear(input: usize, output: usize, bias: bool, device: &Device) -> Linear {
    LinearConfig::new(input, output).with_bias(bias).with_initializer(Initializer::Zeros).init(device)
}

/// A layer norm with CLIP's epsilon.
pub(super) fn layer_norm(width: usize, device: &Device) -> LayerNorm {
    LayerNormConfig::new(width).with_epsilon(LAYER_NORM_EPSILON).init(device)
}

/// # Shapes
///
/// - `x`, output: `[rows, width]`
pub(super) fn normalise(x: Tensor<2>, norm: &LayerNorm) -> Tensor<2> {
    clf_kernels::layer_norm(x, norm_parameters(norm))
}

/// The parameters of a layer norm.
pub(super) fn norm_parameters(norm: &LayerNorm) -> LayerNormParameters {
    let gamma = norm.gamma.val();
    let beta = norm.beta.as_ref().map_or_else(|| gamma.zeros_like(), Param::val);
    LayerNormParameters { gamma, beta, epsilon: LAYER_NORM_EPSILON }
}

fn linear_parameters(layer: &Linear) -> LinearParameters {
    let weight = layer.weight.val();
    let [_, outputs] = weight.dims();
    let bias = layer.bias.as_ref().map_or_else(|| Tensor::zeros([outputs], &weight.device()), Param::val);
    LinearParameters { weight, bias }
}

/// Multi-head self-attention with one fused projection for query, key and value.
#[derive(Module, Debug)]
pub struct Attention {
    in_proj: Linear,
    out_proj: Linear,
    heads: usize,
}

impl Attention {
    fn new(width: usize, heads: usize, device: &Device) -> Self {
        Self { in_proj: linear(width, 3 * width, true, device), out_proj: linear(width, width, true, device), heads }
    }
}

/// The feed-forward half of a block, four times as wide inside.
#[derive(Module, Debug)]
pub struct Mlp {
    c_fc: Linear,
    c_proj: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    fn new(width: usize, activation: Activation, device: &Device) -> Self {
        Self {
            c_fc: linear(width, 4 * width, true, device),
            c_proj: linear(4 * width, width, true, device),
            activation,
        }
    }
}

/// A pre-norm residual block: `x += attn(ln_1 x); x += mlp(ln_2 x)`.
#[derive(Module, Debug)]
pub struct Block {
    attn: Attention,
    ln_1: LayerNorm,
    mlp: Mlp,
    ln_2: LayerNorm,
}

impl Block {
    fn new(width: usize, heads: usize, activation: Activation, device: &Device) -> Self {
        Self {
            attn: Attention::new(width, heads, device),
            ln_1: layer_norm(width, device),
            mlp: Mlp::new(width, activation, device),
            ln_2: layer_norm(width, device),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[rows, width]`, the sequences one after the other
    /// - output: `[rows, width]`, or `[sequences, width]` with `queries`
    fn forward(&self, x: Tensor<2>, reading: &Reading, queries: Option<Arc<[usize]>>) -> Tensor<2> {
        let spec = AttentionSpec {
            sequences: reading.sequences.clone(),
            heads: self.attn.heads,
            causal: reading.causal,
            precision: reading.precision,
            queries,
        };
        let (in_proj, out_proj) = (linear_parameters(&self.attn.in_proj), linear_parameters(&self.attn.out_proj));
        let x = residual_attention(x, norm_parameters(&self.ln_1), in_proj, out_proj, &spec);
        let (c_fc, c_proj) = (linear_parameters(&self.mlp.c_fc), linear_parameters(&self.mlp.c_proj));
        let activation = match self.mlp.activation {
            Activation::QuickGelu => clf_kernels::Activation::QuickGelu,
            Activation::Gelu => clf_kernels::Activation::Gelu,
        };
        residual_mlp(x, norm_parameters(&self.ln_2), c_fc, c_proj, activation, reading.precision)
    }
}

/// What a transformer reads, and in which direction.
pub(super) struct Reading {
    /// Where the sequences lie.
    pub sequences: Sequences,
    /// Whether a position looks at those before it and itself only.
    pub causal: bool,
    /// Arithmetic of the matrix products.
    pub precision: Precision,
}

/// A stack of blocks.
#[derive(Module, Debug)]
pub struct Transformer {
    resblocks: Vec<Block>,
}

impl Transformer {
    pub(super) fn new(width: usize, layers: usize, heads: usize, activation: Activation, device: &Device) -> Self {
        Self { resblocks: (0..layers).map(|_| Block::new(width, heads, activation, device)).collect() }
    }

    /// The residual stream after the last block, at position `at` of each sequence. What no other position looks at is not
    /// computed.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, width]`, the sequences one after the other
    /// - output: `[sequences, width]`
    pub(super) fn forward_at(&self, x: Tensor<2>, reading: &Reading, at: &[usize]) -> Tensor<2> {
        let last = self.resblocks.len().saturating_sub(1);
        let step = |x, (i, block): (usize, &Block)| block.forward(x, reading, (i == last).then(|| at.into()));
        self.resblocks.iter().enumerate().fold(x, step)
    }

    /// Runs all blocks; `observe` sees the residual stream after each one.
    ///
    /// # Shapes
    ///
    /// - `x`, output: `[rows, width]`
    pub(super) fn forward_observed(
        &self,
        x: Tensor<2>,
        reading: &Reading,
        mut observe: impl FnMut(&Tensor<2>),
    ) -> Tensor<2> {
        self.resblocks.iter().fold(x, |x, block| {
            let x = block.forward(x, reading, None);
            observe(&x);
            x
        })
    }
}
