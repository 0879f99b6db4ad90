use clap::{Parser, Subcommand};

use crate::{
    checkpoint::CheckpointArguments,
    eval::EvalArguments,
    scale::{ScaleArguments, WorldArguments},
    step::StepArguments,
    texts::TextsArguments,
};

/// Speed and memory of the clf engine on data made of noise.
#[derive(Parser)]
#[command(name = "clf-bench", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Times training steps of ZSCL.
    Step(StepArguments),
    /// Times the scoring of test images.
    Eval(EvalArguments),
    /// Times the encoding of texts without gradients.
    Texts(TextsArguments),
    /// Times writing and reading weights.
    Checkpoint(CheckpointArguments),
    /// Shows that time per unit and peak memory stay flat when a run grows.
    Scale(ScaleArguments),
    /// One whole run, for `scale`.
    #[command(hide = true)]
    World(WorldArguments),
}
