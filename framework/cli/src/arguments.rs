use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clf_core::{
    clip::{Activation, Precision, state_dict::Layout},
    config::UserLayer,
    data::DataFolder,
};
use clf_scenarios::Limits;

use crate::paths;

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
or damaged, 4 weights missing or damaged, 5 training or the device went wrong, 6 a file could not be written or read, 130 interrupted.";

#[derive(Subcommand)]
pub enum Command {
    /// Learns the tasks of a scenario with a method.
    Run(RunArguments),
    /// Runs several methods over several seeds, or reads finished runs, and puts them side by side.
    Compare(CompareArguments),
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
    /// Writes a crate with a method of your own, ready to run.
    New(NewArguments),
}

/// Where data and weights are, and on which device they are used.
#[derive(Args)]
pub struct DataArguments {
    #[command(flatten)]
    pub folder: FolderArguments,
    /// cpu, cuda:N or auto: CUDA where it works and the CPU elsewhere.
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

/// A small version of a scenario.
#[derive(Args)]
pub struct LimitArguments {
    /// Learns from the first N images of every class; the scenario's name says so in every output.
    #[arg(long, value_name = "N")]
    pub limit_per_class: Option<NonZeroUsize>,
    /// Scores N test images of every task; the scenario's name says so in every output.
    #[arg(long, value_name = "N")]
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
    #[command(flatten)]
    pub precision: PrecisionArguments,
    #[command(flatten)]
    pub data: DataArguments,
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

#[derive(Args)]
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
    /// Run folder; the default is runs/SCENARIO-METHOD-SEED.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replaces a run that is already in the folder.
    #[arg(long)]
    pub overwrite: bool,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `clf compare` that make runs, and mean nothing where run folders are only read.
const OF_NEW_RUNS: [&str; 18] = [
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
    "precision",
    "partial_data",
    "device",
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
    /// Folder of the run folders SCENARIO-METHOD-SEED; finished runs of the same settings in it are not repeated.
    #[arg(long, value_name = "DIR", default_value = paths::RUNS)]
    pub out: PathBuf,
    /// Replaces runs of other settings that are already in their folders.
    #[arg(long)]
    pub overwrite: bool,
    /// Prints all values as JSON.
    #[arg(long)]
    pub json: bool,
    /// Prints Markdown tables.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
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
    #[arg(long, value_name = "N")]
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

/// Where weights are, and how results are printed.
#[derive(Args)]
pub struct StoreArguments {
    /// Folder of datasets and models; the default is clf in the user's data folder.
    #[arg(long, env = "CLF_DATA", value_name = "DIR", value_parser = paths::DataParser)]
    pub data: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum ModelCommand {
    /// Lists the models that are known by name, and which of them are there.
    List {
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Downloads the weights of a model, as they are published, and verifies them.
    ///
    /// `CLF_MIRROR=http://host/base` is looked at first, for BASE/FILE; `HF_ENDPOINT` is another host for files of the
    /// Hugging Face hub. What an interrupted download left is continued.
    Fetch {
        /// A model by name, see `clf model list`.
        name: String,
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Checks weights: SHA-256 where one is known, and the names and shapes of all tensors.
    Verify {
        /// A model by name or a file of weights; all models that are there by default.
        model: Option<String>,
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Writes weights as safetensors under the names that another program expects.
    Convert(ConvertArguments),
    /// Prints where the weights of a model are.
    Where {
        /// A model by name.
        name: String,
        #[command(flatten)]
        store: StoreArguments,
    },
}

#[derive(Args)]
pub struct ConvertArguments {
    /// A model by name or a file of weights.
    pub model: String,
    /// The .safetensors file that is written.
    pub out: PathBuf,
    /// Whose names and layouts.
    #[arg(long, value_enum)]
    pub to: LayoutName,
    /// Writes numbers of 16 bits; those of OpenAI's own files stay what they are.
    #[arg(long)]
    pub half: bool,
    /// Replaces a file that is there.
    #[arg(long)]
    pub overwrite: bool,
    /// Activation of weights whose file does not say it; the file that is written says it.
    #[arg(long, value_enum)]
    pub activation: Option<ActivationName>,
    #[command(flatten)]
    pub store: StoreArguments,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LayoutName {
    /// The keys of OpenAI CLIP.
    #[value(name = "openai")]
    OpenAi,
    /// `CLIPModel` of Hugging Face transformers.
    HuggingFace,
    /// The class `CLIP` of open_clip, which has OpenAI's keys.
    OpenClip,
    /// The class `CustomTextCLIP` of open_clip.
    OpenClipText,
}

impl From<LayoutName> for Layout {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::OpenAi | LayoutName::OpenClip => Self::OpenAi,
            LayoutName::HuggingFace => Self::HuggingFace,
            LayoutName::OpenClipText => Self::OpenClipText,
        }
    }
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
