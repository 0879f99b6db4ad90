//! A run of a point as a process of its own: a crash, a lack of memory or a failing device ends that run alone.

use std::{
    env,
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use clf_core::Error;

use super::signals;
use crate::shell;

/// The flag that replaces the run in a folder.
pub const OVERWRITE: &str = "--overwrite";
/// Longer errors are cut in the ledger.
const LONGEST_ERROR: usize = 500;

/// What to start.
pub struct Order {
    /// Arguments of the program.
    pub arguments: Vec<String>,
    /// Threads of the process; all if it is not said.
    pub threads: Option<usize>,
    /// Where the process writes what it has to say.
    pub log: PathBuf,
    /// Whether signals of the terminal or of Slurm pass it by, and reach it through this process alone.
    pub apart: bool,
}

/// A process at work.
pub struct Running {
    process: Child,
    order: Order,
    /// Keeps other processes away from the point; the child has it as well.
    _lock: File,
    /// Where this attempt begins in the log.
    from: u64,
    started: Instant,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Its exit code, if it has one.
    pub code: Option<i32>,
    /// What it said last, or what ended it.
    pub error: Option<String>,
    /// How long it ran.
    pub time: Duration,
}

impl Running {
    /// Starts a process that holds `lock` for as long as it lives.
    ///
    /// # Errors
    ///
    /// When the log cannot be written or the program cannot be started.
    pub fn start(order: Order, lock: File) -> Result<Self, Error> {
        let write = |error| Error::io("write", &order.log, error);
        if let Some(folder) = order.log.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
        }
        let mut log = File::options().append(true).create(true).open(&order.log).map_err(write)?;
        writeln!(log, "$ clf {}", shell::line(&order.arguments)).map_err(write)?;
        let from = log.metadata().map_err(write)?.len();
        let program = program()?;
        let mut command = Command::new(&program);
        command.args(&order.arguments);
        if let Some(threads) = order.threads {
            command.env("RAYON_NUM_THREADS", threads.to_string());
        }
        #[cfg(unix)]
        if order.apart {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        command
            .stdin(lock.try_clone().map_err(write)?)
            .stdout(log.try_clone().map_err(write)?)
            .stderr(Stdio::from(log));
        let process = command.spawn().map_err(|error| Error::io("start", program, error))?;
        Ok(Self { process, order, _lock: lock, from, started: Instant::now() })
    }

    /// Asks the process to stop, unless it has heard of it already.
    pub fn stop(&self) {
        if self.order.apart {
            signals::stop(&self.process);
        }
    }

    /// Asks the process to stop, whoever else did not.
    pub fn stop_alone(&self) {
        signals::stop(&self.process);
    }

    /// How it ended, once it did.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn poll(&mut self) -> Result<Option<Ending>, Error> {
        let status = self.process.try_wait().map_err(|error| Error::io("wait for", &self.order.log, error))?;
        Ok(status.map(|status| self.ending(status)))
    }

    fn ending(&self, status: ExitStatus) -> Ending {
        let said = said_since(&self.order.log, self.from);
        let error = match status.code() {
            Some(0) => None,
            Some(_) => last_error(&said),
            None => Some(signals::ended_by(status)),
        };
        Ending { code: status.code(), error, time: self.started.elapsed() }
    }
}

/// This very program.
///
/// # Errors
///
/// When it is not where it was, because it was built again meanwhile.
pub fn program() -> Result<PathBuf, Error> {
    let path = env::current_exe().map_err(|error| Error::io("find", "this program", error))?;
    if path.exists() {
        return Ok(path);
    }
    let reason = "the program was replaced while the sweep went on; start the sweep again";
    Err(Error::config(path.display().to_string(), reason))
}

fn said_since(log: &Path, from: u64) -> String {
    let read = || {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// The last error in what a program said, or else its last line.
fn last_error(said: &str) -> Option<String> {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().filter_map(|line| line.strip_prefix("error: ")).next_back();
    error.or_else(|| lines().next_back()).map(|line| line.chars().take(LONGEST_ERROR).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_found_among_other_lines() {
        let said = "task 1/2\nerror: first\nerror: the disk is full\n  hint: free some space\nmore";
        assert_eq!(last_error(said).as_deref(), Some("the disk is full"));
        assert_eq!(last_error("memory allocation failed\n\n").as_deref(), Some("memory allocation failed"));
        assert_eq!(last_error(""), None);
    }
}
