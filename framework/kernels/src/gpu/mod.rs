//! What burn's own operations do not do on a GPU: exact products of 32 bits, and in one or two launches what they take
//! many for.

mod activation;
mod operation;
mod product;
mod rows;
pub(crate) mod vectors;

pub(crate) use activation::quick_gelu;
pub(crate) use product::product;
pub(crate) use rows::{layer_norm, softmax};
