use std::{ops::Range, sync::Arc};

use super::{
    dataset::Samples,
    loader::{Augment, Loader, Transform},
    order::BatchOrder,
};
use crate::random::{Key, Purpose};

/// Images that come along with those of the task, a batch a step: reference images, exemplars, the task's own again.
///
/// A method or hook asks for streams in `streams` and finds their batches in the step under their name. Streams of one
/// name are one stream, whoever asks; the batches of all streams go through the image tower together with the task's.
#[derive(Clone)]
pub struct Stream {
    /// Its name in the step, for example `reference` or `memory`.
    pub name: &'static str,
    /// The images.
    pub samples: Arc<dyn Samples>,
    /// Their order.
    pub order: BatchOrder,
    /// Images a step.
    pub batch_size: usize,
    /// Random part of their transform.
    pub augment: Augment,
    /// What order and transform are drawn for.
    pub key: Key,
}

impl Stream {
    /// Name of the stream of the scenario's reference images.
    pub const REFERENCE: &'static str = "reference";
    /// Name of the stream of the task's own images in another order.
    pub const CURRENT: &'static str = "current";
    /// Name of the stream of images kept from earlier tasks.
    pub const MEMORY: &'static str = "memory";

    /// Starts decoding the batches of `steps` for a model that reads `size` pixels.
    pub(crate) fn start(&self, steps: Range<usize>, size: usize) -> Loader {
        let batches = self.order.batches(self.samples.len(), self.batch_size, self.key, Purpose::ReferenceOrder);
        Loader::start(
            self.samples.clone(),
            batches.take(steps.end).skip(steps.start),
            Transform { size, augment: self.augment, key: self.key, purpose: Purpose::StreamAugment },
        )
    }
}
