//! Signals to this process, and from it to its children.

use std::process::Child;

/// What this process is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To stop: an interrupt, a termination, or a terminal that went away.
    Stop,
    /// To stop because the time of the job is nearly over: SIGUSR1, as Slurm sends it where it was asked to.
    TimeIsUp,
}

#[cfg(unix)]
mod system {
    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
        iterator::Signals,
    };

    use super::{Child, Request};

    /// The signals that arrived.
    pub struct Inbox(Signals);

    impl Inbox {
        /// Catches signals from now on.
        pub fn open() -> std::io::Result<Self> {
            Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1]).map(Self)
        }

        /// What was asked since the last call.
        pub fn requests(&mut self) -> Vec<Request> {
            self.0.pending().map(|signal| if signal == SIGUSR1 { Request::TimeIsUp } else { Request::Stop }).collect()
        }
    }

    /// Asks a child to stop: it saves what it has and ends with code 130.
    pub fn stop(child: &Child) {
        if let Err(error) = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM) {
            tracing::debug!("a run that has ended meanwhile: {error}");
        }
    }

    /// How a process ended that has no exit code.
    pub fn ended_by(status: std::process::ExitStatus) -> String {
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        match signal.and_then(|number| Signal::try_from(number).ok()) {
            Some(Signal::SIGKILL) => "killed (SIGKILL), often by the system for want of memory".to_owned(),
            Some(signal) => format!("ended by {signal}"),
            None => "ended without an exit code".to_owned(),
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::{Child, Request};

    /// The interrupts that arrived.
    pub struct Inbox(Arc<AtomicBool>);

    impl Inbox {
        /// Catches interrupts from now on.
        pub fn open() -> std::io::Result<Self> {
            let flag = Arc::new(AtomicBool::new(false));
            let raised = flag.clone();
            ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed)).map_err(std::io::Error::other)?;
            Ok(Self(flag))
        }

        /// What was asked since the last call.
        pub fn requests(&mut self) -> Vec<Request> {
            if self.0.swap(false, Ordering::Relaxed) { vec![Request::Stop] } else { Vec::new() }
        }
    }

    /// The console has interrupted the child already.
    pub fn stop(_child: &Child) {}

    /// How a process ended that has no exit code.
    pub fn ended_by(status: std::process::ExitStatus) -> String {
        status.to_string()
    }
}

pub use system::{Inbox, ended_by, stop};
