use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::{
    config::ClipConfig,
    state_dict::{HostTensor, StateDict},
};

/// Start value of the logit scale, `ln(1 / 0.07)` (Radford et al. 2021, section 2.5).
const INITIAL_TEMPERATURE: f64 = 0.07;

/// Untrained weights with the deviations of OpenAI's `initialize_parameters`, drawn on the host.
///
/// Every tensor has a stream of its own, keyed by `seed` and its position, so that the values do not depend on the
/// device or on the order of creation.
pub fn random_weights(config: &ClipConfig, seed: u64) -> StateDict {
    let tensors = config.expected_keys().into_iter().enumerate().map(|(stream, (name, shape))| {
        let count: usize = shape.iter().product();
        let data = match rule(config, &name) {
            Rule::Constant(value) => vec![value as f32; count],
            Rule::Normal(deviation) => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(stream as u64);
                (0..count).map(|_| (rng.sample::<f64, _>(StandardNormal) * deviation) as f32).collect()
            }
        };
        (name, HostTensor { shape, data })
    });
    StateDict { tensors: tensors.collect(), metadata: BTreeMap::new() }
}

enum Rule {
    Constant(f64),
    Normal(f64),
}

fn rule(config: &ClipConfig, name: &str) -> Rule {
    let (width, layers) = if name.starts_with("visual.") {
        (config.vision.width as f64, config.vision.layers as f64)
    } else {
        (config.text.width as f64, config.text.layers as f64)
    };
    let narrow = width.powf(-0.5);
    let residual = narrow * (2.0 * layers).powf(-0.5);
    match name {
        "logit_scale" => Rule::Constant((1.0 / INITIAL_TEMPERATURE).ln()),
        "token_embedding.weight" => Rule::Normal(0.02),
        "positional_embedding" => Rule::Normal(0.01),
        _ if name.ends_with("bias") => Rule::Constant(0.0),
        _ if name.contains("ln_") => Rule::Constant(1.0),
        "visual.conv1.weight" => Rule::Normal((3.0 * (config.vision.patch_size as f64).powi(2)).powf(-0.5)),
        _ if name.ends_with("out_proj.weight") || name.ends_with("c_proj.weight") => Rule::Normal(residual),
        _ if name.ends_with("c_fc.weight") => Rule::Normal((2.0 * width).powf(-0.5)),
        _ => Rule::Normal(narrow),
    }
}
