//! The ways in which CLIP weights are named.
//!
//! | layout | image tower | text tower | attention | projections |
//! |---|---|---|---|---|
//! | [`Layout::OpenAi`] | `visual.` | no prefix | q, k, v in one tensor | `[width, embed]` |
//! | [`Layout::OpenClipText`] | `visual.` | `text.` | as above | as above |
//! | [`Layout::HuggingFace`] | `vision_model.` | `text_model.` | three tensors | `[embed, width]` |
//!
//! The plain models of `open_clip` (its class `CLIP`) have `OpenAI`'s names; its `CustomTextCLIP` is the second layout.
//! Linear weights are `[out, in]` everywhere.

use super::{HostTensor, StateDict, StateDictError, hugging_face, is_known_buffer};

/// Prefix of the text tower in `open_clip`'s `CustomTextCLIP`.
const TEXT: &str = "text.";
/// First parts of the names of the text tower in `OpenAI`'s layout.
const TEXT_PARTS: [&str; 5] = ["positional_embedding", "text_projection", "token_embedding", "transformer", "ln_final"];
/// The logarithm of the inverse temperature.
const LOGIT_SCALE: &str = "logit_scale";

/// Who names the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `OpenAI` CLIP and `open_clip`'s class `CLIP`.
    OpenAi,
    /// `open_clip`'s class `CustomTextCLIP`.
    OpenClipText,
    /// `CLIPModel` of Hugging Face transformers.
    HuggingFace,
}

/// Recognises the layout of `dict` by its names.
///
/// # Errors
///
/// [`StateDictError::UnknownLayout`] if the names are those of no CLIP.
pub fn detect_layout(dict: &StateDict) -> Result<Layout, StateDictError> {
    let any = |test: &dyn Fn(&str) -> bool| dict.tensors.keys().any(|name| test(name));
    if any(&|name| name.starts_with("vision_model.") || name.starts_with("text_model.")) {
        Ok(Layout::HuggingFace)
    } else if any(&|name| name.starts_with(TEXT)) {
        Ok(Layout::OpenClipText)
    } else if any(&|name| name.starts_with("visual.") || is_text(name)) {
        Ok(Layout::OpenAi)
    } else {
        let names = dict.tensors.keys().cloned().collect();
        Err(StateDictError::UnknownLayout { names })
    }
}

/// Renames and reshapes `dict`, of any known layout, to `OpenAI`'s layout.
///
/// Known buffers are dropped and `logit_scale` gets the shape `[]`. Names that no layout knows are kept, so that
/// [`check_keys`](super::check_keys) reports them.
///
/// # Errors
///
/// When the names are those of no CLIP, parts are missing, or a value is [not finite](StateDict::check_finite).
pub fn to_openai(dict: StateDict) -> Result<StateDict, StateDictError> {
    let layout = detect_layout(&dict)?;
    let StateDict { mut tensors, metadata } = dict;
    tensors.retain(|name, _| !is_known_buffer(name));
    let dict = StateDict { tensors, metadata };
    dict.check_finite()?;
    let StateDict { tensors, metadata } = dict;
    let mut dict = match layout {
        Layout::OpenAi => tensors.into_iter().collect(),
        Layout::OpenClipText => tensors.into_iter().map(without_text_prefix).collect(),
        Layout::HuggingFace => hugging_face::to_openai(tensors)?,
    };
    if let Some(scale) = dict.tensors.get_mut(LOGIT_SCALE)
        && scale.data.len() == 1
    {
        scale.shape.clear();
    }
    dict.metadata = metadata;
    Ok(dict)
}

/// Renames and reshapes `dict`, of any known layout, to `layout`.
///
/// Hugging Face files also get the note `format = pt`, without which transformers refuses to load them.
pub fn to_layout(dict: StateDict, layout: Layout) -> Result<StateDict, StateDictError> {
    let StateDict { tensors, mut metadata } = to_openai(dict)?;
    let mut dict = match layout {
        Layout::OpenAi => tensors.into_iter().collect(),
        Layout::OpenClipText => tensors.into_iter().map(with_text_prefix).collect(),
        Layout::HuggingFace => {
            metadata.entry("format".into()).or_insert_with(|| "pt".into());
            hugging_face::from_openai(tensors)?
        }
    };
    dict.metadata = metadata;
    Ok(dict)
}

/// Whether `name` belongs to the text tower in `OpenAI`'s layout.
pub(crate) fn is_text(name: &str) -> bool {
    TEXT_PARTS.contains(&name.split('.').next().unwrap_or(name))
}

fn without_text_prefix((name, tensor): (String, HostTensor)) -> (String, HostTensor) {
    let name = name.strip_prefix(TEXT).map_or(name.clone(), str::to_owned);
    (name, tensor)
}

fn with_text_prefix((name, tensor): (String, HostTensor)) -> (String, HostTensor) {
    let name = if is_text(&name) { format!("{TEXT}{name}") } else { name };
    (name, tensor)
}

#[cfg(test)]
mod tests {
    use super::super::testing::small_clip;
    use super::*;

    const LAYOUTS: [Layout; 3] = [Layout::OpenAi, Layout::OpenClipText, Layout::HuggingFace];

    #[test]
    fn every_layout_is_recognised_and_round_trips_bit_for_bit() {
        let original = small_clip();
        for layout in LAYOUTS {
            let stored = to_layout(original.clone(), layout).unwrap();
            assert_eq!(detect_layout(&stored).unwrap(), layout);
            assert_eq!(to_openai(stored).unwrap().tensors, original.tensors, "{layout:?}");
        }
    }

    #[test]
    fn metadata_survives_a_change_of_layout() {
        let mut dict = small_clip();
        dict.metadata.insert("seed".into(), "7".into());
        let stored = to_layout(dict, Layout::HuggingFace).unwrap();
        assert_eq!(stored.metadata["seed"], "7");
        assert_eq!(stored.metadata["format"], "pt");
    }

    #[test]
    fn buffers_are_dropped_and_the_scale_becomes_a_single_number() {
        for (layout, buffer) in [
            (Layout::OpenAi, "attn_mask"),
            (Layout::OpenClipText, "text.attn_mask"),
            (Layout::HuggingFace, "text_model.embeddings.position_ids"),
        ] {
            let mut stored = to_layout(small_clip(), layout).unwrap();
            stored.insert(buffer, HostTensor::new([1, 2], vec![0.0; 2]));
            stored.insert("logit_scale", HostTensor::new([1], vec![4.6]));
            assert_eq!(to_openai(stored).unwrap().shapes(), small_clip().shapes());
        }
    }

    #[test]
    fn unknown_names_are_refused_with_examples() {
        let dict = StateDict::from_iter([("conv1.weight".to_owned(), HostTensor::scalar(0.0))]);
        let message = to_openai(dict).unwrap_err().to_string();
        assert!(message.contains("conv1.weight"), "{message}");
    }

    #[test]
    fn names_that_no_layout_knows_are_kept_for_the_check() {
        for layout in LAYOUTS {
            let mut stored = to_layout(small_clip(), layout).unwrap();
            stored.insert("logit_bias", HostTensor::scalar(1.0));
            assert!(to_openai(stored).unwrap().get("logit_bias").is_some());
        }
    }
}
