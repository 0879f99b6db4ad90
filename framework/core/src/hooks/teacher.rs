use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use clf_clip::Clip;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    random::{Key, Purpose},
    step::ImageBatch,
    task::TaskContext,
};

/// Which texts a teacher compares images with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextSource {
    /// The scenario's reference texts.
    Reference,
    /// The training prompts of the task's classes.
    Classes,
    /// Those of all tasks so far, the current one included (`ZSCL_minus_previous_all_text.sh`).
    SeenClasses,
    /// Those of the classes of the reference images.
    ReferenceClasses,
    /// Random token ids, the same in every task (`LwF-VR`, reference code `virtual_vocab`).
    Random,
}

impl TextSource {
    /// Token ids; for [`TextSource::SeenClasses`] those that this task adds.
    pub(super) fn tokens(self, task: &TaskContext<'_>, count: usize, length: usize) -> Result<Vec<Vec<u32>>, Error> {
        match self {
            Self::Reference => task.tokenise(task.reference.map_or(&[][..], |reference| &reference.texts)),
            Self::ReferenceClasses => {
                task.tokenise(task.reference.map_or(&[][..], |reference| &reference.class_prompts))
            }
            Self::Classes | Self::SeenClasses => task.class_tokens(),
            Self::Random => {
                let text = &task.student.config().text;
                if count == 0 || length + 2 > text.context_length {
                    let reason = format!(
                        "{count} texts of {length} ids: at least one, and at most {} ids fit",
                        text.context_length - 2
                    );
                    return Err(Error::config("hook.distill.random-texts", reason));
                }
                Ok(random_texts(task.seed, count, length, text.vocab_size as u32))
            }
        }
    }
}

/// Start, `length` ids drawn uniformly from the whole vocabulary, end.
fn random_texts(seed: u64, count: usize, length: usize, vocabulary: u32) -> Vec<Vec<u32>> {
    let (start, end) = (vocabulary - 2, vocabulary - 1);
    // The key has no task: as for the reference images, every task of the original is a process with the same seed.
    let mut rng = Key { seed, ..Key::default() }.stream(Purpose::Method);
    let mut text = || {
        let ids = (0..length).map(|_| rng.random_range(0..vocabulary));
        std::iter::once(start).chain(ids).chain([end]).collect()
    };
    (0..count).map(|_| text()).collect()
}

/// Unit features of images under a frozen model, by position in their set.
#[derive(Debug, Default)]
pub(super) struct FeatureCache {
    rows: BTreeMap<usize, Vec<f32>>,
}

impl FeatureCache {
    /// Features of `batch`, computed only if one of its images is new.
    ///
    /// A batch is computed as a whole, so that a feature does not depend on which other images are known.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, embed]`
    pub(super) fn features(&mut self, model: &Clip, batch: &ImageBatch) -> Result<Tensor<2>, Error> {
        let known: Option<Vec<&Vec<f32>>> = batch.indices.iter().map(|index| self.rows.get(index)).collect();
        let embed = model.config().embed_dim;
        if let Some(rows) = known {
            let data: Vec<f32> = rows.into_iter().flatten().copied().collect();
            return Ok(Tensor::from_data(TensorData::new(data, [batch.indices.len(), embed]), &batch.images.device()));
        }
        let features = model.encode_images(batch.images.clone());
        let values = features.clone().try_into_vec_as::<f32>().map_err(|error| Error::Device(error.to_string()))?;
        for (index, row) in batch.indices.iter().zip(values.chunks(embed)) {
            self.rows.entry(*index).or_insert_with(|| row.to_vec());
        }
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_texts_have_a_start_and_an_end_and_use_the_whole_vocabulary() {
        let texts = random_texts(3, 500, 10, 12);
        assert!(texts.iter().all(|text| text.len() == 12 && text[0] == 10 && text[11] == 11));
        let mut seen: Vec<u32> = texts.iter().flat_map(|text| &text[1..11]).copied().collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (0..12).collect::<Vec<_>>());
        assert_eq!(texts, random_texts(3, 500, 10, 12));
        assert_ne!(texts, random_texts(4, 500, 10, 12));
    }
}
