//! One file a command.

mod compare;
pub mod data;
mod eval;
mod list;
mod metrics;
mod model;
mod new;
mod pretrain;
mod run;
mod show;
mod sweep;

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clf_core::Error;

pub use compare::compare;
pub use eval::eval;
pub use list::list;
pub use metrics::metrics;
pub use model::model;
pub use new::new;
pub use pretrain::pretrain;
pub use run::run;
pub use show::show;
pub use sweep::sweep;

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

/// A flag that the first interrupt sets; the second one ends the process at once.
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
    stop
}
