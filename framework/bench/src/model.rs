//! Models with random weights, and what all measurements have in common.

use clap::Args;
use clf::device;
use clf_core::{
    Error,
    burn::tensor::Device,
    clip::{Clip, ClipConfig, PRESETS, Precision, random_weights},
};
use serde::Serialize;

/// Seed of all weights and data.
pub(crate) const SEED: u64 = 0;

/// Arguments that every measurement takes.
#[derive(Debug, Clone, Args, Serialize)]
pub struct CommonArguments {
    /// mini, ViT-B-32, ViT-B-16, ViT-L-14 or ViT-L-14-336; case does not matter.
    #[arg(long, default_value = "vit-b-16")]
    pub model: String,
    /// cpu, cuda:N or auto.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Arithmetic of matrix products.
    #[arg(long, default_value = "f32", value_parser = Precision::ALL.map(Precision::name))]
    pub precision: String,
    /// Threads of the CPU.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Laps that are not timed, while caches fill and kernels are compiled.
    #[arg(long, default_value_t = 3)]
    pub warmup: usize,
    /// Prints JSON.
    #[arg(long)]
    #[serde(skip)]
    pub json: bool,
}

impl CommonArguments {
    /// Starts the threads and opens the model; once a process.
    ///
    /// # Errors
    ///
    /// When there is no such model or device, or the threads have been started already.
    pub fn open(&self) -> Result<Clip, Error> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(self.threads))
            .build_global()
            .map_err(|error| Error::config("--threads", error.to_string()))?;
        let (config, device) = (config(&self.model)?, device::open(&self.device)?);
        let precision = self.precision()?;
        precision.check(&device).map_err(|reason| Error::config("--precision", reason))?;
        Ok(random_clip(&config, &device)?.with_precision(precision))
    }

    fn precision(&self) -> Result<Precision, Error> {
        let found = Precision::ALL.into_iter().find(|precision| precision.name() == self.precision);
        found.ok_or_else(|| {
            Error::unknown("precision", &self.precision, Precision::ALL.into_iter().map(Precision::name))
        })
    }
}

/// The shape of the model called `name`.
///
/// # Errors
///
/// When there is none, with the nearest name.
pub fn config(name: &str) -> Result<ClipConfig, Error> {
    let full = if name.eq_ignore_ascii_case("mini") { "mini-clip" } else { name };
    let preset = PRESETS.into_iter().find(|preset| preset.eq_ignore_ascii_case(full));
    preset.and_then(ClipConfig::preset).ok_or_else(|| Error::unknown("model", name, PRESETS.into_iter()))
}

/// A model with random weights.
///
/// # Errors
///
/// When the shape is impossible.
pub fn random_clip(config: &ClipConfig, device: &Device) -> Result<Clip, Error> {
    Ok(Clip::from_state_dict(&random_weights(config, SEED), config, device)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_presets_in_any_case() {
        assert_eq!(config("vit-b-16").unwrap(), ClipConfig::vit_b_16());
        assert!(config("ViT-B-17").unwrap_err().to_string().contains("did you mean \"ViT-B-16\"?"));
    }

    #[test]
    fn mini_has_the_shape_of_its_namesake_in_torch_step() {
        let script = include_str!("../torch_step.py");
        let mini = config("mini").unwrap();
        let (v, t) = (&mini.vision, &mini.text);
        let sizes =
            [v.image_size, v.patch_size, v.width, v.layers, v.heads, t.width, t.layers, t.heads, mini.embed_dim];
        let row: Vec<String> = sizes.iter().chain([&t.vocab_size]).map(ToString::to_string).collect();
        assert!(script.contains(&format!("\"mini\": ({})", row.join(", "))), "{row:?}");
    }
}
