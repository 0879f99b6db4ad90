//! Messages: `tracing` events on stderr and, during a run, in its `log.txt`.

use std::{
    error::Error as _,
    fs::File,
    io::{self, IsTerminal, Write},
    path::Path,
    sync::Mutex,
};

use clf_core::Error;
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, LevelFilter},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{device, progress};

/// The log file of the current run.
static LOG_FILE: Mutex<Option<File>> = Mutex::new(None);

/// Starts logging; `verbose` 0 shows warnings, 1 what clf does, 2 everything.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let terminal = fmt::layer().without_time().with_target(false).with_ansi(is_coloured()).with_writer(|| Terminal);
    let terminal = terminal.with_filter(filter.and(device::Reported));
    let file = fmt::layer().with_ansi(false).with_target(false).with_writer(|| LogFile);
    let file = file.with_filter(level.max(LevelFilter::INFO).and(device::Reported));
    // A second call (in a test binary) keeps the first subscriber.
    drop(tracing_subscriber::registry().with(terminal).with(file).with(device::watch()).try_init());
}

/// Whether stderr shows colours, and the user wants them (<https://no-color.org>).
fn is_coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Copies all further messages to `path`, behind those that are there if it `goes_on`.
pub fn copy_to(path: &Path, goes_on: bool) -> Result<(), Error> {
    let file = File::options().create(true).write(true).truncate(!goes_on).append(goes_on).open(path);
    let file = file.map_err(|error| Error::io("create", path, error))?;
    if let Ok(mut slot) = LOG_FILE.lock() {
        *slot = Some(file);
    }
    Ok(())
}

/// Prints an error and what caused it.
pub fn report(error: &Error) {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(source) = cause {
        let line = source.to_string();
        // Some errors already show their cause in their own text.
        if !text.contains(&line) {
            text.push_str(&format!("  because: {line}\n"));
        }
        cause = source.source();
    }
    // Nothing is left to do if stderr is closed.
    drop(Terminal.write_all(text.as_bytes()));
    drop(LogFile.write_all(text.as_bytes()));
}

/// Writes to stderr without tearing the progress bar.
struct Terminal;

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        progress::bars().suspend(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

struct LogFile;

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match LOG_FILE.lock().ok().as_mut().and_then(|slot| slot.as_mut()) {
            Some(file) => file.write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
