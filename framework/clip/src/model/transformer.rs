use burn::{
    module::{Initializer, Module},
    nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig},
    tensor::{Bool, Device, Tensor, activation},
};

use crate::config::{Activation, LAYER_NORM_EPSILON};

/// Slope of `QuickGELU` (OpenAI's `model.py`).
const QUICK_GELU_SLOPE: f64 = 1.702;

/// A linear layer whose weights are zero until they are loaded.
pub(super) fn linear(input: usize, output: usize, bias: bool, device: &Device) -> Linear {
    LinearConfig::new(input, output).with_bias(bias).with_initializer(Initializer::Zeros).init(device)
}

/// A layer norm with CLIP's epsilon.
pub(super) fn layer_norm(width: usize, device: &Device) -> LayerNorm {
    LayerNormConfig::new(width).with_epsilon(LAYER_NORM_EPSILON).init(device)
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

    /// Attends within each sequence; `mask` is true where a position must not be looked at.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, length, width]`
    /// - `mask`: `[length, length]`
    /// - output: `[batch, length, width]`
    fn forward(&self, x: Tensor<3>, mask: Option<&Tensor<2, Bool>>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let head_dim = width / self.heads;
        let qkv = self.in_proj.forward(x).reshape([batch, length, 3, self.heads, head_dim]).permute([2, 0, 3, 1, 4]);
        let part = |i: usize| qkv.clone().narrow(0, i, 1).squeeze_dim::<4>(0);
        let (query, key, value) = (part(0), part(1), part(2));

        let mut scores = query.mul_scalar((head_dim as f64).powf(-0.5)).matmul(key.swap_dims(2, 3));
        if let Some(mask) = mask {
            let mask = mask.clone().unsqueeze::<4>().expand([batch, self.heads, length, length]);
            scores = scores.mask_fill(mask, f32::NEG_INFINITY);
        }
        let mixed = activation::softmax(scores, 3).matmul(value);
        self.out_proj.forward(mixed.swap_dims(1, 2).reshape([batch, length, width]))
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

    /// # Shapes
    ///
    /// - `x`, output: `[batch, length, width]`
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let hidden = self.c_fc.forward(x);
        let hidden = match self.activation {
            Activation::QuickGelu => hidden.clone() * activation::sigmoid(hidden.mul_scalar(QUICK_GELU_SLOPE)),
            Activation::Gelu => activation::gelu(hidden),
        };
        self.c_proj.forward(hidden)
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
    /// - `x`, output: `[batch, length, width]`
    /// - `mask`: `[length, length]`
    fn forward(&self, x: Tensor<3>, mask: Option<&Tensor<2, Bool>>) -> Tensor<3> {
        let x = x.clone() + self.attn.forward(self.ln_1.forward(x), mask);
        x.clone() + self.mlp.forward(self.ln_2.forward(x))
    }
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

    /// Runs all blocks; `observe` sees the residual stream after each one.
    ///
    /// # Shapes
    ///
    /// - `x`, output: `[batch, length, width]`
    /// - `mask`: `[length, length]`, true where a position must not be looked at
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        mask: Option<&Tensor<2, Bool>>,
        observe: &mut dyn FnMut(&Tensor<3>),
    ) -> Tensor<3> {
        self.resblocks.iter().fold(x, |x, block| {
            let x = block.forward(x, mask);
            observe(&x);
            x
        })
    }
}
