//! Features of given pixels and tokens, for comparison with other programs.
//!
//! ```text
//! cargo run --release -p clf-clip --example features -- WEIGHTS INPUTS OUT quick-gelu|gelu
//! ```
//!
//! `INPUTS` is a safetensors file with `pixels`, F32 `[images, 3, size, size]` normalised as `OpenAI` does, and `tokens`,
//! I64 `[texts, context]`. `OUT` gets `image_features` and `text_features`, `[.., embed]`, before they have length one.

use std::{env, error::Error, fs, path::Path};

use clf_clip::{
    Activation, Clip, ClipConfig, HostTensor, Precision, StateDict, TokenBatch,
    burn::tensor::{Device, Tensor, TensorData},
    state_dict::to_openai,
};
use safetensors::SafeTensors;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [weights, inputs, out, activation] = arguments.as_slice() else {
        return Err("the arguments are WEIGHTS INPUTS OUT quick-gelu|gelu".into());
    };
    let clip = load(Path::new(weights), activation)?;
    let bytes = fs::read(inputs)?;
    let inputs = SafeTensors::deserialize(&bytes)?;
    let mut features = StateDict::default();
    let images = clip.visual.forward(pixels(&inputs)?, Precision::F32);
    features.insert("image_features", host(&images));
    let texts = clip.text.forward(&tokens(&inputs)?, Precision::F32);
    features.insert("text_features", host(&texts));
    features.write(out)?;
    Ok(())
}

fn load(path: &Path, activation: &str) -> Result<Clip, Box<dyn Error>> {
    let dict = to_openai(StateDict::read(path)?)?;
    let (mut config, _) = ClipConfig::infer(&dict, path)?;
    config.activation = if activation == "gelu" { Activation::Gelu } else { Activation::QuickGelu };
    Ok(Clip::from_state_dict(&dict, &config, &Device::flex())?)
}

fn pixels(inputs: &SafeTensors<'_>) -> Result<Tensor<4>, Box<dyn Error>> {
    let view = inputs.tensor("pixels")?;
    let shape: [usize; 4] = view.shape().try_into()?;
    let (numbers, _) = view.data().as_chunks::<4>();
    let values: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    Ok(Tensor::from_data(TensorData::new(values, shape), &Device::flex()))
}

fn tokens(inputs: &SafeTensors<'_>) -> Result<TokenBatch, Box<dyn Error>> {
    let view = inputs.tensor("tokens")?;
    let &[_, context] = view.shape() else { return Err("tokens are [texts, context]".into()) };
    let (numbers, _) = view.data().as_chunks::<8>();
    let ids: Vec<u32> = numbers.iter().map(|number| i64::from_le_bytes(*number) as u32).collect();
    Ok(TokenBatch::new(&ids.chunks(context).collect::<Vec<_>>()))
}

fn host(features: &Tensor<2>) -> HostTensor {
    HostTensor::new(features.dims(), features.to_data().iter().collect())
}
