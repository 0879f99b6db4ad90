//! The losses of replayed images, whose classes are a block of columns each.

use std::sync::Arc;

use clf_core::{
    Error, Step,
    burn::tensor::{Bool, Device, Tensor, TensorData},
    data::{Augment, Concat, Samples, Subset, Transform, load_batch},
    losses,
    random::{Key, Purpose},
    step::labels,
};

use crate::reservoir::Item;

/// Normalised pixels of `items`, decoded again.
///
/// # Shapes
///
/// - output: `[items, 3, size, size]`
pub(crate) fn images(
    items: &[&Item],
    samples_of: impl Fn(usize) -> Arc<dyn Samples>,
    step: &Step<'_>,
    augment: Option<Augment>,
) -> Result<Tensor<4>, Error> {
    let one = |item: &&Item| -> Arc<dyn Samples> { Arc::new(Subset::of_indices(samples_of(item.task), &[item.index])) };
    let samples = Concat::new(items.iter().map(one).collect());
    let size = step.model().config().vision.image_size;
    let Key { seed, task, sample: iteration, .. } = step.key();
    let (augment, key) = (augment.unwrap_or(Augment::None), Key { seed, task, ..Key::default() });
    let transform = Transform { size, augment, key, purpose: Purpose::StreamAugment };
    let indices: Vec<usize> = (0..items.len()).collect();
    let batch = load_batch(&samples, &indices, iteration, transform)?;
    let device = step.batch().images.device();
    Ok(Tensor::from_data(TensorData::new(batch.pixels, [items.len(), 3, size, size]), &device))
}

/// Items and where their classes are among the columns.
pub(crate) struct Replay<'a> {
    items: &'a [&'a Item],
    /// First column and number of columns of the classes of each item's task.
    blocks: Vec<(usize, usize)>,
    columns: usize,
}

impl<'a> Replay<'a> {
    /// `tasks` are the tasks whose classes are the columns, with their numbers of classes.
    pub fn new(items: &'a [&'a Item], tasks: &[(usize, usize)]) -> Self {
        let block = |item: &&Item| {
            let before = tasks.iter().take_while(|(task, _)| *task != item.task);
            (before.map(|(_, classes)| classes).sum(), item.logits.len())
        };
        let blocks = items.iter().map(block).collect();
        Self { items, blocks, columns: tasks.iter().map(|(_, classes)| classes).sum() }
    }

    /// Mean over items and their own classes of the squared distance of `scores` to the scores of old.
    ///
    /// # Shapes
    ///
    /// - `scores`: `[items, columns]`
    /// - output: `[1]`
    pub fn distance(&self, scores: Tensor<2>) -> Tensor<1> {
        let mut old = vec![0.0; self.items.len() * self.columns];
        for (row, (item, (first, classes))) in self.items.iter().zip(&self.blocks).enumerate() {
            let start = row * self.columns + first;
            old[start..start + classes].copy_from_slice(&item.logits);
        }
        let device = scores.device().without_autodiff();
        let old = Tensor::<2>::from_data(TensorData::new(old, [self.items.len(), self.columns]), &device);
        let count: usize = self.blocks.iter().map(|(_, classes)| classes).sum();
        let squares = (scores - old).square().mask_fill(self.foreign(&device), 0.0);
        squares.sum() / count as f64
    }

    /// Cross entropy among the item's own classes, or among all columns.
    ///
    /// # Shapes
    ///
    /// - `scores`: `[items, columns]`
    /// - output: `[1]`
    pub fn cross_entropy(&self, scores: Tensor<2>, own_task: bool) -> Tensor<1> {
        let device = scores.device().without_autodiff();
        let scores = if own_task { scores.mask_fill(self.foreign(&device), OUT_OF_REACH) } else { scores };
        let truth: Vec<usize> =
            self.items.iter().zip(&self.blocks).map(|(item, (first, _))| first + item.label).collect();
        losses::cross_entropy(scores, labels(&truth, &device), 0.0)
    }

    /// True for the columns of other tasks.
    fn foreign(&self, device: &Device) -> Tensor<2, Bool> {
        let row = |(first, classes): &(usize, usize)| {
            let own = *first..first + classes;
            (0..self.columns).map(move |column| !own.contains(&column)).collect::<Vec<_>>()
        };
        let mask: Vec<bool> = self.blocks.iter().flat_map(row).collect();
        Tensor::from_data(TensorData::new(mask, [self.items.len(), self.columns]), device)
    }
}

/// A score that no class with a cosine can have.
const OUT_OF_REACH: f64 = -1e4;

#[cfg(test)]
mod tests {
    use super::*;

    fn item(task: usize, label: usize, logits: &[f32]) -> Item {
        Item { task, index: 0, label, logits: logits.to_vec() }
    }

    #[test]
    fn only_the_classes_of_the_own_task_count() {
        let device = Device::flex();
        let items = [item(0, 1, &[1.0, 2.0]), item(3, 0, &[5.0])];
        let items: Vec<&Item> = items.iter().collect();
        let replay = Replay::new(&items, &[(0, 2), (3, 1)]);
        let scores = Tensor::<2>::from_data([[2.0, 2.0, 9.0], [9.0, 9.0, 8.0]], &device);
        // Distances 1, 0 and 3.
        let distance: f32 = replay.distance(scores.clone()).into_scalar();
        assert!((distance - 10.0 / 3.0).abs() < 1e-6);
        // ln 2 for the first item, nothing for the second, whose class is alone.
        let own: f32 = replay.cross_entropy(scores.clone(), true).into_scalar();
        assert!((own - 0.5 * 2.0_f32.ln()).abs() < 1e-6);
        let all: f32 = replay.cross_entropy(scores, false).into_scalar();
        assert!(all > own);
    }
}
