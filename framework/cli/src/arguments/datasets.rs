//! Flags of `clf data`.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Subcommand};

use super::{FolderArguments, positive};

#[derive(Subcommand)]
pub enum DataCommand {
    /// Downloads datasets, verifies and unpacks them; what is there already is not loaded again.
    #[command(after_help = FETCH_ENVIRONMENT)]
    Fetch(FetchArguments),
    /// Takes in a dataset that you have: its published files or its unpacked folder.
    Import(ImportArguments),
    /// Decodes every image of a dataset and lists the damaged ones.
    Verify(VerifyArguments),
    /// Prints the folder of a dataset.
    Where(WhereArguments),
    /// Lists the named datasets, and whether they are there.
    List(DataListArguments),
    /// Decodes the pictures of a dataset once and for all; runs then read the pixels, which are the same to the last bit.
    Prepare(PrepareArguments),
}

const FETCH_ENVIRONMENT: &str = "Environment: CLF_MIRROR=http://host/base is tried first for every file, as BASE/FILE; CLF_FILES \
names a TOML file with other published files of datasets, [[NAME]] tables of file, urls, bytes, md5, sha256, unpack and into; \
HF_ENDPOINT and HF_TOKEN are for the Hugging Face hub; proxies are those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY.";

#[derive(Args)]
pub struct FetchArguments {
    /// Datasets by name (see `clf data list`).
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    #[command(flatten)]
    pub folder: FolderArguments,
    /// Files that load at once: 4, and 32 for images by their links.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub jobs: Option<NonZeroUsize>,
    /// Keeps the downloaded archives, in DIR/downloads/NAME.
    #[arg(long)]
    pub keep_archives: bool,
    /// Share of the linked images of Conceptual Captions that is enough, from 0 to 1.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub minimum: Option<f64>,
    /// Loads the captions of Conceptual Captions without their images.
    #[arg(long, conflicts_with = "minimum")]
    pub texts: bool,
    /// Prints the datasets as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Reads a number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(format!("{share} is not from 0 to 1")) }
}

#[derive(Args)]
pub struct ImportArguments {
    /// A dataset by name (see `clf data list`).
    pub name: String,
    /// Its unpacked folder, one that holds that or is a part of it, or its published files.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Links the folder; the default.
    #[arg(long)]
    pub link: bool,
    /// Copies the folder instead of linking it.
    #[arg(long, conflicts_with = "link")]
    pub copy: bool,
    #[command(flatten)]
    pub folder: FolderArguments,
    /// Prints the dataset as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct VerifyArguments {
    /// A dataset by name (see `clf data list`) or locator, for example folder:PATH.
    pub name: String,
    #[command(flatten)]
    pub folder: FolderArguments,
    /// Prints what was found as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct WhereArguments {
    /// A dataset by name (see `clf data list`).
    pub name: String,
    #[command(flatten)]
    pub folder: FolderArguments,
    /// Prints name and folder as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct DataListArguments {
    #[command(flatten)]
    pub folder: FolderArguments,
    /// Prints the list as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PrepareArguments {
    /// A dataset by name (see `clf list datasets`) or locator, for example folder:PATH.
    pub name: String,
    /// Side of the images that the model reads, in pixels.
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub size: u32,
    /// Keeps the decoded training images as well, at their own size: for random crops, and many times larger than JPEG.
    #[arg(long)]
    pub train: bool,
    #[command(flatten)]
    pub folder: FolderArguments,
    /// Prints the files as JSON.
    #[arg(long)]
    pub json: bool,
}
