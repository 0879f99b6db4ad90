//! Passes over images outside of the training loop: features and Fisher information.

use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax};
use clf_clip::{Clip, TokenBatch, Weights, kernels::product};
use rand::Rng;

use crate::{
    data::{Augment, Loader, Samples, Transform},
    engine::pixels,
    error::Error,
    random::{Key, Purpose, permutation},
    task::TaskContext,
};

/// Images encoded at once.
const BATCH: usize = 64;

/// Unit features of the samples at `indices`, in that order, from a frozen model.
///
/// # Shapes
///
/// - output: `[indices, embed]`
///
/// # Errors
///
/// When an image cannot be read.
pub fn image_features(
    model: &Clip,
    samples: &Arc<dyn Samples>,
    indices: &[usize],
    augment: Augment,
    key: Key,
) -> Result<Tensor<2>, Error> {
    let (size, device) = (model.config().vision.image_size, model.device());
    let batches: Vec<_> = indices.chunks(BATCH).map(|batch| (0, batch.to_vec())).collect();
    let loader = Loader::start(samples.clone(), batches, Transform::train(size, augment, key));
    let mut features = Vec::new();
    for batch in loader {
        features.push(model.encode_images(pixels(&mut batch?, size, &device)));
    }
    if features.is_empty() {
        return Err(Error::config("feature pass", "there are no images"));
    }
    let features = Tensor::cat(features, 0);
    all_seen(features.dims()[0], indices.len())?;
    Ok(features)
}

/// A decoder that gave up leaves fewer images than were asked for.
fn all_seen(seen: usize, wanted: usize) -> Result<(), Error> {
    if seen == wanted { Ok(()) } else { Err(Error::Defect(format!("{seen} of {wanted} images were decoded"))) }
}

/// The diagonal of the Fisher information of the class probabilities, over training images of the task.
///
/// `F_i = mean over x of E_{y ~ p(y|x)} [(d log p(y|x) / d theta_i)^2]`, with one label drawn per image (Kirkpatrick et
/// al. 2017, arXiv 1612.00796; Matena and Raffel 2022, arXiv 2111.09832). `images` of them are drawn without
/// replacement. Parameters that the method does not train are absent.
///
/// # Errors
///
/// When an image cannot be read or a prompt cannot be tokenised.
pub fn fisher(task: &TaskContext<'_>, model: &Clip, images: usize) -> Result<Weights, Error> {
    let model = model.clone().for_training(|name| task.trains.includes(name));
    let texts = TokenBatch::new(&task.class_tokens()?);
    let size = model.config().vision.image_size;
    let mut rng = task.key().stream(Purpose::Method);
    let mut indices = permutation(&mut rng, task.task.train.len());
    indices.truncate(images);
    let count = indices.len();
    let batches: Vec<_> = indices.into_iter().map(|index| (0, vec![index])).collect();
    let (mut total, mut seen): (Option<Weights>, _) = (None, 0);
    for batch in Loader::start(task.task.train.clone(), batches, Transform::test(size)) {
        let features = model.encode_images(pixels(&mut batch?, size, task.device));
        let logits = product(features, model.encode_texts(&texts).transpose()) * model.scale();
        let log_probabilities = log_softmax(logits, 1);
        let class = draw(&log_probabilities, rng.random());
        let class = Tensor::<2, Int>::from_data(TensorData::new(vec![class], [1, 1]), task.device);
        let mut gradients = log_probabilities.gather(1, class).sum().backward();
        let squares = Weights::gradients_of(&model, &mut gradients).map(|gradient| gradient.clone().square());
        seen += 1;
        total = Some(match total {
            None => squares,
            Some(total) => total.zip(&squares, |sum, square| sum.clone() + square.clone()),
        });
    }
    let total = total.ok_or_else(|| Error::config("Fisher pass", "there are no images"))?;
    all_seen(seen, count)?;
    Ok(total.map(|sum| sum.clone() / count as f64))
}

/// The class whose cumulative probability first exceeds `uniform`.
///
/// # Shapes
///
/// - `log_probabilities`: `[1, classes]`
fn draw(log_probabilities: &Tensor<2>, uniform: f32) -> i32 {
    let probabilities = log_probabilities.clone().inner().exp().into_data();
    let probabilities: Vec<f32> = probabilities.iter::<f32>().collect();
    let mut sum = 0.0;
    let drawn = probabilities.iter().position(|probability| {
        sum += probability;
        sum > uniform
    });
    drawn.unwrap_or(probabilities.len() - 1) as i32
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_class_is_drawn_by_its_share_of_the_unit_interval() {
        let log_probabilities = Tensor::<2>::from_data([[0.2_f32, 0.5, 0.3]], &Device::flex()).log();
        let drawn = |uniform| draw(&log_probabilities, uniform);
        assert_eq!([0.0, 0.19, 0.21, 0.69, 0.71, 1.0].map(drawn), [0, 0, 1, 1, 2, 2]);
    }
}
