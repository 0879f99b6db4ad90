use burn::{
    module::{Initializer, Module, Param},
    nn::{Embedding, EmbeddingConfig, LayerNorm},
    tensor::{Device, Int, Tensor, TensorData},
};
use clf_kernels::{Precision, Sequences, is_fused, product};

use super::{
    tokens::TokenBatch,
    transformer::{Reading, Transformer, layer_norm, normalise},
};
use crate::config::ClipConfig;

/// The text tower: a causal transformer whose feature is the row of the end token.
///
/// Under the causal mask no position sees what comes after it, so everything behind the end token is left out: on devices
/// with fused operations texts lie one after the other without padding, on others they are padded to the longest of the
/// batch. The feature equals that of the text padded to the full context.
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
    pub fn forward(&self, tokens: &TokenBatch, precision: Precision) -> Tensor<2> {
        let (x, reading) = if is_fused(&self.positional_embedding.val().device()) {
            self.embed_packed(tokens, precision)
        } else {
            self.embed_padded(tokens, precision)
        };
        self.project(self.transformer.forward_at(x, &reading, tokens.ends()))
    }

    /// As [`TextTower::forward`] in 32 bits; `observe` sees the residual stream before the first and after each block.
    ///
    /// # Shapes
    ///
    /// - observed: `[texts, length, width]`, `length` being that of the longest text
    /// - output: `[texts, embed]`
    pub fn forward_observed(&self, tokens: &TokenBatch, observe: &mut dyn FnMut(&Tensor<3>)) -> Tensor<2> {
        let (x, reading) = self.embed_padded(tokens, Precision::F32);
        let [_, width] = x.dims();
        let shape = [tokens.len(), tokens.length(), width];
        observe(&x.clone().reshape(shape));
        let x = self.transformer.forward_observed(x, &reading, |x| observe(&x.clone().reshape(shape)));
        let ends = tokens.ends().iter().enumerate().map(|(i, end)| (i * tokens.length() + end) as i32);
        let ends = indices(ends.collect(), &x.device());
        self.project(x.select(0, ends))
    }

    /// The residual stream before the first block, texts one after the other.
    ///
    /// # Shapes
    ///
    /// - output: `[tokens, width]`
    fn embed_packed(&self, tokens: &TokenBatch, precision: Precision) -> (Tensor<2>, Reading) {
        let lengths = || tokens.ends().iter().map(|end| end + 1);
        let positions = lengths().flat_map(|length| 0..length as i32).collect();
        let positional = self.positional_embedding.val();
        let positions = indices(positions, &positional.device());
        let x = self.embed_ids(tokens.packed_ids()) + positional.select(0, positions);
        (x, Reading { sequences: Sequences::of_lengths(lengths()), causal: true, precision })
    }

    /// The residual stream before the first block, texts padded to the longest.
    ///
    /// # Shapes
    ///
    /// - output: `[texts length, width]`
    fn embed_padded(&self, tokens: &TokenBatch, precision: Precision) -> (Tensor<2>, Reading) {
        let (texts, length) = (tokens.len(), tokens.length());
        let x = self.embed_ids(tokens.ids().to_vec());
        let [rows, width] = x.dims();
        let positional = self.positional_embedding.val().narrow(0, 0, length).unsqueeze::<3>();
        let x = (x.reshape([texts, length, width]) + positional).reshape([rows, width]);
        (x, Reading { sequences: Sequences::uniform(texts, length), causal: true, precision })
    }

    /// # Shapes
    ///
    /// - output: `[ids, width]`
    fn embed_ids(&self, ids: Vec<i32>) -> Tensor<2> {
        let ids = indices(ids, &self.positional_embedding.val().device());
        self.token_embedding.forward(ids.unsqueeze::<2>()).squeeze_dim(0)
    }

    /// # Shapes
    ///
    /// - `ends`: `[texts, width]`
    /// - output: `[texts, embed]`
    fn project(&self, ends: Tensor<2>) -> Tensor<2> {
        product(normalise(ends, &self.ln_final), self.text_projection.val())
    }
}

fn indices(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
