//! Flags of the commands that learn or score.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;
use clf_core::{clip::Precision, config::UserLayer};

use super::{CheckpointArguments, ComparisonArguments, DataArguments, LimitArguments, ModelArguments, positive};
use crate::paths;

/// What runs are made with, whichever the method, scenario and seed.
#[derive(Args)]
pub struct SetupArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Weights to start from, instead of those of the model; the model stays the zero-shot teacher.
    #[arg(long, value_name = "FILE")]
    pub start: Option<PathBuf>,
    /// Adds a hook to those of the method; may be repeated.
    #[arg(long = "hook", value_name = "NAME")]
    pub hooks: Vec<String>,
    /// Sets a configuration key, for example train.lr=1e-4; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// A TOML file of configuration keys; may be repeated, later ones win.
    #[arg(long = "config", value_name = "FILE")]
    pub configs: Vec<PathBuf>,
    /// Dataset of reference images instead of the scenario's.
    #[arg(long, value_name = "DATASET")]
    pub reference_images: Option<String>,
    /// Dataset of reference texts instead of the scenario's.
    #[arg(long, value_name = "DATASET")]
    pub reference_texts: Option<String>,
    #[command(flatten)]
    pub limits: LimitArguments,
    /// Sends N images or texts through a tower at once: less memory, some 40% more time, the same batch and result up to
    /// rounding. The default is the setting train.micro-batch, all of them.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub micro_batch: Option<NonZeroUsize>,
    #[command(flatten)]
    pub precision: PrecisionArguments,
    #[command(flatten)]
    pub data: DataArguments,
}

impl SetupArguments {
    /// The size of micro-batches that the user asks for, as a layer of settings.
    pub fn micro_batch_layer(&self) -> Option<UserLayer> {
        let size = toml::Value::Integer(self.micro_batch?.get() as i64);
        let train = toml::Table::from_iter([("micro-batch".to_owned(), size)]);
        let table = toml::Table::from_iter([("train".to_owned(), train.into())]);
        Some(UserLayer { origin: "--micro-batch".to_owned(), table, chosen: true })
    }
}

/// Arithmetic of matrix products.
#[derive(Args)]
pub struct PrecisionArguments {
    /// Arithmetic of matrix products; tf32 and bf16 need CUDA. The default is the setting `precision`.
    #[arg(long, value_name = "PRECISION", value_parser = Precision::ALL.map(Precision::name))]
    pub precision: Option<String>,
}

impl PrecisionArguments {
    /// What the user asks for, as a layer of settings.
    pub fn layer(&self) -> Option<UserLayer> {
        let table = toml::Table::from_iter([("precision".to_owned(), self.precision.clone()?.into())]);
        Some(UserLayer { origin: "--precision".to_owned(), table, chosen: true })
    }
}

