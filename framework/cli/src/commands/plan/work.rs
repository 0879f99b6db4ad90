//! Arithmetic of a step: how many images and texts go through which tower, and what that costs.

use clf_core::{
    Capabilities, Trains,
    clip::{ClipConfig, TextConfig, VisionConfig},
    config::Config,
};
use serde::Serialize;
use toml::Value;

use crate::room::parameters;

/// Backward takes twice the products of forward.
const FORWARD_AND_BACKWARD: f64 = 3.0;
/// Products of 32 bits that a thread of a CPU with AVX-512 does in a second, in GFLOP; measured with steps of ViT-B-16 on
/// two threads.
const RECORDED_GFLOPS: f64 = 90.0;

/// Forward of an image through the image tower, in GFLOP: two a multiply-add, matrix products alone.
pub fn image_gflop(config: &ClipConfig) -> f64 {
    let VisionConfig { image_size, patch_size, width, layers, .. } = config.vision;
    let patches = (image_size / patch_size).pow(2);
    let embedding = patches * 3 * patch_size.pow(2) * width;
    2e-9 * (blocks(layers, patches + 1, width) + (embedding + width * config.embed_dim) as f64)
}

/// Forward of a text of `length` tokens through the text tower, in GFLOP.
pub fn text_gflop(config: &ClipConfig, length: usize) -> f64 {
    let TextConfig { width, layers, .. } = config.text;
    2e-9 * (blocks(layers, length, width) + (width * config.embed_dim) as f64)
}

/// Multiply-adds of transformer blocks: twelve squares of the width a token, and attention.
fn blocks(layers: usize, tokens: usize, width: usize) -> f64 {
    (layers * (12 * tokens * width * width + 2 * tokens * tokens * width)) as f64
}

/// What goes through the model in a training step.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Batch {
    /// Images of the task.
    pub images: usize,
    /// Images that come along: reference images, exemplars, the task's own again.
    pub more_images: usize,
    /// Whether a teacher sees those too.
    pub teacher: bool,
    /// Texts of classes, and others that compete with them.
    pub texts: usize,
    /// Tokens of the longest of them, to which all are padded.
    pub length: usize,
    /// Texts that a teacher reads in every step.
    pub teacher_texts: usize,
    /// Tokens of the longest of those.
    pub teacher_length: usize,
    /// Images or texts that go through a tower at once.
    pub micro: Option<usize>,
}

/// The work of a step in GFLOP.
pub fn step_gflop(config: &ClipConfig, batch: &Batch, trains: Trains) -> f64 {
    // In parts, what is trained goes forward twice.
    let twice = f64::from(u8::from(batch.micro.is_some()));
    let times = |trained| if trained { FORWARD_AND_BACKWARD + twice } else { 1.0 };
    let image = times(matches!(trains, Trains::Both | Trains::Image));
    let text = times(matches!(trains, Trains::Both | Trains::Text));
    let teacher = if batch.teacher { batch.more_images } else { 0 };
    let images = image * (batch.images + batch.more_images) as f64 + teacher as f64;
    let texts = text * batch.texts as f64 * text_gflop(config, batch.length);
    let of_teacher = batch.teacher_texts as f64 * text_gflop(config, batch.teacher_length);
    images * image_gflop(config) + texts + of_teacher
}

/// A setting of a hook that is active.
pub fn of_hook<'a>(config: &'a Config, hook: &str, key: &str) -> Option<&'a Value> {
    let is_active = config.hooks().is_ok_and(|hooks| hooks.iter().any(|name| name == hook));
    config.table().get("hook")?.get(hook)?.get(key).filter(|_| is_active)
}

/// A setting of the method.
pub fn of_method<'a>(config: &'a Config, key: &str) -> Option<&'a Value> {
    config.table().get("method")?.get(key)
}

/// Where the images come from on which a teacher is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// There is no teacher.
    Nothing,
    /// The reference images, the same in every task.
    Reference,
    /// The images of the task.
    Current,
    /// Exemplars.
    Memory,
}

impl Asked {
    /// What the settings say.
    pub fn of(config: &Config) -> Self {
        match of_hook(config, "distill", "images").and_then(Value::as_str) {
            None => Self::Nothing,
            Some("current") => Self::Current,
            Some("memory") => Self::Memory,
            Some(_) => Self::Reference,
        }
    }
}

/// Seconds of `gflop` on a CPU with so many threads; no rate is recorded for other devices.
pub fn recorded_seconds(gflop: f64, threads: usize) -> f64 {
    gflop / (RECORDED_GFLOPS * threads as f64)
}

/// MiB of a training run without measuring: copies of the weights, and what forward keeps for backward.
pub fn recorded_peak_mib(config: &ClipConfig, batch: &Batch, needs: Capabilities, hooks: usize) -> f64 {
    // The program, the untouched model and the student; gradients and two moments of what is trained; a hook may keep one.
    let (all, trained) = parameters(config, needs.trains);
    let weights = 4.0 * (2 * all + (3 + hooks) * trained) as f64;
    let VisionConfig { image_size, patch_size, width, layers, .. } = config.vision;
    let kept = |layers: usize, tokens: usize, width: usize| 4.0 * (layers * tokens * width) as f64 * KEPT_A_BLOCK;
    let at_once = |count: usize| count.min(batch.micro.unwrap_or(count)) as f64;
    let images = at_once(batch.images + batch.more_images) * kept(layers, (image_size / patch_size).pow(2) + 1, width);
    let texts = at_once(batch.texts) * kept(config.text.layers, batch.length, config.text.width);
    PROGRAM_MIB + (weights + images + texts) / 1024.0 / 1024.0
}

/// The program without a model.
const PROGRAM_MIB: f64 = 60.0;
/// What a block keeps of a token for backward, in widths of the model.
const KEPT_A_BLOCK: f64 = 14.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_takes_what_the_torch_counter_says() {
        let model = ClipConfig::vit_b_16();
        assert_eq!(format!("{:.3} {:.3}", image_gflop(&model), text_gflop(&model, 77)), "35.127 5.960");
    }

    #[test]
    fn a_step_of_zscl_is_the_sum_of_its_parts() {
        // 64 images, 64 reference images, 100 texts of 77 tokens; the teacher sees the reference images.
        let batch = Batch {
            images: 64,
            more_images: 64,
            teacher: true,
            texts: 100,
            length: 77,
            teacher_texts: 0,
            teacher_length: 0,
            micro: None,
        };
        let model = ClipConfig::vit_b_16();
        let gflop = step_gflop(&model, &batch, Trains::Both);
        assert!((gflop - (6730.0 + 6730.0 + 2248.0 + 1788.0)).abs() < 40.0, "{gflop}");
        assert!(step_gflop(&model, &batch, Trains::Image) < gflop - 1000.0);
        // Backward and forward are three times forward, which is all that a teacher does.
        let read = Batch { texts: 0, teacher_texts: 300, teacher_length: 77, ..batch };
        assert!((step_gflop(&model, &read, Trains::Both) - gflop).abs() < 1e-6);
    }

    #[test]
    fn the_logit_scale_is_never_trained() {
        let (all, trained) = parameters(&ClipConfig::vit_b_16(), Trains::Both);
        assert_eq!((all, trained), (149_620_737, 149_620_736));
    }
}
