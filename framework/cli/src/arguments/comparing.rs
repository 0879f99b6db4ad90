//! Flags of `clf compare` that say what is shown.

use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use clf_report::Fairness;

/// What is printed of a comparison, and what makes it fail.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct ComparisonArguments {
    /// How the comparison is printed; `csv` has one observation a line, `latex` needs booktabs.
    #[arg(long, value_enum, default_value_t)]
    pub format: OutputFormat,
    /// Short for --format json: all values.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Short for --format markdown.
    #[arg(long, conflicts_with_all = ["format", "json"])]
    pub markdown: bool,
    /// Adds tables with the figures of every task.
    #[arg(long)]
    pub per_task: bool,
    /// The method that all others are tested against; the default is the first one.
    #[arg(long, value_name = "METHOD")]
    pub baseline: Option<String>,
    /// Fails, after the tables, where the methods were not run with the same; names every cell that differs.
    #[arg(long)]
    pub strict: bool,
    /// Things that may differ all the same, separated by commas.
    #[arg(long, value_name = "THING,...", value_delimiter = ',', requires = "strict", value_parser = things())]
    pub allow: Vec<String>,
}

/// How a comparison is printed.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Tables for a terminal.
    #[default]
    Text,
    /// Tables in Markdown.
    Markdown,
    /// Tables in LaTeX.
    Latex,
    /// One observation a line.
    Csv,
    /// All values.
    Json,
}

impl ComparisonArguments {
    /// What the user chose, in full or for short.
    pub fn chosen(&self) -> OutputFormat {
        match self {
            Self { json: true, .. } => OutputFormat::Json,
            Self { markdown: true, .. } => OutputFormat::Markdown,
            Self { format, .. } => *format,
        }
    }
}

fn things() -> PossibleValuesParser {
    PossibleValuesParser::new(Fairness::names())
}
