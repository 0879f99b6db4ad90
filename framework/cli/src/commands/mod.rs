//! One file a command.

mod bundle;
mod compare;
pub mod data;
mod doctor;
mod eval;
mod export;
mod list;
mod metrics;
mod model;
mod new;
mod plan;
mod pretrain;
mod report;
mod run;
mod show;
mod sweep;
mod why;

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clf_core::Error;

pub use bundle::bundle;
pub use compare::compare;
pub use doctor::doctor;
pub use eval::eval;
pub use export::export;
pub use list::list;
pub use metrics::metrics;
pub use model::model;
pub use new::new;
pub use plan::plan;
pub use pretrain::pretrain;
pub use report::report;
pub use run::run;
pub use show::show;
pub use sweep::sweep;
pub use why::why;

/// Prints a result on stdout; a reader that went away is not an error.
fn print(text: &str) -> Result<(), Error> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::io("write", "stdout", error)),
        _ => Ok(()),
    }
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Error> {
    print(&serde_json::to_string_pretty(value).map_err(|error| Error::Defect(error.to_string()))?)
}

/// A flag that the first request to stop sets: an interrupt, termination, hang-up, or the signal USR1, which schedulers send
/// before the time of a job is over. A second interrupt ends the process at once.
fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        tracing::warn!("stopping after this step; interrupt again to stop at once");
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        tracing::debug!("no interrupt handler: {error}");
    }
    #[cfg(unix)]
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGUSR1, stop.clone()) {
        tracing::debug!("no handler of the signal USR1: {error}");
    }
    stop
}
