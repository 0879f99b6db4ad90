use std::{
    mem,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clf_clip::preprocess::{Preprocess, normalize_into};
use crossbeam_channel::{Receiver, bounded};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::dataset::{DatasetError, Samples};
use crate::{
    panics,
    random::{Key, Purpose},
};

/// Batches that are decoded ahead of the one in use.
const PREFETCH: usize = 3;

/// What is done to a training image beside resizing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augment {
    /// CLIP's training transform: a random crop of 90 to 100% of the area, resized.
    RandomResizedCrop,
    /// The test transform: resize and centre crop.
    None,
}

/// How the images of a batch become pixels.
#[derive(Debug, Clone, Copy)]
pub struct Transform {
    /// Side of the square input of the model.
    pub size: usize,
    /// Random part.
    pub augment: Augment,
    /// Seed and task of the random part.
    pub key: Key,
    /// What the random part is drawn for.
    pub purpose: Purpose,
}

impl Transform {
    /// The test transform at `size` pixels.
    pub fn test(size: usize) -> Self {
        Self::train(size, Augment::None, Key::default())
    }

    /// The transform of training images.
    pub fn train(size: usize, augment: Augment, key: Key) -> Self {
        Self { size, augment, key, purpose: Purpose::Augment }
    }
}

/// A decoded batch in host memory.
#[derive(Debug, Clone)]
pub struct HostBatch {
    /// Normalised pixels, `[batch, 3, size, size]` in row-major order.
    pub pixels: Vec<f32>,
    /// 0-based labels; empty for data without classes.
    pub labels: Vec<usize>,
    /// Which samples these are.
    pub indices: Vec<usize>,
}

/// Decodes and preprocesses the samples `indices`, in parallel.
///
/// # Errors
///
/// When an image cannot be read; the error names the file.
pub fn load_batch(
    samples: &dyn Samples,
    indices: &[usize],
    epoch: u64,
    transform: Transform,
) -> Result<HostBatch, DatasetError> {
    let plane = 3 * transform.size * transform.size;
    let mut pixels = vec![0.0; indices.len() * plane];
    pixels.par_chunks_mut(plane).zip(indices).try_for_each(|(target, &index)| {
        // A decoder that panics on a strange file must not take the reason with it.
        panics::caught(|| load_image(samples, index, epoch, transform, target))
            .unwrap_or_else(|words| Err(panicked(samples, index, &words)))
    })?;
    let labels = indices.iter().filter_map(|&index| samples.label(index)).collect();
    Ok(HostBatch { pixels, labels, indices: indices.to_vec() })
}

fn panicked(samples: &dyn Samples, index: usize, words: &str) -> DatasetError {
    let path = samples.source(index).map_or_else(|| PathBuf::from(format!("image {index}")), Path::to_owned);
    DatasetError::Corrupt { path, reason: format!("reading image {index} of the set panicked: {words}") }
}

fn load_image(
    samples: &dyn Samples,
    index: usize,
    epoch: u64,
    transform: Transform,
    target: &mut [f32],
) -> Result<(), DatasetError> {
    if transform.augment == Augment::None
        && let Some(pixels) = samples.prepared(index, transform.size)?
    {
        normalize_into(pixels, target);
        return Ok(());
    }
    let image = samples.image(index)?;
    let preprocess = Preprocess { size: transform.size as u32 };
    let image = match transform.augment {
        Augment::None => preprocess.test(&image),
        Augment::RandomResizedCrop => {
            let mut rng = Key { epoch, sample: index as u64, ..transform.key }.stream(transform.purpose);
            let crop = preprocess.random_crop(&mut rng, image.width(), image.height());
            preprocess.train_crop(&image, crop)
        }
    };
    normalize_into(&image, target);
    Ok(())
}

/// Decodes a list of batches on a thread of its own, a few ahead of the consumer.
///
/// The order of the batches and the content of each are fixed beforehand, so speed never changes what is seen.
pub struct Loader {
    batches: Receiver<Result<HostBatch, DatasetError>>,
    waited: Duration,
}

impl Loader {
    /// Starts decoding `batches`, a list of (epoch, sample indices).
    pub fn start(
        samples: Arc<dyn Samples>,
        batches: impl IntoIterator<Item = (u64, Vec<usize>), IntoIter: Send + 'static>,
        transform: Transform,
    ) -> Self {
        let (sender, receiver) = bounded(PREFETCH);
        let batches = batches.into_iter();
        thread::spawn(move || {
            for (epoch, indices) in batches {
                // A dropped receiver means that the consumer is done.
                if sender.send(load_batch(&*samples, &indices, epoch, transform)).is_err() {
                    break;
                }
            }
        });
        Self { batches: receiver, waited: Duration::ZERO }
    }

    /// How long the consumer has waited for batches since it last asked.
    pub fn waited(&mut self) -> Duration {
        mem::take(&mut self.waited)
    }
}

impl Iterator for Loader {
    type Item = Result<HostBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let started = Instant::now();
        let batch = self.batches.recv().ok();
        self.waited += started.elapsed();
        batch
    }
}

#[cfg(test)]
mod tests {
    use image::DynamicImage;

    use super::*;

    struct Broken;

    impl Samples for Broken {
        fn len(&self) -> usize {
            3
        }

        fn label(&self, _index: usize) -> Option<usize> {
            Some(0)
        }

        fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
            assert!(index != 2, "a marker out of place");
            Ok(DynamicImage::new_rgb8(8, 8))
        }

        fn source(&self, _index: usize) -> Option<&Path> {
            Some(Path::new("pictures/strange.jpg"))
        }
    }

    #[test]
    fn a_decoder_that_panics_is_an_error_that_names_the_file() {
        let mut loader = Loader::start(Arc::new(Broken), vec![(0, vec![0, 1]), (0, vec![1, 2])], Transform::test(4));
        assert_eq!(loader.next().unwrap().unwrap().indices, [0, 1]);
        let message = loader.next().unwrap().unwrap_err().to_string();
        for part in ["pictures/strange.jpg", "image 2", "a marker out of place"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
