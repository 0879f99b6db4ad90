//! Flags of the other commands.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::DataArguments;

#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    Methods,
    Hooks,
    Scenarios,
    Datasets,
    Readers,
    Models,
}

#[derive(Args)]
pub struct ListArguments {
    /// What to list.
    #[arg(value_enum)]
    pub kind: Kind,
    /// Prints a JSON array.
    #[arg(long)]
    pub json: bool,
    /// Prints a Markdown table.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Shown {
    Method,
    Hook,
    Scenario,
    Dataset,
}

#[derive(Args)]
pub struct ShowArguments {
    /// What kind of thing.
    #[arg(value_enum)]
    pub kind: Shown,
    /// Its name.
    pub name: String,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PretrainArguments {
    /// Dataset of image-text pairs, by name or locator; may be repeated. Classes are put into the training prompt.
    #[arg(long = "pairs", value_name = "DATASET", required = true)]
    pub pairs: Vec<String>,
    /// Architecture, see `clf list models`.
    #[arg(long, default_value = "mini-clip")]
    pub model: String,
    /// Weights to continue from instead of random ones.
    #[arg(long, value_name = "FILE")]
    pub start: Option<PathBuf>,
    /// Where the weights go.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Steps.
    #[arg(long)]
    pub steps: Option<usize>,
    /// Sets a key of the recipe, for example lr=1e-3 or batch-size=256; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Seed of the initial weights and of the order.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Writes the loss of every step, a JSON line each.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    #[command(flatten)]
    pub data: DataArguments,
}

#[derive(Args)]
pub struct MetricsArguments {
    /// A run folder or a .npy file; rows of a file are tasks learned, with or without a first row for the untouched model.
    pub source: PathBuf,
    /// Procedure of a matrix in a file.
    #[arg(long, default_value = "mtil")]
    pub procedure: String,
    /// Columns of the file to keep, by position from 0; all by default.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub columns: Option<Vec<usize>>,
    /// The order in which the tasks were learned, as positions among the kept columns; moves rows and columns of the file.
    #[arg(long, value_name = "POSITION,...", value_delimiter = ',')]
    pub order: Option<Vec<usize>>,
    /// Task names of the kept columns, before --order moves them; 01, 02, ... as learned by default.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub names: Option<Vec<String>>,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum NewKind {
    Method,
}

#[derive(Args)]
pub struct NewArguments {
    /// What to write.
    #[arg(value_enum)]
    pub kind: NewKind,
    /// Its name, in kebab-case.
    pub name: String,
    /// Folder of the crate; the default is NAME.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// A clone of clf, which the crate depends on; the default is the one that this program was built from.
    #[arg(long, value_name = "DIR")]
    pub clf: Option<PathBuf>,
}
