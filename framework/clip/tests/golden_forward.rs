//! Both towers against the recorded residual streams and features of the reference implementation.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use clf_clip::{
    Activation, Clip, ClipConfig, StateDict, TextConfig, TokenBatch, VisionConfig,
    burn::tensor::{Device, Tensor, TensorData},
    preprocess::{MEAN, STD},
};
use safetensors::SafeTensors;

/// Largest difference of a feature or of the residual stream, in 32-bit arithmetic.
const LIMIT: f64 = 1e-5;

fn folder() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    PathBuf::from(env::var_os("CLF_GOLDEN").unwrap_or_else(|| own.into()))
}

fn config() -> ClipConfig {
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder().join("manifest.json")).unwrap()).unwrap();
    let size = |key: &str| manifest["config"][key].as_u64().unwrap() as usize;
    ClipConfig {
        embed_dim: size("embed"),
        activation: Activation::QuickGelu,
        vision: VisionConfig {
            image_size: size("image_size"),
            patch_size: size("patch"),
            width: size("v_width"),
            layers: size("v_layers"),
            heads: size("v_heads"),
        },
        text: TextConfig {
            context_length: size("context"),
            vocab_size: size("vocab"),
            width: size("t_width"),
            layers: size("t_layers"),
            heads: size("t_heads"),
        },
    }
}

fn forward_trace() -> BTreeMap<String, (Vec<usize>, Vec<f64>)> {
    let bytes = fs::read(folder().join("forward.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let values = |data: &[u8]| data.chunks(8).map(|x| f64::from_le_bytes(x.try_into().unwrap())).collect();
    file.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), values(view.data())))).collect()
}

/// The first two training images and class texts, as recorded.
fn inputs(config: &ClipConfig) -> (Tensor<4>, TokenBatch) {
    let bytes = fs::read(folder().join("data.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let side = config.vision.image_size;
    let plane = side * side;
    let images = file.tensor("train_images_u8").unwrap();
    let normalised: Vec<f32> = images.data()[..2 * 3 * plane]
        .iter()
        .enumerate()
        .map(|(i, byte)| (f32::from(*byte) / 255.0 - MEAN[i / plane % 3]) / STD[i / plane % 3])
        .collect();
    let tokens = file.tensor("class_tokens").unwrap();
    let context = tokens.shape()[1];
    let ids: Vec<u32> =
        tokens.data().chunks(2).map(|x| i16::from_le_bytes(x.try_into().unwrap()) as u32).take(2 * context).collect();
    let rows: Vec<&[u32]> = ids.chunks(context).collect();
    (Tensor::from_data(TensorData::new(normalised, [2, 3, side, side]), &Device::flex()), TokenBatch::new(&rows))
}

fn host(tensor: &Tensor<3>) -> ([usize; 3], Vec<f64>) {
    (tensor.dims(), tensor.to_data().iter::<f64>().collect())
}

#[track_caller]
fn assert_close(what: &str, ours: &[f64], recorded: &[f64]) {
    assert_eq!(ours.len(), recorded.len(), "{what}");
    let worst = ours.iter().zip(recorded).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    eprintln!("golden forward {what}: largest difference {worst:.1e}");
    assert!(worst <= LIMIT, "{what}: largest difference {worst:e}");
}

#[test]
fn golden_forward_block_by_block() {
    let (config, trace) = (config(), forward_trace());
    let (images, tokens) = inputs(&config);
    for weights in ["init", "prev"] {
        let dict = StateDict::read(folder().join(format!("{weights}.safetensors"))).unwrap();
        let clip = Clip::from_state_dict(&dict, &config, &Device::flex()).unwrap();
        let (mut visual, mut text) = (Vec::new(), Vec::new());
        let image_features = clip.visual.forward_observed(images.clone(), &mut |x| visual.push(host(x)));
        let text_features = clip.text.forward_observed(&tokens, &mut |x| text.push(host(x)));
        for (name, features) in [("image_features", image_features), ("text_features", text_features)] {
            let ours: Vec<f64> = features.to_data().iter::<f64>().collect();
            assert_close(&format!("{weights} {name}"), &ours, &trace[&format!("{weights}.{name}")].1);
        }
        if weights == "prev" {
            continue;
        }
        assert_eq!((visual.len(), text.len()), (config.vision.layers + 1, config.text.layers + 1));
        for (i, (_, ours)) in visual.iter().enumerate() {
            assert_close(&format!("image block {i}"), ours, &trace[&format!("init.visual.trace{i}")].1);
        }
        // Texts are encoded at their own length and recorded at another; the positions of both are compared.
        for (i, ([_, length, width], ours)) in text.iter().enumerate() {
            let (shape, recorded) = &trace[&format!("init.text.trace{i}")];
            let common = length.min(&shape[1]) * width;
            for (row, (ours, recorded)) in
                ours.chunks(length * width).zip(recorded.chunks(shape[1] * width)).enumerate()
            {
                assert_close(&format!("text block {i}, text {row}"), &ours[..common], &recorded[..common]);
            }
        }
    }
}
