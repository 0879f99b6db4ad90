use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::{
    model::{Clip, TextTower, VisionTower},
    preprocess::{MEAN, STD},
    weights::Weights,
};

/// Epsilon of every layer norm of CLIP (OpenAI's `model.py` uses PyTorch's default).
pub const LAYER_NORM_EPSILON: f64 = 1e-5;

/// Non-linearity of the feed-forward blocks.
///
/// OpenAI's weights were trained with [`Activation::QuickGelu`]; most weights trained with `open_clip` use
/// [`Activation::Gelu`]. The weights do not say which, and the wrong one costs accuracy without any error, so it is
/// part of the configuration and travels with every file that clf writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `x * sigmoid(1.702 x)`.
    QuickGelu,
    /// `x * Phi(x)`, with the exact error function.
    Gelu,
}

/// Mean and deviation of the pixels that an image tower was trained with.
///
/// Batches are always normalised as `OpenAI`'s models want it, so that one batch serves every model; the tower of a model
/// that was trained otherwise changes the scale first. Like the activation, the weights do not say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// [`MEAN`] and [`STD`], those of `OpenAI`'s training images.
    #[default]
    OpenAi,
    /// Mean 0.5 and deviation 0.5 in every channel: values from -1 to 1 (`open_clip`'s `inception`).
    Half,
}

impl Normalization {
    /// Mean and deviation of red, green and blue, as fractions of white.
    pub fn statistics(self) -> ([f32; 3], [f32; 3]) {
        match self {
            Self::OpenAi => (MEAN, STD),
            Self::Half => ([0.5; 3], [0.5; 3]),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Shape of the image tower, a vision transformer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VisionConfig {
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// Side of a square patch in pixels; divides `image_size`.
    pub patch_size: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Number of transformer blocks.
    pub layers: usize,
    /// Attention heads per block; divides `width`.
    pub heads: usize,
    /// Scale of the pixels that the tower was trained with; not written where it is `OpenAI`'s.
    #[serde(default, skip_serializing_if = "Normalization::is_default")]
    pub normalization: Normalization,
}

/// Shape of the text tower, a causal transformer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TextConfig {
    /// Longest text in tokens, start and end included.
    pub context_length: usize,
    /// Number of token ids; the last two are start and end of text.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Number of transformer blocks.
    pub layers: usize,
    /// Attention heads per block; divides `width`.
    pub heads: usize,
}

/// Everything that fixes the architecture of a CLIP (Radford et al. 2021, arXiv 2103.00020).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClipConfig {
    /// Width of the joint embedding space.
    pub embed_dim: usize,
    /// Feed-forward non-linearity of both towers.
    pub activation: Activation,
    /// The image tower.
    pub vision: VisionConfig,
    /// The text tower.
    pub text: TextConfig,
}

/// Names accepted by [`ClipConfig::preset`].
pub const PRESETS: [&str; 5] = ["mini-clip", "ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336"];

impl ClipConfig {
    /// The preset called `name`, one of [`PRESETS`].
    pub fn preset(name: &str) -> Option<Self> {
        Some(match name {
            "mini-clip" => Self::mini(),
            "ViT-B-32" => Self::vit_b_32(),
            "ViT-B-16" => Self::vit_b_16(),
            "ViT-L-14" => Self::vit_l_14(),
            "ViT-L-14-336" => Self::vit_l_14_336(),
            _ => return None,
        })
    }

    /// OpenAI's ViT-B/32: 151.3 M parameters.
    pub fn vit_b_32() -> Self {
        Self::openai(224, 32, 768, 12, 512)
    }

    /// OpenAI's ViT-B/16, the model of the ZSCL paper: 149.6 M parameters.
    pub fn vit_b_16() -> Self {
        Self::openai(224, 16, 768, 12, 512)
    }

    /// OpenAI's ViT-L/14: 427.6 M parameters.
    pub fn vit_l_14() -> Self {
        Self::openai(224, 14, 1024, 24, 768)
    }

    /// OpenAI's ViT-L/14 at 336 pixels: 427.9 M parameters.
    pub fn vit_l_14_336() -> Self {
        Self::openai(336, 14, 1024, 24, 768)
    }

