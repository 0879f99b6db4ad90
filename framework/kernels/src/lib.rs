//! Fused operations of a transformer, with their own backward.
//!
//! On burn's CPU backend every operation is one node of the autodiff graph, computed by kernels of this crate: rows are
//! cut into chunks that stay in the caches, threads share the chunks, and all elementwise arithmetic is vectorised for the
//! machine it runs on. Elsewhere the same operations are composed of burn's own ([`primitives`]); on a GPU those of them that
//! would take many launches are kernels of this crate (`gpu`).
//!
//! How work is cut depends on shapes alone, so results are the same bits for any number of threads.

#![expect(clippy::inline_always, reason = "what is not inlined is compiled without the machine's vector instructions")]

mod activation;
mod attention;
mod buffer;
mod fused;
#[cfg(all(feature = "gpu", not(feature = "fusion")))]
mod gpu;
mod gradients;
mod linear;
mod matrix;
mod mlp;
mod norm;
mod operations;
mod parts;
mod patches;
mod precision;
pub mod primitives;
mod self_attention;
mod sequences;
mod simd;
mod softmax;
#[cfg(test)]
mod testing;
mod vectors;

pub use activation::Activation;
pub use fused::is_fused;
pub use operations::{
    LayerNormParameters, LinearParameters, PatchParameters, embed_patches, layer_norm, residual_attention, residual_mlp,
};
pub use precision::Precision;
pub use primitives::product;
pub use self_attention::AttentionSpec;
pub use sequences::Sequences;
pub use simd::{SCALAR, instruction_set};
pub use softmax::{cross_entropy, distillation};
pub use vectors::{AdamWState, AdamWStep, Squares, blend, pull};
