//! The one CLIP: two transformer towers with a joint embedding.
//!
//! Field names follow OpenAI's weight names, so that a path in the module is (almost) the key in the file.

mod clip;
mod text;
mod tokens;
mod transformer;
mod vision;

pub use clip::{Clip, unit};
pub use text::TextTower;
pub use tokens::TokenBatch;
pub use transformer::{Attention, Block, Mlp, Transformer};
pub use vision::VisionTower;
