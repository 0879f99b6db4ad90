//! Speed and memory of the engine on data made of noise.
//!
//! Everything that is measured is the product itself: steps go through [`clf_core::engine::Run`], scores through
//! [`clf_core::engine::Evaluator`]. Only the data is made up, since speed does not depend on what a picture shows.
//! `torch_step.py` beside this crate does the same work in PyTorch, `pair.py` runs both in turn.

mod arguments;
pub mod checkpoint;
pub mod eval;
pub mod laps;
pub mod model;
pub mod noise;
pub mod scale;
pub mod step;
pub mod texts;
pub mod world;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
// Links the plugins and the allocator of the product as well.
use clf::{device, logging, memory};
use clf_core::Error;

use arguments::{Arguments, Command};

/// Runs the program with the arguments of the process; exit codes are those of `clf`.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start(0);
    let work = || match &arguments.command {
        Command::Step(step) => step::measure(step).and_then(|report| show(&report, step.common.json)),
        Command::Eval(eval) => eval::measure(eval).and_then(|report| show(&report, eval.common.json)),
        Command::Texts(texts) => texts::measure(texts).and_then(|report| show(&report, texts.common.json)),
        Command::Checkpoint(file) => checkpoint::measure(file).and_then(|report| show(&report, file.common.json)),
        Command::Scale(scale) => scale::print_table(scale),
        Command::World(world) => scale::measure_here(world).and_then(|report| show(&report, true)),
    };
    device::exit_code(work)
}

/// A measurement that people and programs can read.
pub trait Report: serde::Serialize {
    /// One line for people.
    fn line(&self) -> String;
}

fn show(report: &impl Report, json: bool) -> Result<(), Error> {
    let defect = |error: serde_json::Error| Error::Defect(error.to_string());
    print(&if json { serde_json::to_string(report).map_err(defect)? } else { report.line() })
}

/// Prints a result on stdout; a reader that went away is not an error.
fn print(text: &str) -> Result<(), Error> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::io("write", "stdout", error)),
        _ => Ok(()),
    }
}
