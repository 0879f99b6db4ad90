//! Flags of the commands that look before anything is learned.

use std::path::PathBuf;

use clap::{Args, value_parser};

use super::{DataArguments, RunArguments};
use crate::paths;

#[derive(Args)]
pub struct DoctorArguments {
    /// A model by name (see `clf list models`) or a file of weights, to be checked as well.
    #[arg(long)]
    pub model: Option<String>,
    /// Folder of runs.
    #[arg(long, value_name = "DIR", default_value = paths::RUNS)]
    pub out: PathBuf,
    #[command(flatten)]
    pub data: DataArguments,
    /// Prints the checks as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PlanArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Runs nothing: arithmetic and a recorded speed alone, right to a factor of about three.
    #[arg(long)]
    pub dry: bool,
    /// Measured steps of each of up to two tasks; the default is 30, and 6 where a step is heavy.
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(4..=1000), conflicts_with = "dry")]
    pub steps: Option<u16>,
    /// The folder in which the child process of a plan leaves what it measured.
    #[arg(long, hide = true, value_name = "DIR")]
    pub measure_into: Option<PathBuf>,
}
