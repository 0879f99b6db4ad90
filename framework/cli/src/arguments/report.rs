//! Flags of `clf report`.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub struct ReportArguments {
    /// Run folders, finished or not, of one scenario or of several.
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// Where the page goes; the default is report.html in the run folder, or in this folder for several runs.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The method that all others are tested against; the default is the first one.
    #[arg(long, value_name = "METHOD")]
    pub baseline: Option<String>,
    /// Writes every chart into this folder as well, as SVG and as PNG.
    #[arg(long, value_name = "DIR")]
    pub figures: Option<PathBuf>,
}
