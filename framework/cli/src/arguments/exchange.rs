//! Flags of the commands that explain a run or hand it on.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args)]
pub struct WhyArguments {
    /// A run folder, finished or not.
    pub left: PathBuf,
    /// The run folder that it is compared with.
    pub right: PathBuf,
    /// Prints all differences as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ExportFormat {
    /// One wide table, a row a step.
    Csv,
    /// TensorBoard event files, as a run writes them live.
    Tensorboard,
}

#[derive(Args)]
pub struct ExportArguments {
    /// A run folder, finished or not.
    pub run: PathBuf,
    /// What to write.
    #[arg(long, value_enum, default_value = "csv")]
    pub format: ExportFormat,
    /// Where to: a file for csv (stdout by default), a folder for tensorboard (RUN/tensorboard by default).
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
}

#[derive(Args)]
pub struct BundleArguments {
    /// A run folder.
    #[arg(required_unless_present = "check")]
    pub run: Option<PathBuf>,
    /// The archive; the default is the name of the run folder with .tar.gz.
    #[arg(long, value_name = "FILE.tar.gz")]
    pub out: Option<PathBuf>,
    /// Adds the weights that the run ended with.
    #[arg(long)]
    pub with_weights: bool,
    /// Adds the predictions on every test image.
    #[arg(long)]
    pub with_predictions: bool,
    /// Verifies the checksums of an archive, and writes none.
    #[arg(long, value_name = "FILE.tar.gz", conflicts_with_all = ["run", "out", "with_weights", "with_predictions"])]
    pub check: Option<PathBuf>,
}
