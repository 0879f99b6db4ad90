//! What a method and its hooks see of a training step.

use std::cell::OnceCell;

use burn::tensor::{Int, Tensor};
use clf_clip::{Clip, TokenBatch};

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

/// What a method and its hooks see of one training step.
///
/// Features are computed when they are first asked for and shared by everyone who asks. Reference images go through
/// the image tower together with the task's images.
pub struct Step<'a> {
    model: &'a Clip,
    class_texts: &'a TokenBatch,
    images: Tensor<4>,
    labels: Tensor<1, Int>,
    reference: Option<Tensor<4>>,
    image_features: OnceCell<(Tensor<2>, Option<Tensor<2>>)>,
    text_features: OnceCell<Tensor<2>>,
}

impl<'a> Step<'a> {
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`
    /// - `labels`: `[batch]`
    /// - `reference`: `[reference batch, 3, size, size]`
    pub(crate) fn new(
        model: &'a Clip,
        class_texts: &'a TokenBatch,
        images: Tensor<4>,
        labels: Tensor<1, Int>,
        reference: Option<Tensor<4>>,
    ) -> Self {
        Self {
            model,
            class_texts,
            images,
            labels,
            reference,
            image_features: OnceCell::new(),
            text_features: OnceCell::new(),
        }
    }

    /// The student, on the autodiff device.
    pub fn model(&self) -> &Clip {
        self.model
    }

    /// Normalised pixels of the task's images.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, 3, size, size]`
    pub fn images(&self) -> Tensor<4> {
        self.images.clone()
    }

    /// Labels within the task, 0-based.
    ///
    /// # Shapes
    ///
    /// - output: `[batch]`
    pub fn labels(&self) -> Tensor<1, Int> {
        self.labels.clone()
    }

    /// Normalised pixels of the reference images, if the method or a hook asked for them in its capabilities.
    ///
    /// # Shapes
    ///
    /// - output: `[reference batch, 3, size, size]`
    pub fn reference_images(&self) -> Option<Tensor<4>> {
        self.reference.clone()
    }

    /// Unit features of the task's images, from the student.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, embed]`
    pub fn image_features(&self) -> Tensor<2> {
        self.all_image_features().0.clone()
    }

    /// Unit features of the reference images, from the student.
    ///
    /// # Shapes
    ///
    /// - output: `[reference batch, embed]`
    pub fn reference_features(&self) -> Option<Tensor<2>> {
        self.all_image_features().1.clone()
    }

    /// Unit features of the training prompt of every class of the task, from the student.
    ///
    /// # Shapes
    ///
    /// - output: `[classes, embed]`
    pub fn text_features(&self) -> Tensor<2> {
        self.text_features.get_or_init(|| self.model.encode_texts(self.class_texts)).clone()
    }

    /// Scaled cosine of every image with every class of the task.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, classes]`
    pub fn logits(&self) -> Tensor<2> {
        self.scaled(self.image_features().matmul(self.text_features().transpose()))
    }

    /// Cosines times the frozen logit scale.
    ///
    /// # Shapes
    ///
    /// - `cosines`, output: `[rows, columns]`
    pub fn scaled(&self, cosines: Tensor<2>) -> Tensor<2> {
        cosines * self.model.scale()
    }

    fn all_image_features(&self) -> &(Tensor<2>, Option<Tensor<2>>) {
        self.image_features.get_or_init(|| {
            let Some(reference) = &self.reference else {
                return (self.model.encode_images(self.images.clone()), None);
            };
            let (batch, references) = (self.images.dims()[0], reference.dims()[0]);
            let features = self.model.encode_images(Tensor::cat(vec![self.images.clone(), reference.clone()], 0));
            (features.clone().narrow(0, 0, batch), Some(features.narrow(0, batch, references)))
        })
    }
}
