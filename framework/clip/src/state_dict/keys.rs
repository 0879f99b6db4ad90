//! Which names belong to a model.

use super::{KeyMismatch, StateDict, StateDictError};

/// Last parts of the names of tensors that are stored with a model but are no weights: the causal mask and the position
/// indices of `PyTorch` modules, the sizes that `OpenAI`'s archives keep as tensors, the counters of batch norms.
const BUFFERS: [&str; 6] =
    ["attn_mask", "position_ids", "input_resolution", "context_length", "vocab_size", "num_batches_tracked"];

/// Whether `name` is a buffer that can be left out, because it follows from the model's configuration.
pub fn is_known_buffer(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    BUFFERS.contains(&last)
}

/// Compares the names and shapes of `dict` with those a model expects.
///
/// # Errors
///
/// [`StateDictError::Keys`] with all missing, unexpected and wrongly shaped tensors.
pub fn check_keys(dict: &StateDict, expected: &[(String, Vec<usize>)]) -> Result<(), StateDictError> {
    let mut mismatch = KeyMismatch::default();
    let mut unexpected = dict.tensors.keys().collect::<std::collections::BTreeSet<_>>();
    for (name, shape) in expected {
        unexpected.remove(name);
        match dict.get(name) {
            None => mismatch.missing.push(name.clone()),
            Some(tensor) if tensor.shape != *shape => {
                let found = tensor.shape.clone();
                mismatch.misshapen.push((name.clone(), shape.clone(), found));
            }
            Some(_) => {}
        }
    }
    mismatch.unexpected = unexpected.into_iter().cloned().collect();
    if mismatch.is_empty() { Ok(()) } else { Err(mismatch.into()) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::small_clip;
    use super::*;

    #[test]
    fn equal_keys_pass() {
        let dict = small_clip();
        check_keys(&dict, &dict.shapes()).unwrap();
    }

    #[test]
    fn every_kind_of_difference_is_listed() {
        let mut dict = small_clip();
        let expected = dict.shapes();
        let moved = dict.tensors.remove("visual.proj").unwrap();
        dict.insert("visual.extra", moved);
        if let Some(scale) = dict.tensors.get_mut("logit_scale") {
            scale.shape = vec![1, 1];
        }
        let message = check_keys(&dict, &expected).unwrap_err().to_string();
        let lines = message.lines().collect::<Vec<_>>();
        assert_eq!(
            lines,
            [
                "the weights do not fit the model",
                "  1 missing: visual.proj",
                "  1 unexpected: visual.extra",
                "  1 wrong shape: logit_scale [1, 1] instead of []",
                "  hint: choose the model that these weights were made for",
            ]
        );
    }

    #[test]
    fn buffers_are_known_by_the_end_of_their_name() {
        assert!(is_known_buffer("attn_mask") && is_known_buffer("text.attn_mask"));
        assert!(is_known_buffer("vision_model.embeddings.position_ids"));
        assert!(!is_known_buffer("visual.proj") && !is_known_buffer("attn_mask.weight"));
    }
}
