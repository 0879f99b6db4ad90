use burn::{
    module::{Initializer, Module, Param},
    nn::{LayerNorm, Linear},
    tensor::{Device, Tensor, TensorData},
};
use clf_kernels::{PatchParameters, Precision, Sequences, embed_patches, product};

use super::transformer::{Reading, Transformer, layer_norm, linear, norm_parameters, normalise};
use crate::config::{ClipConfig, Normalization};

/// The image tower: a vision transformer (Dosovitskiy et al. 2021) with a norm before the first block.
///
/// The patch convolution has stride = kernel and no bias, so it is a linear layer over flattened patches.
#[derive(Module, Debug)]
pub struct VisionTower {
    conv1: Linear,
    class_embedding: Param<Tensor<1>>,
    positional_embedding: Param<Tensor<2>>,
    ln_pre: LayerNorm,
    transformer: Transformer,
    ln_post: LayerNorm,
    proj: Param<Tensor<2>>,
    #[module(skip)]
    normalization: Normalization,
}

impl VisionTower {
    pub(crate) fn new(config: &ClipConfig, device: &Device) -> Self {
        let v = &config.vision;
        let grid = v.image_size / v.patch_size;
        Self {
            conv1: linear(3 * v.patch_size * v.patch_size, v.width, false, device),
            class_embedding: Initializer::Zeros.init([v.width], device),
            positional_embedding: Initializer::Zeros.init([grid * grid + 1, v.width], device),
            ln_pre: layer_norm(v.width, device),
            transformer: Transformer::new(v.width, v.layers, v.heads, config.activation, device),
            ln_post: layer_norm(v.width, device),
            proj: Initializer::Zeros.init([v.width, config.embed_dim], device),
            normalization: v.normalization,
        }
    }

    /// Image features before normalisation.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`, normalised with OpenAI's mean and deviation, whichever the model's own are
    /// - output: `[batch, embed]`
    pub fn forward(&self, images: Tensor<4>, precision: Precision) -> Tensor<2> {
        let (x, reading) = self.embed(images, precision);
        let class_tokens = vec![0; reading.sequences.len()];
        self.project(self.transformer.forward_at(x, &reading, &class_tokens))
    }

    /// As [`VisionTower::forward`] in 32 bits; `observe` sees the residual stream after `ln_pre` and after each block.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`
    /// - observed: `[batch, 1 + patches, width]`
    /// - output: `[batch, embed]`
    pub fn forward_observed(&self, images: Tensor<4>, observe: &mut dyn FnMut(&Tensor<3>)) -> Tensor<2> {
        let (x, reading) = self.embed(images, Precision::F32);
        let batch = reading.sequences.len();
        let [rows, width] = x.dims();
        let shape = [batch, rows / batch, width];
        observe(&x.clone().reshape(shape));
        let x = self.transformer.forward_observed(x, &reading, |x| observe(&x.clone().reshape(shape)));
        self.project(x.reshape(shape).narrow(1, 0, 1).reshape([batch, width]))
    }

    /// The residual stream before the first block.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`
    /// - output: `[batch (1 + patches), width]`
    fn embed(&self, images: Tensor<4>, precision: Precision) -> (Tensor<2>, Reading) {
        let parameters = PatchParameters {
            weight: self.conv1.weight.val(),
            class: self.class_embedding.val(),
            positions: self.positional_embedding.val(),
            norm: norm_parameters(&self.ln_pre),
        };
        let [length, _] = parameters.positions.dims();
        let sequences = Sequences::uniform(images.dims()[0], length);
        let images = rescaled(images, self.normalization);
        (embed_patches(images, parameters, precision), Reading { sequences, causal: false, precision })
    }

    /// # Shapes
    ///
    /// - `class_tokens`: `[batch, width]`
    /// - output: `[batch, embed]`
    fn project(&self, class_tokens: Tensor<2>) -> Tensor<2> {
        product(normalise(class_tokens, &self.ln_post), self.proj.val())
    }
}

/// Images that are normalised as `OpenAI`'s models want it, on the scale of `normalization`.
///
/// # Shapes
///
/// - `images`, output: `[batch, 3, size, size]`
fn rescaled(images: Tensor<4>, normalization: Normalization) -> Tensor<4> {
    if normalization == Normalization::OpenAi {
        return images;
    }
    let ((mean, std), (to_mean, to_std)) = (Normalization::OpenAi.statistics(), normalization.statistics());
    let device = images.device();
    let channels = |value: &dyn Fn(usize) -> f32| {
        let values: Vec<f32> = (0..3).map(value).collect();
        Tensor::<4>::from_data(TensorData::new(values, [1, 3, 1, 1]), &device)
    };
    // ((x std + mean) - to_mean) / to_std, put together once.
    let factor = channels(&|channel| std[channel] / to_std[channel]);
    let shift = channels(&|channel| (mean[channel] - to_mean[channel]) / to_std[channel]);
    images * factor + shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_openai_becomes_values_from_minus_one_to_one() {
        let (mean, std) = Normalization::OpenAi.statistics();
        let greys = [0.0, 0.25, 1.0];
        let values: Vec<f32> =
            (0..3).flat_map(|channel| greys.map(|grey| (grey - mean[channel]) / std[channel])).collect();
        let images = Tensor::from_data(TensorData::new(values, [1, 3, 1, 3]), &Device::flex());
        let same = rescaled(images.clone(), Normalization::OpenAi).to_data();
        assert_eq!(same, images.to_data());
        let half: Vec<f32> = rescaled(images, Normalization::Half).to_data().iter().collect();
        for (value, grey) in half.iter().zip(greys.iter().cycle()) {
            assert!((value - (2.0 * grey - 1.0)).abs() < 1e-6, "{half:?}");
        }
    }
}
