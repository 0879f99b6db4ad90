//! Flags of `clf compare` that say what is shown.

use clap::{Args, builder::PossibleValuesParser};
use clf_report::Fairness;

/// What is printed of a comparison, and what makes it fail.
#[derive(Args)]
pub struct ComparisonArguments {
    /// Prints all values as JSON.
    #[arg(long)]
    pub json: bool,
    /// Prints Markdown tables.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Fails, after the tables, where the methods were not run with the same; names every cell that differs.
    #[arg(long)]
    pub strict: bool,
    /// Things that may differ all the same, separated by commas.
    #[arg(long, value_name = "THING,...", value_delimiter = ',', requires = "strict", value_parser = things())]
    pub allow: Vec<String>,
}

fn things() -> PossibleValuesParser {
    PossibleValuesParser::new(Fairness::names())
}
