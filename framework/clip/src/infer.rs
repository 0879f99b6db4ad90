use std::path::Path;

use crate::{
    config::{Activation, ClipConfig, Normalization, TextConfig, VisionConfig},
    state_dict::{StateDict, is_text},
    weights::CONFIG_KEY,
};

/// Width of an attention head in every CLIP of OpenAI and LAION.
const HEAD_WIDTH: usize = 64;

/// A tensor of `OpenAI`'s `ResNet` towers that no vision transformer has.
const RESNET: &str = "visual.layer1.0.conv1.weight";
/// Models to take instead.
const KNOWN: &str = "see `clf model list`";

/// What a `config.json` beside a Hugging Face file adds to the shapes of its tensors.
#[derive(Debug, Default, serde::Deserialize)]
struct Beside {
    #[serde(default)]
    vision_config: Tower,
    #[serde(default)]
    text_config: Tower,
}

#[derive(Debug, Default, serde::Deserialize)]
struct Tower {
    num_attention_heads: Option<usize>,
    hidden_act: Option<String>,
}

impl ClipConfig {
    /// The architecture of weights in OpenAI names, and whether its activation is known or a guess.
    ///
    /// Files written by clf carry their configuration. For others the sizes come from the shapes, and heads and activation
    /// from a `config.json` beside `path`; without one, heads are 64 wide and the activation is taken to be `QuickGELU`.
    ///
    /// # Errors
    ///
    /// When a tower is missing, the image tower is a `ResNet`, or a tensor that fixes a size is missing.
    pub fn infer(dict: &StateDict, path: &Path) -> Result<(Self, bool), String> {
        if let Some(json) = dict.metadata.get(CONFIG_KEY) {
            let config: Self =
                serde_json::from_str(json).map_err(|error| format!("its configuration is damaged: {error}"))?;
            config.check()?;
            return Ok((config, true));
        }
        if dict.tensors.contains_key(RESNET) {
            return Err(format!("its image tower is a ResNet, and clf has vision transformers alone ({KNOWN})"));
        }
        check_towers(dict)?;
        let beside: Beside = std::fs::read_to_string(path.with_file_name("config.json"))
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let layers = |prefix: &str| {
            let suffix = ".ln_1.weight";
            dict.tensors.keys().filter(|name| name.starts_with(prefix) && name.ends_with(suffix)).count()
        };
        let ([v_width, _, patch, _], [positions, _], [context, t_width], [vocab, _], [_, embed]) = (
            shape(dict, "visual.conv1.weight")?,
            shape(dict, "visual.positional_embedding")?,
            shape(dict, "positional_embedding")?,
            shape(dict, "token_embedding.weight")?,
            shape(dict, "text_projection")?,
        );
        let heads = |tower: &Tower, width: usize| tower.num_attention_heads.unwrap_or((width / HEAD_WIDTH).max(1));
        let activation = match beside.vision_config.hidden_act.as_deref() {
            Some("gelu") => Some(Activation::Gelu),
            Some("quick_gelu") => Some(Activation::QuickGelu),
            _ => None,
        };
        let grid = (positions.saturating_sub(1) as f64).sqrt().round() as usize;
        let config = Self {
            embed_dim: embed,
            activation: activation.unwrap_or(Activation::QuickGelu),
            vision: VisionConfig {
                image_size: grid * patch,
                patch_size: patch,
                width: v_width,
                layers: layers("visual.transformer."),
                heads: heads(&beside.vision_config, v_width),
                normalization: Normalization::OpenAi,
            },
            text: TextConfig {
                context_length: context,
                vocab_size: vocab,
                width: t_width,
                layers: layers("transformer."),
                heads: heads(&beside.text_config, t_width),
            },
        };
        config.check()?;
        Ok((config, activation.is_some()))
    }
}

/// Refuses half a CLIP.
fn check_towers(dict: &StateDict) -> Result<(), String> {
    let any = |test: &dyn Fn(&str) -> bool| dict.tensors.keys().any(|name| test(name));
    let missing = match (any(&|name| name.starts_with("visual.")), any(&is_text)) {
        (true, true) => return Ok(()),
        (true, false) => "text tower, only the one for images",
        (false, true) => "image tower, only the one for texts",
        (false, false) => "tower at all",
    };
    Err(format!("it has no {missing}\n  hint: take a file of the whole CLIP, with both towers ({KNOWN})"))
}

fn shape<const N: usize>(dict: &StateDict, name: &str) -> Result<[usize; N], String> {
    let tensor = dict.tensors.get(name).ok_or_else(|| format!("it has no tensor {name:?}"))?;
    let shape = tensor.shape.as_slice();
    shape.try_into().map_err(|_| format!("its tensor {name:?} has shape {shape:?} instead of rank {N}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::random_weights;

    #[test]
    fn sizes_come_from_the_shapes() {
        let mut config = ClipConfig::mini();
        (config.vision.heads, config.text.heads) = (2, 2);
        let dict = random_weights(&config, 1);
        let (inferred, known) = ClipConfig::infer(&dict, Path::new("nowhere/x.safetensors")).unwrap();
        assert_eq!(inferred, config);
        assert!(!known, "the activation is a guess");
    }

    #[test]
    fn a_config_beside_the_file_fixes_heads_and_activation() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"vision_config": {"hidden_act": "gelu", "num_attention_heads": 4}, "text_config": {"num_attention_heads": 4}}"#;
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        let config = ClipConfig { activation: Activation::Gelu, ..ClipConfig::mini() };
        let dict = random_weights(&config, 1);
        assert_eq!(ClipConfig::infer(&dict, &folder.path().join("x.safetensors")).unwrap(), (config, true));
    }

    #[test]
    fn a_resnet_is_refused_as_one() {
        let mut dict = random_weights(&ClipConfig::mini(), 1);
        let moved = dict.tensors.remove("visual.conv1.weight").unwrap();
        dict.insert(RESNET, moved);
        let error = ClipConfig::infer(&dict, Path::new("RN50.pt")).unwrap_err();
        assert!(error.contains("ResNet"), "{error}");
    }

    #[test]
    fn a_missing_tower_is_named() {
        let half = |keep: &dyn Fn(&str) -> bool| {
            let mut dict = random_weights(&ClipConfig::mini(), 1);
            dict.metadata.clear();
            dict.tensors.retain(|name, _| keep(name));
            ClipConfig::infer(&dict, Path::new("x.safetensors")).unwrap_err()
        };
        let (vision, text) = (half(&|name| name.starts_with("visual.")), half(&is_text));
        assert!(vision.starts_with("it has no text tower, only the one for images\n  hint: "), "{vision}");
        assert!(text.starts_with("it has no image tower, only the one for texts\n  hint: "), "{text}");
    }

    #[test]
    fn a_missing_tensor_is_named() {
        let mut dict = random_weights(&ClipConfig::mini(), 1);
        dict.tensors.remove("text_projection");
        let error = ClipConfig::infer(&dict, Path::new("x.safetensors")).unwrap_err();
        assert!(error.contains("text_projection"), "{error}");
    }
}
