//! The flags of all commands.

mod checkpoints;
mod checkups;
mod comparing;
mod datasets;
mod exchange;
mod models;
mod others;
mod report;
mod runs;
mod sweep;

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clf_core::{clip::Activation, data::DataFolder};
use clf_scenarios::Limits;

use crate::paths;

pub use checkpoints::CheckpointArguments;
pub use checkups::{DoctorArguments, PlanArguments};
pub use comparing::{ComparisonArguments, OutputFormat};
pub use datasets::{
    DataCommand, DataListArguments, FetchArguments, ImportArguments, PrepareArguments, VerifyArguments, WhereArguments,
};
pub use exchange::{BundleArguments, ExportArguments, ExportFormat, WhyArguments};
pub use models::{ConvertArguments, ModelCommand, StoreArguments};
pub use others::{
    Kind, ListArguments, MetricsArguments, NewArguments, NewKind, PretrainArguments, ShowArguments, Shown,
};
pub use report::ReportArguments;
pub use runs::{CompareArguments, EvalArguments, RunArguments, SetupArguments};
pub use sweep::SweepArguments;

/// Continual learning of CLIP-style models: methods side by side, exactly reproducible.
#[derive(Parser)]
#[command(name = "clf", version, after_help = EXIT_CODES)]
pub struct Arguments {
    /// More messages on stderr; twice for all. `RUST_LOG` overrides it.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 success, 1 a defect in clf, 2 a wrong name, key, value or flag, 3 data missing \
or damaged, or a file of a run folder damaged, 4 weights missing or damaged, 5 training or the device went wrong, 6 a file could not be \
written or read, 130 interrupted.";

#[derive(Subcommand)]
pub enum Command {
    /// Learns the tasks of a scenario with a method.
    Run(RunArguments),
    /// Says what a run will take, before it is made: tasks, time, memory, disk, data.
    Plan(Box<PlanArguments>),
    /// Checks program, device, weights, data and arithmetic of this machine.
    Doctor(DoctorArguments),
    /// Runs several methods over several seeds, or reads finished runs, and puts them side by side.
    Compare(CompareArguments),
    /// Runs a grid or random draws of settings, methods and seeds, here or as a Slurm job array.
    Sweep(SweepArguments),
    /// Scores weights on the test sets of a scenario.
    Eval(EvalArguments),
    /// Lists what is registered.
    List(ListArguments),
    /// Shows a method, hook, scenario or dataset: source, defaults, differences.
    Show(ShowArguments),
    /// Trains a CLIP from scratch on image-text pairs.
    Pretrain(PretrainArguments),
    /// Takes care of datasets.
    #[command(subcommand)]
    Data(DataCommand),
    /// Takes care of weights: fetches, verifies and converts them.
    #[command(subcommand)]
    Model(ModelCommand),
    /// Prints the figures of a run folder or of a matrix in a .npy file.
    Metrics(MetricsArguments),
    /// Says what sets two runs apart, and where they part.
    Why(WhyArguments),
    /// Packs a run into one archive that another person can run again.
    Bundle(BundleArguments),
    /// Writes the steps of a run for other programs.
    Export(ExportArguments),
    /// Writes one HTML page about runs: tables, accuracy matrices, curves, losses and settings.
    Report(ReportArguments),
    /// Writes a crate with a method of your own, ready to run.
    New(NewArguments),
}

/// Where data and weights are, and on which device they are used.
#[derive(Args)]
pub struct DataArguments {
    #[command(flatten)]
    pub folder: FolderArguments,
    /// cpu, cuda:N, wgpu (any GPU) or auto: CUDA where it works and the CPU elsewhere.
    #[arg(long, default_value = "auto")]
    pub device: String,
}

/// Where data and weights are.
#[derive(Args)]
pub struct FolderArguments {
    /// Folder of datasets and models; the default is clf in the user's data folder.
    #[arg(long, env = "CLF_DATA", value_name = "DIR", value_parser = paths::DataParser)]
    pub data: Option<PathBuf>,
    /// Accepts copies of datasets with fewer images than were published; their split family says so.
    #[arg(long)]
    pub partial_data: bool,
}

impl FolderArguments {
    /// Where datasets are, and what is demanded of them.
    pub fn open(&self) -> DataFolder {
        DataFolder { path: paths::data_root(self.data.as_deref()), partial: self.partial_data }
    }
}

/// Reads a number of things of which there must be some.
fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().ok().and_then(NonZeroUsize::new).ok_or_else(|| "must be 1 or more".to_owned())
}

/// A small version of a scenario.
#[derive(Args)]
pub struct LimitArguments {
    /// Learns from the first N images of every class; the scenario's name says so in every output.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub limit_per_class: Option<NonZeroUsize>,
    /// Scores N test images of every task; the scenario's name says so in every output.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub limit_test: Option<NonZeroUsize>,
}

impl LimitArguments {
    /// The limits of the scenario.
    pub fn limits(&self) -> Limits {
        Limits { per_class: self.limit_per_class, test: self.limit_test }
    }
}

/// Which weights.
#[derive(Args)]
pub struct ModelArguments {
    /// A model by name (see `clf list models`) or a file of weights (.safetensors, .pt, .pth, .bin); the default is the
    /// scenario's.
    #[arg(long)]
    pub model: Option<String>,
    /// Activation of weights whose file does not say it.
    #[arg(long, value_enum)]
    pub activation: Option<ActivationName>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ActivationName {
    QuickGelu,
    Gelu,
}

impl From<ActivationName> for Activation {
    fn from(name: ActivationName) -> Self {
        match name {
            ActivationName::QuickGelu => Self::QuickGelu,
            ActivationName::Gelu => Self::Gelu,
        }
    }
}
