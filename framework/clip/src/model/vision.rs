use burn::{
    module::{Initializer, Module, Param},
    nn::{LayerNorm, Linear},
    tensor::{Device, Tensor},
};

use super::transformer::{Transformer, layer_norm, linear};
use crate::config::ClipConfig;

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
    patch_size: usize,
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
            patch_size: v.patch_size,
        }
    }

    /// Image features before normalisation.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`, normalised with CLIP's mean and deviation
    /// - output: `[batch, embed]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_observed(images, &mut |_| {})
    }

    /// As [`VisionTower::forward`]; `observe` sees the residual stream after `ln_pre` and after each block.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`
    /// - observed: `[batch, 1 + patches, width]`
    /// - output: `[batch, embed]`
    pub fn forward_observed(&self, images: Tensor<4>, observe: &mut dyn FnMut(&Tensor<3>)) -> Tensor<2> {
        let patches = self.conv1.forward(self.patches(images));
        let [batch, _, width] = patches.dims();
        let class = self.class_embedding.val().reshape([1, 1, width]).expand([batch, 1, width]);
        let x = Tensor::cat(vec![class, patches], 1) + self.positional_embedding.val().unsqueeze::<3>();
        let x = self.ln_pre.forward(x);
        observe(&x);
        let x = self.transformer.forward(x, None, observe);
        let class = x.narrow(1, 0, 1).reshape([batch, width]);
        self.ln_post.forward(class).matmul(self.proj.val())
    }

    /// Cuts images into flattened patches, channel first within a patch.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`
    /// - output: `[batch, patches, 3 * patch * patch]`
    fn patches(&self, images: Tensor<4>) -> Tensor<3> {
        let [batch, channels, height, width] = images.dims();
        let (side, rows, columns) = (self.patch_size, height / self.patch_size, width / self.patch_size);
        images.reshape([batch, channels, rows, side, columns, side]).permute([0, 2, 4, 1, 3, 5]).reshape([
            batch,
            rows * columns,
            channels * side * side,
        ])
    }
}
