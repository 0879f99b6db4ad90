//! CLIP on burn: configuration, the two towers, tokenizer, preprocessing and weights in and out.
//!
//! This crate knows nothing of continual learning. One architecture family serves every size; [`ClipConfig`] has the
//! presets. Weights travel as [`StateDict`] (host memory, OpenAI names and layouts) and as [`Weights`] (tensors on the
//! device, one flat vector a parameter).

mod config;
mod infer;
mod init;
pub mod model;
pub mod preprocess;
pub mod state_dict;
pub mod tokenizer;
mod weights;
pub mod zoo;

pub use burn;
pub use clf_kernels::{self as kernels, Precision};
pub use image;

pub use config::{Activation, ClipConfig, LAYER_NORM_EPSILON, Normalization, PRESETS, TextConfig, VisionConfig};
pub use init::random_weights;
pub use model::{Clip, TokenBatch, unit};
pub use state_dict::{HostTensor, StateDict, StateDictError};
pub use tokenizer::Tokenizer;
pub use weights::{Lookup, Weights};
