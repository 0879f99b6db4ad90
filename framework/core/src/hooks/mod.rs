//! The hooks that come with clf; each is registered under the name of its file.

mod distill;
mod l2;
mod weight_ensemble;

pub use distill::{Distill, Teacher};
pub use l2::L2;
pub use weight_ensemble::WeightEnsemble;
