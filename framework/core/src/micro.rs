//! Batches that do not fit into memory as a whole: features first, then gradients (Gao et al. 2021, arXiv 2101.06983).
//!
//! Softmax over images or texts needs the features of the whole batch, but not the graphs of the towers that made them. So the
//! features are computed in small parts without a graph, the losses and the gradients of the features from all of them
//! together, and at last part by part the gradients of the weights. The sums have another order, nothing else changes; every
//! part goes through its tower twice.

use std::cell::RefCell;

use burn::tensor::{Gradients, Tensor};
use clf_clip::{Clip, TokenBatch, Weights};

use crate::capabilities::Trains;

/// What goes through a tower at once.
#[allow(clippy::large_enum_variant, reason = "there are few, and how large a handle is depends on the backends")]
pub(crate) enum Part {
    /// `[images, 3, size, size]`
    Images(Tensor<4>),
    Texts(TokenBatch),
}

impl Part {
    /// `images` in parts of `size`.
    pub fn of_images(images: &Tensor<4>, size: usize) -> Vec<Self> {
        let [count, ..] = images.dims();
        let firsts = (0..count).step_by(size);
        firsts.map(|first| Self::Images(images.clone().narrow(0, first, size.min(count - first)))).collect()
    }

    /// `texts` in parts of `size`.
    pub fn of_texts(texts: &TokenBatch, size: usize) -> Vec<Self> {
        texts.parts(size).into_iter().map(Self::Texts).collect()
    }

    fn encode(&self, model: &Clip) -> Tensor<2> {
        match self {
            Self::Images(images) => model.encode_images(images.clone()),
            Self::Texts(texts) => model.encode_texts(texts),
        }
    }

    /// Whether a method that trains `trains` trains the tower of this part.
    fn is_trained(&self, trains: Trains) -> bool {
        match self {
            Self::Images(_) => matches!(trains, Trains::Both | Trains::Image),
            Self::Texts(_) => matches!(trains, Trains::Both | Trains::Text),
        }
    }
}

/// Encodes in parts, and remembers what gradients have to go through the towers.
pub(crate) struct Micro {
    /// Images or texts in a part.
    pub size: usize,
    trains: Trains,
    /// The student, without autodiff.
    model: Clip,
    encoded: RefCell<Vec<Encoded>>,
}

struct Encoded {
    parts: Vec<Part>,
    /// Leaves of the graph of the losses, `[rows of all parts, embed]`.
    features: Tensor<2>,
}

/// Parts, and the gradients of their features.
pub(crate) struct Pending(Vec<(Vec<Part>, Tensor<2>)>);

impl Micro {
    /// For a `model` outside of autodiff.
    pub fn new(size: usize, model: Clip, trains: Trains) -> Self {
        Self { size, trains, model, encoded: RefCell::default() }
    }

    /// Unit features of all parts, on the autodiff device.
    ///
    /// # Shapes
    ///
    /// - output: `[rows of all parts, embed]`
    pub fn encode(&self, parts: Vec<Part>) -> Tensor<2> {
        let features = Tensor::cat(parts.iter().map(|part| part.encode(&self.model)).collect(), 0).autodiff();
        if !parts.iter().any(|part| part.is_trained(self.trains)) {
            return features;
        }
        let features = features.require_grad();
        self.encoded.borrow_mut().push(Encoded { parts, features: features.clone() });
        features
    }

    /// What has to go through the towers, given the gradients of the losses.
    pub fn pending(&self, gradients: &mut Gradients) -> Pending {
        let encoded = self.encoded.take().into_iter();
        Pending(encoded.filter_map(|all| Some((all.parts, all.features.grad_remove(gradients)?))).collect())
    }
}

impl Pending {
    /// Adds the gradients of the weights of `model` to `gradients`, one part after the other.
    pub fn through(self, model: &Clip, mut gradients: Weights) -> Weights {
        for (parts, wanted) in self.0 {
            let mut first = 0;
            for part in parts {
                let features = part.encode(model);
                let [rows, _] = features.dims();
                let wanted = wanted.clone().narrow(0, first, rows);
                first += rows;
                // Its gradient with respect to the features is just the one wanted.
                let mut found = (features * wanted.autodiff()).sum().backward();
                gradients = add(gradients, Weights::gradients_of(model, &mut found));
            }
        }
        gradients
    }
}

fn add(total: Weights, more: Weights) -> Weights {
    let total = total.update(&more, |_, sum, value| sum + value.clone());
    let new = more.filter(|name| total.get(name).is_none());
    total.with(new)
}
