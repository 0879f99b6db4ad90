//! What a method and its hooks see of a training step.

use std::cell::OnceCell;

use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use clf_clip::{Clip, TokenBatch, Weights, kernels::product};

use crate::{
    data::Augment,
    micro::{Micro, Part},
    random::Key,
};

/// A named part of the loss.
#[derive(Debug, Clone)]
pub struct LossTerm {
    /// Name in the metrics, kebab-case.
    pub name: &'static str,
    /// Value before weighting, `[1]`.
    pub value: Tensor<1>,
    /// Factor in the total.
    pub weight: f64,
}

impl LossTerm {
    /// A term of weight one.
    pub fn new(name: &'static str, value: Tensor<1>) -> Self {
        Self { name, value, weight: 1.0 }
    }

    /// The same term with another weight.
    #[must_use]
    pub fn weighted(self, weight: f64) -> Self {
        Self { weight, ..self }
    }
}

/// Images on the device, and which they are.
#[derive(Debug, Clone)]
pub struct ImageBatch {
    /// Normalised pixels, `[batch, 3, size, size]`.
    pub images: Tensor<4>,
    /// Labels within their task; empty for data without classes.
    pub labels: Vec<usize>,
    /// Positions in the set that they come from.
    pub indices: Vec<usize>,
    /// Random part of their transform; without one, an index always stands for the same pixels.
    pub augment: Augment,
}

/// The batch of a [`Stream`](crate::data::Stream).
#[derive(Debug, Clone)]
pub struct StreamBatch {
    /// Name of the stream.
    pub name: &'static str,
    /// Its images.
    pub batch: ImageBatch,
}

/// What a method and its hooks see of one training step.
///
/// Features are computed when they are first asked for and shared by everyone who asks. The images of all streams go
/// through the image tower together with the task's images.
pub struct Step<'a> {
    pub(crate) model: &'a Clip,
    pub(crate) class_texts: &'a TokenBatch,
    pub(crate) batch: ImageBatch,
    pub(crate) streams: Vec<StreamBatch>,
    pub(crate) parameters: &'a Weights,
    pub(crate) iteration: usize,
    pub(crate) key: Key,
    pub(crate) micro: Option<Micro>,
    pub(crate) image_features: OnceCell<Vec<Tensor<2>>>,
    pub(crate) text_features: OnceCell<Tensor<2>>,
}

impl Step<'_> {
    /// The student, on the autodiff device. What is encoded with it has a graph; [`Step::encode_images`] and
    /// [`Step::encode_texts`] take no more memory for it than the user allows.
    pub fn model(&self) -> &Clip {
        self.model
    }

    /// Unit features of any images, from the student; in parts where `train.micro-batch` asks for them.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`
    /// - output: `[batch, embed]`
    pub fn encode_images(&self, images: Tensor<4>) -> Tensor<2> {
        match &self.micro {
            None => self.model.encode_images(images),
            Some(micro) => micro.encode(Part::of_images(&images, micro.size)),
        }
    }

    /// Unit features of any texts, from the student; in parts where `train.micro-batch` asks for them.
    ///
    /// # Shapes
    ///
    /// - output: `[texts, embed]`
    pub fn encode_texts(&self, texts: &TokenBatch) -> Tensor<2> {
        match &self.micro {
            None => self.model.encode_texts(texts),
            Some(micro) => micro.encode(Part::of_texts(texts, micro.size)),
        }
    }

    /// 0-based iteration within the task.
    pub fn iteration(&self) -> usize {
        self.iteration
    }

    /// Seed, task and iteration: what randomness of this step is drawn for.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The task's images.
    pub fn batch(&self) -> &ImageBatch {
        &self.batch
    }

    /// Labels of the task's images within the task, 0-based.
    ///
    /// # Shapes
    ///
    /// - output: `[batch]`
    pub fn labels(&self) -> Tensor<1, Int> {
        labels(&self.batch.labels, &self.batch.images.device())
    }

    /// The images of the stream called `name`, if somebody asked for it and it is not empty.
    pub fn stream(&self, name: &str) -> Option<&ImageBatch> {
        self.streams.iter().find(|stream| stream.name == name).map(|stream| &stream.batch)
    }

    /// Unit features of the task's images, from the student.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, embed]`
    pub fn image_features(&self) -> Tensor<2> {
        self.all_image_features()[0].clone()
    }

    /// Unit features of the images of the stream called `name`, from the student.
    ///
    /// # Shapes
    ///
    /// - output: `[stream batch, embed]`
    pub fn stream_features(&self, name: &str) -> Option<Tensor<2>> {
        let at = self.streams.iter().position(|stream| stream.name == name)?;
        Some(self.all_image_features()[at + 1].clone())
    }

    /// Unit features of the training prompt of every class of the task, from the student.
    ///
    /// # Shapes
    ///
    /// - output: `[classes, embed]`
    pub fn text_features(&self) -> Tensor<2> {
        self.text_features.get_or_init(|| self.encode_texts(self.class_texts)).clone()
    }

    /// Scaled cosine of every image with every class of the task.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, classes]`
    pub fn logits(&self) -> Tensor<2> {
        self.scaled(product(self.image_features(), self.text_features().transpose()))
    }

    /// Cosines times the frozen logit scale.
    ///
    /// # Shapes
    ///
    /// - `cosines`, output: `[rows, columns]`
    pub fn scaled(&self, cosines: Tensor<2>) -> Tensor<2> {
        cosines * self.model.scale()
    }

    /// A parameter of the method's own, on the autodiff device.
    ///
    /// # Shapes
    ///
    /// - output: `[length]`, as it was given by [`Method::parameters`](crate::Method::parameters)
    pub fn parameter(&self, name: &str) -> Option<Tensor<1>> {
        self.parameters.get(name).cloned()
    }

    /// The task's images, then those of every stream.
    pub(crate) fn all_batches(&self) -> impl Iterator<Item = &ImageBatch> {
        std::iter::once(&self.batch).chain(self.streams.iter().map(|stream| &stream.batch))
    }

    /// Features of the task's images, then those of every stream; the batches go through the tower as one.
    fn all_image_features(&self) -> &[Tensor<2>] {
        self.image_features.get_or_init(|| {
            let images = self.all_batches().map(|batch| batch.images.clone()).collect();
            let features = self.encode_images(Tensor::cat(images, 0));
            let mut first = 0;
            let part = |batch: &ImageBatch| {
                let count = batch.indices.len();
                first += count;
                features.clone().narrow(0, first - count, count)
            };
            self.all_batches().map(part).collect()
        })
    }
}

/// 0-based labels on the device.
///
/// # Shapes
///
/// - output: `[labels]`
pub fn labels(labels: &[usize], device: &Device) -> Tensor<1, Int> {
    let data: Vec<i32> = labels.iter().map(|label| *label as i32).collect();
    Tensor::from_data(TensorData::new(data, [labels.len()]), device)
}

/// Parameters of a method's own, ready to collect gradients.
pub(crate) fn tracked(parameters: &Weights) -> Weights {
    parameters.map(|value| value.clone().autodiff().require_grad())
}

/// Moves the gradients of `tracked` parameters out of `gradients`; parameters without one are left out.
pub(crate) fn gradients_of(tracked: &Weights, gradients: &mut Gradients) -> Weights {
    let gradient = |(name, value): (&_, &Tensor<1>)| Some((std::sync::Arc::clone(name), value.grad_remove(gradients)?));
    tracked.iter().filter_map(gradient).collect()
}
