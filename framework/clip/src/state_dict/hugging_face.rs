//! The names and shapes of Hugging Face's `CLIPModel`.

use std::collections::{BTreeMap, BTreeSet};

use super::{HostTensor, StateDict, StateDictError};

type Tensors = BTreeMap<String, HostTensor>;

/// Single tensors: `OpenAI`'s name, Hugging Face's name. (`pre_layrnorm` is spelled so there.)
const SINGLE: [(&str, &str); 12] = [
    ("logit_scale", "logit_scale"),
    ("positional_embedding", "text_model.embeddings.position_embedding.weight"),
    ("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
    ("ln_final.weight", "text_model.final_layer_norm.weight"),
    ("ln_final.bias", "text_model.final_layer_norm.bias"),
    ("visual.class_embedding", "vision_model.embeddings.class_embedding"),
    ("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"),
    ("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    ("visual.ln_pre.weight", "vision_model.pre_layrnorm.weight"),
    ("visual.ln_pre.bias", "vision_model.pre_layrnorm.bias"),
    ("visual.ln_post.weight", "vision_model.post_layernorm.weight"),
    ("visual.ln_post.bias", "vision_model.post_layernorm.bias"),
];
/// Projections: `[width, embed]` at `OpenAI`, `[embed, width]` at Hugging Face.
const TRANSPOSED: [(&str, &str); 2] =
    [("text_projection", "text_projection.weight"), ("visual.proj", "visual_projection.weight")];
/// Where the layers of each tower are.
const TOWERS: [(&str, &str); 2] = [
    ("visual.transformer.resblocks.", "vision_model.encoder.layers."),
    ("transformer.resblocks.", "text_model.encoder.layers."),
];
/// Parts of a layer, each with `.weight` and `.bias`.
const PARTS: [(&str, &str); 5] = [
    ("attn.out_proj", "self_attn.out_proj"),
    ("ln_1", "layer_norm1"),
    ("ln_2", "layer_norm2"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
];
/// The three projections of attention in the order in which `OpenAI` stacks them.
const QKV: [&str; 3] = ["q", "k", "v"];

/// A pair of names, turned so that the known one comes first.
type Direction = fn((&'static str, &'static str)) -> (&'static str, &'static str);
const FROM_OPENAI: Direction = |pair| pair;
const TO_OPENAI: Direction = |(ours, theirs)| (theirs, ours);

/// Renames Hugging Face's tensors and stacks queries, keys and values; names that are not known stay.
pub(super) fn to_openai(mut tensors: Tensors) -> Result<StateDict, StateDictError> {
    let mut dict = StateDict::default();
    let stacked = tensors.keys().filter_map(|name| stacked_name(name)).collect::<BTreeSet<_>>();
    for name in stacked {
        let parts = part_names(&name).into_iter().flatten();
        let parts = parts.map(|part| tensors.remove(&part).ok_or_else(|| format!("{part} is missing")));
        let stack = parts.collect::<Result<Vec<_>, _>>().and_then(stack);
        let stack = stack.map_err(|reason| parts_error(&name, reason))?;
        dict.insert(name, stack);
    }
    rename_rest(dict, tensors, TO_OPENAI)
}

/// Renames `OpenAI`'s tensors and splits queries, keys and values; names that are not known stay.
pub(super) fn from_openai(mut tensors: Tensors) -> Result<StateDict, StateDictError> {
    let mut dict = StateDict::default();
    let stacked = tensors.keys().filter_map(|name| Some((name.clone(), part_names(name)?)));
    for (name, parts) in stacked.collect::<Vec<_>>() {
        if let Some(tensor) = tensors.remove(&name) {
            let split = split(&tensor).map_err(|reason| parts_error(&name, reason))?;
            dict.tensors.extend(parts.into_iter().zip(split));
        }
    }
    rename_rest(dict, tensors, FROM_OPENAI)
}

fn rename_rest(mut dict: StateDict, tensors: Tensors, direction: Direction) -> Result<StateDict, StateDictError> {
    for (name, tensor) in tensors {
        if let Some(new) = lookup(&TRANSPOSED, &name, direction) {
            let tensor = transpose(&tensor).map_err(|reason| parts_error(new, reason))?;
            dict.insert(new, tensor);
        } else {
            dict.insert(single_name(&name, direction).unwrap_or(name), tensor);
        }
    }
    Ok(dict)
}

fn parts_error(name: &str, reason: String) -> StateDictError {
    let name = name.to_owned();
    StateDictError::Parts { name, reason }
}

fn lookup(pairs: &[(&'static str, &'static str)], name: &str, direction: Direction) -> Option<&'static str> {
    pairs.iter().map(|pair| direction(*pair)).find_map(|(from, to)| (from == name).then_some(to))
}

/// The other name of a tensor that is stored alike in both layouts.
fn single_name(name: &str, direction: Direction) -> Option<String> {
    if let Some(new) = lookup(&SINGLE, name, direction) {
        return Some(new.to_owned());
    }
    let (layer, rest) = in_layer(name, direction)?;
    let (part, kind) = rest.rsplit_once('.')?;
    let part = lookup(&PARTS, part, direction)?;
    Some(format!("{layer}.{part}.{kind}"))
}

/// `OpenAI`'s name of the stack that Hugging Face's tensor `name` is a part of.
fn stacked_name(name: &str) -> Option<String> {
    let (layer, rest) = in_layer(name, TO_OPENAI)?;
    let (part, kind) = rest.strip_prefix("self_attn.")?.split_once("_proj.")?;
    QKV.contains(&part).then(|| format!("{layer}.attn.in_proj_{kind}"))
}

/// Hugging Face's names of the three parts of `OpenAI`'s stack `name`.
fn part_names(name: &str) -> Option<[String; 3]> {
    let (layer, rest) = in_layer(name, FROM_OPENAI)?;
    let kind = rest.strip_prefix("attn.in_proj_")?;
    Some(QKV.map(|part| format!("{layer}.self_attn.{part}_proj.{kind}")))
}

/// Splits the name of a tensor in a layer: the other layout's name of the layer, and the rest.
fn in_layer(name: &str, direction: Direction) -> Option<(String, &str)> {
    TOWERS.iter().find_map(|pair| {
        let (from, to) = direction(*pair);
        let (layer, rest) = name.strip_prefix(from)?.split_once('.')?;
        Some((format!("{to}{layer}"), rest))
    })
}

/// Puts tensors of equal shape under each other.
///
/// # Shapes
///
/// - parts: three of `[rows, ..]`
/// - output: `[3 * rows, ..]`
fn stack(parts: Vec<HostTensor>) -> Result<HostTensor, String> {
    let mut shape = parts.first().map(|part| part.shape.clone()).unwrap_or_default();
    if let Some(other) = parts.iter().find(|part| part.shape != shape) {
        return Err(format!("its parts have the shapes {shape:?} and {:?}", other.shape));
    }
    match shape.first_mut() {
        Some(rows) => *rows *= parts.len(),
        None => return Err("its parts are single numbers".to_owned()),
    }
    let data = parts.into_iter().flat_map(|part| part.data).collect();
    Ok(HostTensor::new(shape, data))
}

/// The inverse of [`stack`].
///
/// # Shapes
///
/// - stack: `[3 * rows, ..]`
/// - output: three of `[rows, ..]`
fn split(stack: &HostTensor) -> Result<[HostTensor; 3], String> {
    let mut shape = stack.shape.clone();
    match shape.first_mut() {
        Some(rows) if *rows % QKV.len() == 0 => *rows /= QKV.len(),
        _ => return Err(format!("the shape {shape:?} has no three equal parts")),
    }
    let count = stack.data.len() / QKV.len();
    Ok([0, 1, 2].map(|part| {
        let values = &stack.data[part * count..(part + 1) * count];
        HostTensor::new(shape.clone(), values.to_vec())
    }))
}

/// Exchanges rows and columns.
///
/// # Shapes
///
/// - tensor: `[rows, columns]`
/// - output: `[columns, rows]`
fn transpose(tensor: &HostTensor) -> Result<HostTensor, String> {
    let [rows, columns] = tensor.shape[..] else {
        return Err(format!("the shape {:?} is no matrix", tensor.shape));
    };
    let values = (0..columns).flat_map(|column| (0..rows).map(move |row| (row, column)));
    let data = values.map(|(row, column)| tensor.data[row * columns + column]).collect();
    Ok(HostTensor::new([columns, rows], data))
}

#[cfg(test)]
mod tests {
    use super::super::testing::small_clip;
    use super::super::{Layout, to_layout, to_openai};
    use super::*;

    fn hugging_face() -> StateDict {
        to_layout(small_clip(), Layout::HuggingFace).unwrap()
    }

    #[test]
    fn no_name_of_openai_is_left() {
        let theirs = hugging_face();
        let known = ["text_model.", "vision_model.", "text_projection.", "visual_projection.", "logit_scale"];
        for name in theirs.tensors.keys() {
            assert!(known.iter().any(|prefix| name.starts_with(prefix)), "{name}");
        }
        // Two more tensors for each weight and bias of attention in three layers.
        assert_eq!(theirs.tensors.len(), small_clip().tensors.len() + 3 * 2 * 2);
    }

    #[test]
    fn keys_are_the_second_third_of_the_stack() {
        let ours = small_clip();
        let theirs = hugging_face();
        let key = theirs.get("vision_model.encoder.layers.1.self_attn.k_proj.weight").unwrap();
        let stack = ours.get("visual.transformer.resblocks.1.attn.in_proj_weight").unwrap();
        assert_eq!(key.shape, [6, 6]);
        assert_eq!(key.data, stack.data[36..72]);
    }

    #[test]
    fn projections_are_transposed() {
        let ours = small_clip();
        let theirs = hugging_face();
        let (ours, theirs) = (ours.get("visual.proj").unwrap(), theirs.get("visual_projection.weight").unwrap());
        assert_eq!((&ours.shape[..], &theirs.shape[..]), (&[6, 3][..], &[3, 6][..]));
        assert_eq!(ours.data[4 * 3 + 2].to_bits(), theirs.data[2 * 6 + 4].to_bits());
    }

    #[test]
    fn a_missing_part_of_attention_is_named() {
        let mut theirs = hugging_face();
        theirs.tensors.remove("text_model.encoder.layers.0.self_attn.v_proj.bias");
        let message = to_openai(theirs).unwrap_err().to_string();
        assert!(message.contains("`transformer.resblocks.0.attn.in_proj_bias`"), "{message}");
        assert!(message.contains("v_proj.bias is missing"), "{message}");
    }

    #[test]
    fn parts_of_different_shapes_are_refused() {
        let parts = [2, 2, 3].map(|rows| HostTensor::new([rows], vec![0.0; rows]));
        assert!(stack(parts.to_vec()).is_err());
        assert!(split(&HostTensor::new([4], vec![0.0; 4])).is_err());
        assert!(transpose(&HostTensor::scalar(1.0)).is_err());
    }
}