    /// The small CLIP of the embedded default: 1.8 M parameters, 32 pixel images, a vocabulary of 1024.
    pub fn mini() -> Self {
        Self {
            embed_dim: 128,
            activation: Activation::QuickGelu,
            vision: VisionConfig {
                image_size: 32,
                patch_size: 8,
                width: 128,
                layers: 4,
                heads: 4,
                normalization: Normalization::OpenAi,
            },
            text: TextConfig { context_length: 77, vocab_size: 1024, width: 128, layers: 4, heads: 4 },
        }
    }

    /// OpenAI's family: heads of width 64, a text tower of 12 blocks as wide as the embedding.
    fn openai(image_size: usize, patch_size: usize, width: usize, layers: usize, embed_dim: usize) -> Self {
        Self {
            embed_dim,
            activation: Activation::QuickGelu,
            vision: VisionConfig {
                image_size,
                patch_size,
                width,
                layers,
                heads: width / 64,
                normalization: Normalization::OpenAi,
            },
            text: TextConfig {
                context_length: 77,
                vocab_size: 49408,
                width: embed_dim,
                layers: 12,
                heads: embed_dim / 64,
            },
        }
    }

    /// Checks the divisibility rules; the text names the broken one.
    ///
    /// # Errors
    ///
    /// When a size is zero, a patch does not divide the image or the heads do not divide the width.
    pub fn check(&self) -> Result<(), String> {
        let (v, t) = (&self.vision, &self.text);
        let sizes = [v.image_size, v.patch_size, v.width, v.heads, t.context_length, t.width, t.heads, self.embed_dim];
        if sizes.contains(&0) || t.vocab_size < 3 {
            return Err("every size of the model must be positive and vocab-size at least 3".into());
        }
        for (tower, width, heads) in [("vision", v.width, v.heads), ("text", t.width, t.heads)] {
            if width % heads != 0 {
                return Err(format!("{tower} width {width} is not a multiple of its {heads} heads"));
            }
        }
        if v.image_size % v.patch_size != 0 {
            return Err(format!("image size {} is not a multiple of the patch size {}", v.image_size, v.patch_size));
        }
        Ok(())
    }

    /// What differs from `expected`, field by field: `vision layers 4, expected 12`; empty where nothing does.
    pub fn differences(&self, expected: &Self) -> Vec<String> {
        let pairs = self.fields().into_iter().zip(expected.fields());
        let differing = pairs.filter(|((_, value), (_, wanted))| value != wanted);
        differing.map(|((name, value), (_, wanted))| format!("{name} {value}, expected {wanted}")).collect()
    }

    /// Names and values of all fields, in words of the user.
    fn fields(&self) -> [(&'static str, String); 13] {
        let Self { embed_dim, activation, vision, text } = self;
        [
            ("embed_dim", embed_dim.to_string()),
            ("activation", in_words(activation)),
            ("vision image_size", vision.image_size.to_string()),
            ("vision patch_size", vision.patch_size.to_string()),
            ("vision width", vision.width.to_string()),
            ("vision layers", vision.layers.to_string()),
            ("vision heads", vision.heads.to_string()),
            ("vision normalization", in_words(&vision.normalization)),
            ("text context_length", text.context_length.to_string()),
            ("text vocab_size", text.vocab_size.to_string()),
            ("text width", text.width.to_string()),
            ("text layers", text.layers.to_string()),
            ("text heads", text.heads.to_string()),
        ]
    }

    /// A model of this shape with every weight zero, to be filled with [`Weights`].
    pub fn init(&self, device: &Device) -> Clip {
        Clip::new(self, VisionTower::new(self, device), TextTower::new(self, device), device)
    }

    /// OpenAI names and shapes of all weights of this architecture, in the order of the model.
    pub fn expected_keys(&self) -> Vec<(String, Vec<usize>)> {
        Weights::layout_of(self)
    }
}

/// A choice as it is written in files.
fn in_words(choice: &impl Serialize) -> String {
    let value = serde_json::to_value(choice).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_fields_that_differ_and_no_other() {
        let (small, large) = (ClipConfig::vit_b_16(), ClipConfig::vit_b_32());
        assert_eq!(small.differences(&small), Vec::<String>::new());
        assert_eq!(small.differences(&large), ["vision patch_size 16, expected 32"]);
        let mut other = small.clone();
        (other.activation, other.vision.normalization, other.text.layers) = (Activation::Gelu, Normalization::Half, 3);
        let expected = [
            "activation gelu, expected quick-gelu",
            "vision normalization half, expected open-ai",
            "text layers 3, expected 12",
        ];
        assert_eq!(other.differences(&small), expected);
    }
}
