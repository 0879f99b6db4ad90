//! The mini world: seven small image domains and a caption set, all made from one seed.
//!
//! Each domain shows one kind of concept (shapes, colours, digits, flags, ...) in a look of its own: pencil on ruled
//! paper, lamplight, fog, a negative. The caption set shows all these concepts in a cleaner look, with sentences, and only
//! now and then in the look of the domain. A CLIP that learned the caption set therefore knows the concepts of every
//! domain, well above chance, and still gains from fine-tuning on each.
//!
//! Every picture is a pure function of the world's seed, its domain, stream (split), index and label. Nothing is stored
//! and nothing depends on the order of drawing. Streams are any numbers the caller keeps apart.

mod canvas;
mod caption;
mod dice;
mod domain;
mod figures;
mod flags;
mod glyphs;
mod objects;
mod palette;
mod patterns;
mod picture;
mod shape;
mod style;

pub use canvas::IMAGE_SIZE;
pub use caption::caption_pair;
pub use dice::WORLD_SEED;
pub use domain::{Domain, domains};
