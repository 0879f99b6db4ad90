use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use burn::tensor::{Device, Int, Tensor, TensorData};
use clf_clip::{Clip, TokenBatch, Weights, kernels::product};
use serde::Serialize;

use super::{
    optimizer::AdamW,
    schedule::Schedule,
    settings::TrainSettings,
    train::{next, pixels},
};
use crate::{
    data::{Augment, BatchOrder, Loader, Samples, Transform},
    error::Error,
    losses,
    random::{Key, Purpose},
    task::{Prompt, tokenise},
};

/// Largest logit scale, 100 (Radford et al. 2021, section 2.5).
const MAX_LOGIT_SCALE: f64 = 100.0;

/// Images with the text that belongs to each.
#[derive(Clone)]
pub struct Pairs {
    /// The images.
    pub images: Arc<dyn Samples>,
    /// One text an image.
    pub texts: Vec<Prompt>,
}

/// One step of pre-training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PretrainRecord {
    /// 0-based step.
    pub step: usize,
    /// Mean of both cross entropies.
    pub loss: f64,
    /// Learning rate.
    pub lr: f64,
    /// Factor on cosines.
    pub logit_scale: f64,
    /// Pairs per second of this step.
    pub images_per_second: f64,
}

/// Contrastive pre-training on image-text pairs (Radford et al. 2021, figure 3).
pub struct Pretrain<'a> {
    /// The pairs.
    pub pairs: &'a Pairs,
    /// Optimizer, schedule and batch size; `steps` counts.
    pub settings: &'a TrainSettings,
    /// Seed of the order.
    pub seed: u64,
    /// Where tensors live, without autodiff.
    pub device: Device,
    /// Set to stop at the next step.
    pub stop: Arc<AtomicBool>,
}

impl Pretrain<'_> {
    /// Trains all of `start`, the logit scale included; `watch` sees every step.
    ///
    /// # Errors
    ///
    /// When an image cannot be read, a value is not finite or the user stops.
    pub fn execute(
        &self,
        start: &Clip,
        mut watch: impl FnMut(&PretrainRecord) -> Result<(), Error>,
    ) -> Result<Clip, Error> {
        self.settings.check()?;
        let total = self.settings.steps;
        let tokens = tokenise(&self.pairs.texts, &start.config().text)?;
        let schedule = Schedule { peak: self.settings.lr, warmup: self.settings.warmup, total };
        let size = start.config().vision.image_size;
        let mut weights = Weights::of(start);
        let mut model = start.clone().for_training(|_| true);
        let mut optimizer = AdamW::new(self.settings).with_decay_of(is_matrix);
        let mut batches = self.loader(size, total + 1);
        for step in 0..=total {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted { task: 0, step });
            }
            let started = Instant::now();
            let mut batch = next(&mut batches, "image-text pairs")?;
            let texts: Vec<&[u32]> = batch.indices.iter().map(|index| tokens[*index].as_slice()).collect();
            let images = model.encode_images(pixels(&mut batch, size, &self.device));
            let texts = model.encode_texts(&TokenBatch::new(&texts));
            let loss = contrastive(images, texts, model.logit_scale.val());

            let gradients = Weights::gradients_of(&model, &mut loss.backward());
            let lr = schedule.at(step);
            weights = clamp_scale(&optimizer.step(weights, &gradients, lr));
            model = weights.clone().load_into(model);

            let loss = f64::from(loss.inner().into_scalar::<f32>());
            if !loss.is_finite() {
                let hint = "lower the learning rate".to_owned();
                return Err(Error::NotFinite { what: "the contrastive loss".into(), value: loss, task: 0, step, hint });
            }
            let logit_scale = f64::from(model.scale().into_scalar::<f32>());
            let images_per_second = batch.indices.len() as f64 / started.elapsed().as_secs_f64();
            watch(&PretrainRecord { step, loss, lr, logit_scale, images_per_second })?;
        }
        Ok(weights.load_into(start.clone()))
    }

    fn loader(&self, size: usize, steps: usize) -> Loader {
        let key = Key { seed: self.seed, ..Key::default() };
        let images = self.pairs.images.clone();
        let batches = BatchOrder::Shuffled
            .batches(images.len(), self.settings.batch_size, key, Purpose::PretrainOrder)
            .take(steps);
        Loader::start(images, batches, Transform::train(size, self.settings.augment, key))
    }
}

impl TrainSettings {
    /// The recipe of `mini-clip`, for pre-training.
    pub fn of_pretraining() -> Self {
        Self {
            lr: 1e-3,
            steps: 900,
            epochs: 0,
            warmup: 100,
            batch_size: 256,
            reference_batch_size: 1,
            micro_batch: 0,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-6,
            augment: Augment::None,
        }
    }
}

/// Symmetric cross entropy of every image with all texts and every text with all images.
///
/// # Shapes
///
/// - `images`, `texts`: `[batch, embed]`, unit rows
/// - `logit_scale`: `[1]`
/// - output: `[1]`
fn contrastive(images: Tensor<2>, texts: Tensor<2>, logit_scale: Tensor<1>) -> Tensor<1> {
    let [batch, _] = images.dims();
    let labels: Vec<i32> = (0..batch as i32).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [batch]), &images.device().without_autodiff());
    let logits = product(images, texts.transpose()) * logit_scale.exp().reshape([1, 1]);
    let by_image = losses::cross_entropy(logits.clone(), labels.clone(), 0.0);
    let by_text = losses::cross_entropy(logits.transpose(), labels, 0.0);
    (by_image + by_text) / 2.0
}

/// Gains, biases and the logit scale do not decay (Radford et al. 2021, section 2.5).
fn is_matrix(name: &str) -> bool {
    !name.contains("ln_") && !name.ends_with("bias") && name != "logit_scale" && name != "visual.class_embedding"
}

fn clamp_scale(weights: &Weights) -> Weights {
    let scale = weights.clone().filter(|name| name == "logit_scale");
    weights.updated(&scale.map(|value| value.clone().clamp_max(MAX_LOGIT_SCALE.ln())))
}
