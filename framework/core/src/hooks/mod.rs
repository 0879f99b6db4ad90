//! The hooks that come with clf; each is registered under the name of its file.

mod distill;
mod ema;
mod exemplars;
mod l2;
mod teacher;
mod weight_ensemble;
mod wise;

pub use distill::{Distill, ImageSource, StreamTransform, Teacher};
pub use ema::{Ema, EmaMode};
pub use exemplars::{Exemplars, Selection, Update};
pub use l2::L2;
pub use teacher::TextSource;
pub use weight_ensemble::WeightEnsemble;
pub use wise::{MergeWith, Wise};
