use burn::{
    module::{Initializer, Module, Param},
    nn::{Embedding, EmbeddingConfig, LayerNorm},
    tensor::{Bool, Device, Int, Tensor, TensorData},
};

use super::{
    tokens::TokenBatch,
    transformer::{Transformer, layer_norm},
};
use crate::config::ClipConfig;

/// The text tower: a causal transformer whose feature is the row of the end token.
///
/// Texts are encoded at the length of the longest one in the batch. Under the causal mask no position sees what comes
/// after it, so the feature equals that of the text padded to the full context.
#[derive(Module, Debug)]
pub struct TextTower {
    token_embedding: Embedding,
    positional_embedding: Param<Tensor<2>>,
    transformer: Transformer,
    ln_final: LayerNorm,
    text_projection: Param<Tensor<2>>,
}

impl TextTower {
    pub(crate) fn new(config: &ClipConfig, device: &Device) -> Self {
        let t = &config.text;
        Self {
            token_embedding: EmbeddingConfig::new(t.vocab_size, t.width)
                .with_initializer(Initializer::Zeros)
                .init(device),
            positional_embedding: Initializer::Zeros.init([t.context_length, t.width], device),
            transformer: Transformer::new(t.width, t.layers, t.heads, config.activation, device),
            ln_final: layer_norm(t.width, device),
            text_projection: Initializer::Zeros.init([t.width, config.embed_dim], device),
        }
    }

    /// Text features before normalisation.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `texts` sequences
    /// - output: `[texts, embed]`
    pub fn forward(&self, tokens: &TokenBatch) -> Tensor<2> {
        self.forward_observed(tokens, &mut |_| {})
    }

    /// As [`TextTower::forward`]; `observe` sees the residual stream before the first and after each block.
    ///
    /// # Shapes
    ///
    /// - observed: `[texts, length, width]`, `length` being that of the longest text
    /// - output: `[texts, embed]`
    pub fn forward_observed(&self, tokens: &TokenBatch, observe: &mut dyn FnMut(&Tensor<3>)) -> Tensor<2> {
        let device = self.positional_embedding.val().device();
        let (texts, length) = (tokens.len(), tokens.length());
        let ids = Tensor::<2, Int>::from_data(TensorData::new(tokens.ids().to_vec(), [texts, length]), &device);
        let x = self.token_embedding.forward(ids);
        let width = x.dims()[2];
        let x = x + self.positional_embedding.val().narrow(0, 0, length).unsqueeze::<3>();
        observe(&x);
        let x = self.transformer.forward(x, Some(&causal_mask(length, &device)), observe);

        let rows: Vec<i32> = tokens.ends().iter().enumerate().map(|(i, end)| (i * length + end) as i32).collect();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [texts]), &device);
        let ends = x.reshape([texts * length, width]).select(0, rows);
        self.ln_final.forward(ends).matmul(self.text_projection.val())
    }
}

/// True above the diagonal: position `i` must not look at `j > i`.
fn causal_mask(length: usize, device: &Device) -> Tensor<2, Bool> {
    let mask: Vec<bool> = (0..length * length).map(|k| k % length > k / length).collect();
    Tensor::from_data(TensorData::new(mask, [length, length]), &device.clone().without_autodiff())
}
