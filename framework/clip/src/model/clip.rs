use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Tensor},
};
use clf_kernels::Precision;

use super::{text::TextTower, tokens::TokenBatch, vision::VisionTower};
use crate::config::ClipConfig;

/// A CLIP: image tower, text tower and the logarithm of the logit scale.
#[derive(Module, Debug)]
pub struct Clip {
    /// The image tower.
    pub visual: VisionTower,
    /// The text tower.
    pub text: TextTower,
    /// Logarithm of the factor on cosine similarities, `[1]`.
    pub logit_scale: Param<Tensor<1>>,
    #[module(skip)]
    config: ClipConfig,
    #[module(skip)]
    precision: Precision,
}

impl Clip {
    pub(crate) fn new(config: &ClipConfig, visual: VisionTower, text: TextTower, device: &Device) -> Self {
        let logit_scale = Initializer::Zeros.init([1], device);
        Self { visual, text, logit_scale, config: config.clone(), precision: Precision::default() }
    }

    /// The same model with other arithmetic in its matrix products; models made from it have it too.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The arithmetic of matrix products.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The architecture.
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// The device of the weights, with autodiff if the weights are on it.
    pub fn device(&self) -> Device {
        self.logit_scale.val().device()
    }

    /// Image features of length one.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`, normalised
    /// - output: `[batch, embed]`
    pub fn encode_images(&self, images: Tensor<4>) -> Tensor<2> {
        unit(self.visual.forward(images, self.precision))
    }

    /// Text features of length one.
    ///
    /// # Shapes
    ///
    /// - output: `[texts, embed]`
    pub fn encode_texts(&self, tokens: &TokenBatch) -> Tensor<2> {
        unit(self.text.forward(tokens, self.precision))
    }

    /// The factor on cosine similarities, `exp(logit_scale)`, detached.
    ///
    /// # Shapes
    ///
    /// - output: `[1, 1]`
    pub fn scale(&self) -> Tensor<2> {
        self.logit_scale.val().inner().exp().reshape([1, 1])
    }
}

/// Rows of length one; no epsilon, as in the original.
///
/// # Shapes
///
/// - `features`, output: `[rows, embed]`
pub fn unit(features: Tensor<2>) -> Tensor<2> {
    let norm = features.clone().square().sum_dim(1).sqrt();
    features / norm
}