// Of a flag that is given twice the last one counts, so that a script can pass on what its user wants otherwise.
#[derive(Args)]
#[command(args_override_self = true)]
pub struct RunArguments {
    /// The method, see `clf list methods`.
    #[arg(long)]
    pub method: String,
    /// A scenario by name (see `clf list scenarios`) or a .toml file.
    #[arg(long)]
    pub scenario: String,
    #[command(flatten)]
    pub setup: SetupArguments,
    /// Seed of all randomness.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Run folder; the default is runs/SCENARIO-METHOD-SEED. A run of the same settings that is in it is gone on with.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replaces a run that is already in the folder.
    #[arg(long)]
    pub overwrite: bool,
    #[command(flatten)]
    pub checkpoints: CheckpointArguments,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `clf compare` that make runs, and mean nothing where run folders are only read.
const OF_NEW_RUNS: [&str; 21] = [
    "methods",
    "scenario",
    "seeds",
    "out",
    "overwrite",
    "model",
    "activation",
    "start",
    "hooks",
    "sets",
    "configs",
    "reference_images",
    "reference_texts",
    "limit_per_class",
    "limit_test",
    "micro_batch",
    "precision",
    "partial_data",
    "device",
    "checkpoint_every",
    "keep_checkpoints",
];

#[derive(Args)]
pub struct CompareArguments {
    /// Run folders to read; nothing is run.
    #[arg(value_name = "RUN", conflicts_with_all = OF_NEW_RUNS)]
    pub runs: Vec<PathBuf>,
    /// The methods, separated by commas, in the order of the tables.
    #[arg(long, value_name = "METHOD,...", value_delimiter = ',', required_unless_present = "runs")]
    pub methods: Vec<String>,
    /// A scenario by name (see `clf list scenarios`) or a .toml file.
    #[arg(long, required_unless_present = "runs")]
    pub scenario: Option<String>,
    /// Number of runs of every method, with seeds 0, 1, ...
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,
    #[command(flatten)]
    pub setup: SetupArguments,
    /// Folder of the run folders SCENARIO-METHOD-SEED; finished runs of the same settings in it are not repeated, and one
    /// that was stopped is gone on with.
    #[arg(long, value_name = "DIR", default_value = paths::RUNS)]
    pub out: PathBuf,
    /// Replaces runs of other settings that are already in their folders.
    #[arg(long)]
    pub overwrite: bool,
    #[command(flatten)]
    pub checkpoints: CheckpointArguments,
    #[command(flatten)]
    pub shown: ComparisonArguments,
}

#[derive(Args)]
pub struct EvalArguments {
    /// Weights to score; the default is the model itself.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Scores interpolations in weight space (WiSE-FT): shares of the checkpoint, as FIRST:LAST:STEP or a list A,B,...
    #[arg(long, value_name = "SHARES", requires = "checkpoint", value_parser = shares)]
    pub interpolate: Option<Shares>,
    /// The other side of the interpolation; the default is the model itself.
    #[arg(long, value_name = "FILE", requires = "interpolate")]
    pub base: Option<PathBuf>,
    /// A scenario by name or a .toml file.
    #[arg(long)]
    pub scenario: String,
    /// Method whose classifier is used.
    #[arg(long, default_value = "zero-shot")]
    pub method: String,
    #[command(flatten)]
    pub model: ModelArguments,
    #[command(flatten)]
    pub limits: LimitArguments,
    #[command(flatten)]
    pub precision: PrecisionArguments,
    #[command(flatten)]
    pub data: DataArguments,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Shares of one side of an interpolation, each from 0 to 1.
#[derive(Clone)]
pub struct Shares(pub Vec<f64>);

/// Smallest distance of two shares in a range.
const SMALLEST_STEP: f64 = 1e-4;

/// Reads `0:1:0.1` or `0,0.5,1`.
fn shares(text: &str) -> Result<Shares, String> {
    let number = |part: &str| part.trim().parse::<f64>().map_err(|_| format!("{part:?} is not a number"));
    let numbers = |separator: char| text.split(separator).map(number).collect::<Result<Vec<_>, _>>();
    let shares = if text.contains(':') {
        let [first, last, step] = numbers(':')?[..] else {
            return Err("a range is FIRST:LAST:STEP, for example 0:1:0.1".to_owned());
        };
        if !(step >= SMALLEST_STEP && (0.0..=1.0).contains(&first) && (first..=1.0).contains(&last)) {
            return Err(format!(
                "FIRST:LAST:STEP needs 0 <= FIRST <= LAST <= 1 and a step of at least {SMALLEST_STEP}"
            ));
        }
        // Ten steps of 0.1 end at 1 in spite of rounding.
        let steps = ((last - first) / step + 1e-9).floor() as usize;
        (0..=steps).map(|i| ((first + i as f64 * step) * 1e9).round() / 1e9).collect()
    } else {
        numbers(',')?
    };
    match shares.iter().find(|share| !(0.0..=1.0).contains(*share)) {
        Some(share) => Err(format!("{share} is not from 0 to 1")),
        None => Ok(Shares(shares)),
    }
}
