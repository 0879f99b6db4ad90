//! Data contracts: what a dataset is, and how the engine reads it.

mod concat;
mod dataset;
mod loader;
mod order;
pub mod prepared;
mod stream;
mod subset;

pub use concat::Concat;
pub use dataset::{AS_FOUND, DataFolder, Dataset, DatasetError, DatasetInfo, Samples, Split};
pub use loader::{Augment, HostBatch, Loader, Transform, load_batch};
pub use order::BatchOrder;
pub use stream::Stream;
pub use subset::Subset;
