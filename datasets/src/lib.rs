//! Datasets: readers for the common formats, named datasets, and the procedural mini world.
//!
//! A dataset is opened by name (`cifar100`, looked for under the data folder) or by a locator (`folder:PATH`,
//! `mini:shapes`).

pub mod mini;
mod mini_dataset;
mod named;
pub mod readers;

pub use mini_dataset::MiniDataset;
pub use named::{Counts, Descriptor, Reader, descriptor_text, descriptors};
