//! Readers for the on-disk formats that image datasets are published in.
//!
//! | scheme | reader | what it opens |
//! |---|---|---|
//! | `folder:` | [`Folder`] | class folders, split folders, lists, or a TOML that describes them |
//! | `idx:` | [`Idx`] | the idx files of MNIST and its relatives, gzipped or not |
//! | `cifar:` | [`Cifar`] | CIFAR-10 and CIFAR-100, binary or python version |
//! | `flowers:` | [`Flowers`] | Oxford Flowers 102 with its MATLAB files |
//! | `cars:` | [`Cars`] | Stanford Cars with its MATLAB files |
//! | `parquet:` | [`Parquet`] | parquet files with pictures in them, as the Hugging Face hub has them |
//! | `shards:` | [`Shards`] | tar shards of WebDataset |
//! | `captions:` | [`Captions`] | Conceptual Captions tables and COCO caption files |
//!
//! Opening checks that every file is there and that sizes and counts agree; pictures in files of their own are decoded
//! one by one when they are asked for. [`InMemory`] and [`Splits`] build a dataset out of pixels that are already here.

mod captions;
mod cars;
mod cifar;
mod file_samples;
mod files;
mod flowers;
mod folder;
mod idx;
mod in_memory;
mod info;
mod mat;
mod parquet;
mod pickle;
mod picture;
mod registered;
mod shard_config;
mod shard_files;
mod shards;
mod splits;
mod texts;

pub use captions::{Captions, gather};
pub use cars::Cars;
pub use cifar::Cifar;
pub use file_samples::FileSamples;
pub use flowers::Flowers;
pub use folder::{ClassFrom, ClassNames, Folder, FolderConfig, List, OneOrMore, OtherClasses, PermutedSplit};
pub use idx::Idx;
pub use in_memory::{ImageShape, InMemory};
pub use info::{DEFAULT_TEMPLATE, InfoOverrides};
pub use parquet::Parquet;
pub use shard_config::ShardConfig;
pub use shards::Shards;
pub use splits::Splits;
