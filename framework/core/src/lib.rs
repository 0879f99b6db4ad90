//! Contracts and engine of clf, a continual-learning framework for CLIP-style models.
//!
//! Four contracts: [`Method`], [`RegularizerHook`], [`Scenario`] and [`data::Dataset`]. A plugin crate implements one,
//! registers it with a macro of this crate and is linked into a program; the engine does the rest.

pub mod capabilities;
pub mod config;
pub mod cost;
pub mod data;
pub mod engine;
mod error;
pub mod herding;
mod hook;
pub mod hooks;
pub mod losses;
mod method;
pub mod methods;
pub mod metrics;
mod micro;
pub mod panics;
pub mod passes;
pub mod process;
pub mod random;
pub mod registry;
mod scenario;
pub mod state;
pub mod step;
pub mod store;
pub mod task;
mod task_record;
pub mod testing;
mod words;

pub use clf_clip as clip;
pub use clf_clip::{burn, image, kernels::product};
pub use {erased_serde, inventory};

pub use capabilities::{Capabilities, Trains};
pub use error::Error;
pub use hook::RegularizerHook;
pub use method::Method;
pub use scenario::{Protocol, Scenario, ScenarioHead};
pub use state::{Past, State};
pub use step::{ImageBatch, LossTerm, Step};
pub use words::counted;
