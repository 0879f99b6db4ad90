//! Flags of `clf model`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use clf_core::clip::state_dict::Layout;

use super::ActivationName;
use crate::paths;

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
