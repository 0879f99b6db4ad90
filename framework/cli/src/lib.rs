//! The command line of clf.
//!
//! A program with further plugins is two lines: `use my_method as _;` and a `main` that returns [`main()`].

// A plugin crate that is a dependency but has no `use` line in `plugins.rs` would be missing from the program.
#![cfg_attr(not(test), deny(unused_crate_dependencies))]

mod arguments;
mod commands;
pub mod device;
mod earlier;
mod launch;
pub mod logging;
pub mod memory;
mod model;
mod model_files;
mod paths;
mod plugins;
mod progress;
mod rerun;
mod room;
mod run_folders;
mod scenarios;
mod shell;
mod sweep;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, DataCommand};

/// Tensors are allocated and freed many times a step; this allocator keeps their pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the program with the arguments of the process.
///
/// Exit codes: 0 success, 1 a defect, 2 a wrong name, key, value or flag, 3 data missing or damaged, or a file of a run
/// folder damaged, 4 weights missing or damaged, 5 training or the device went wrong, 6 a file could not be written or read,
/// 130 interrupted.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start(arguments.verbose);
    let work = || match arguments.command {
        Command::Run(run) => commands::run(&run),
        Command::Plan(plan) => commands::plan(&plan),
        Command::Doctor(doctor) => commands::doctor(&doctor),
        Command::Compare(compare) => commands::compare(&compare),
        Command::Sweep(sweep) => commands::sweep(&sweep),
        Command::Eval(eval) => commands::eval(&eval),
        Command::List(list) => commands::list(&list),
        Command::Show(show) => commands::show(&show),
        Command::Pretrain(pretrain) => commands::pretrain(&pretrain),
        Command::Data(data) => match data {
            DataCommand::Fetch(fetch) => commands::data::fetch(&fetch),
            DataCommand::Import(import) => commands::data::import(&import),
            DataCommand::Verify(verify) => commands::data::verify(&verify),
            DataCommand::Where(place) => commands::data::place(&place),
            DataCommand::List(list) => commands::data::list(&list),
            DataCommand::Prepare(prepare) => commands::data::prepare(&prepare),
        },
        Command::Model(model) => commands::model(&model),
        Command::Metrics(metrics) => commands::metrics(&metrics),
        Command::Why(why) => commands::why(&why),
        Command::Bundle(bundle) => commands::bundle(&bundle),
        Command::Export(export) => commands::export(&export),
        Command::Report(report) => commands::report(&report),
        Command::New(new) => commands::new(&new),
    };
    device::exit_code(work)
}
