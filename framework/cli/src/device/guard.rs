//! A device works on threads of its own. What goes wrong there ends the program with one clear error: a panic on such a
//! thread is caught by the runtime and would be a line in a log, and the numbers after it would be wrong.

use std::{
    fmt,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::{self, ExitCode},
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use clf_core::{Error, panics::words};
use tracing::{Event, Metadata, Subscriber, field::Visit};
use tracing_subscriber::{
    Layer,
    filter::LevelFilter,
    layer::{Context, Filter},
    registry::LookupSpan,
};

use crate::logging;

/// Name of the thread on which a device is tried.
const TRIAL: &str = "device-trial";
/// How the names of the runtime's own threads begin (`cubecl_common::device::handle`).
const RUNNER: &str = "DS";
/// How the runtime reports that a task on such a thread panicked and was dropped.
const DROPPED: &str = "CallError(task panicked on device runner thread";
/// How burn panics where a value cannot be read.
const UNREADABLE: &str = "Error while reading data";

/// Whether a device is being tried; what goes wrong is the outcome of the trial then.
static ON_TRIAL: AtomicBool = AtomicBool::new(false);
/// The first panic for which a device is to blame.
static BLAME: Mutex<Option<String>> = Mutex::new(None);

fn blame() -> std::sync::MutexGuard<'static, Option<String>> {
    // A text is whole whatever the thread that wrote it did next.
    BLAME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work`; `None` if it panicked, which is a defect whose message is on stderr already.
///
/// # Errors
///
/// Those of `work`, and [`Error::Device`] where a panic came from the device.
fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Option<Result<T, Error>> {
    install();
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Err(Error::Device(message))) => Some(Err(failure(&message))),
        Ok(result) => Some(result),
        Err(_) => blame().take().map(|message| Err(failure(&message))),
    }
}

/// Runs the work of a program to its end: reports its error, and gives its exit code.
pub fn exit_code(work: impl FnOnce() -> Result<(), Error>) -> ExitCode {
    match guarded(work) {
        Some(Ok(())) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
        Some(Err(error)) => {
            logging::report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs `work` on a thread of its own, for at most `patience`.
///
/// # Errors
///
/// The message of a panic, also of one on a thread of the device, or that there is no answer.
#[cfg_attr(not(any(feature = "cuda", feature = "wgpu", test)), expect(dead_code, reason = "the CPU needs no trial"))]
pub fn within<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    install();
    ON_TRIAL.store(true, Ordering::SeqCst);
    let (sender, receiver) = mpsc::sync_channel(1);
    let trial = move || {
        // Nobody listens any more where the time is over.
        drop(sender.send(panic::catch_unwind(AssertUnwindSafe(work))));
    };
    thread::Builder::new().name(TRIAL.to_owned()).spawn(trial).map_err(|error| format!("no thread for it: {error}"))?;
    let answer = receiver.recv_timeout(patience);
    let first = blame().take();
    // A trial without an answer may still be at it, and is to stay quiet.
    ON_TRIAL.store(matches!(answer, Err(RecvTimeoutError::Timeout)), Ordering::SeqCst);
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(payload)) => Err(first.unwrap_or_else(|| first_line(&words(&*payload)))),
        Err(_) => Err(first.unwrap_or_else(|| format!("it does not answer within {} s", patience.as_secs()))),
    }
}

/// Keeps the panics of devices for the error that is reported, and off stderr.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let message = first_line(&words(info.payload()));
            let name = thread::current().name().unwrap_or_default().to_owned();
            let mut blame = blame();
            if name == TRIAL || name.starts_with(RUNNER) || message.starts_with(UNREADABLE) {
                let place = info.location().map_or_else(String::new, ToString::to_string);
                tracing::debug!("panic on thread {name} at {place}: {message}");
                blame.get_or_insert(message);
            } else if blame.is_none() {
                usual(info);
            }
        }));
    });
}

/// A layer that ends the program when the device dropped a task: what it should have computed is missing.
pub fn watch<S: Subscriber + for<'span> LookupSpan<'span>>() -> impl Layer<S> {
    Watch.with_filter(LevelFilter::WARN)
}

struct Watch;

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let message = message(event);
        let Some(dropped) = message.split_once(DROPPED) else { return };
        if !ON_TRIAL.load(Ordering::SeqCst) {
            let error = failure(dropped.1.trim_start_matches([':', ' ']).trim_end_matches(')'));
            logging::report(&error);
            process::exit(i32::from(error.exit_code()));
        }
    }
}

/// Lets all messages pass but those of dropped tasks, which end in one error of their own.
pub struct Reported;

impl<S> Filter<S> for Reported {
    fn enabled(&self, _metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _context: &Context<'_, S>) -> bool {
        !message(event).contains(DROPPED)
    }
}

fn message(event: &Event<'_>) -> String {
    let mut message = Message(String::new());
    event.record(&mut message);
    message.0
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// The error for what a device said, with the next step.
fn failure(message: &str) -> Error {
    let memory = ["out of device memory", "OUT_OF_MEMORY", "out-of-memory"].iter().any(|sign| message.contains(sign));
    let hint = if memory {
        "lower train.batch-size, train.reference-batch-size or eval.batch-size, or end other programs on the GPU \
         (nvidia-smi shows them)"
    } else {
        "check the GPU with nvidia-smi and start again, or use --device cpu"
    };
    Error::Device(format!("{}\n  hint: {hint}", first_line(message)))
}

/// The first line that says something; what follows is a trace through the runtime.
pub fn first_line(message: &str) -> String {
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let says = |line: &&str| !["An error happened during execution", "Caused by:"].contains(line);
    lines.clone().find(says).or_else(|| lines.clone().next()).unwrap_or("it does not say why").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Held by the tests that panic: the blame is one for the whole process.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn one_at_a_time() -> std::sync::MutexGuard<'static, ()> {
        ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn a_trial_gives_its_value_its_panic_or_runs_out_of_time() {
        let _turn = one_at_a_time();
        let patience = Duration::from_secs(20);
        assert_eq!(within(patience, || 7), Ok(7));
        let failed = within(patience, || -> i32 { panic!("\n  no CUDA here\n  trace") });
        assert_eq!(failed, Err("no CUDA here".to_owned()));
        let runner = || thread::Builder::new().name("DSD-0-0".into()).spawn(|| panic!("the cause")).unwrap().join();
        let failed = within(patience, move || -> i32 { panic!("the consequence: {}", runner().is_err()) });
        assert_eq!(failed, Err("the cause".to_owned()));
        let slow = within(Duration::from_millis(10), || thread::sleep(Duration::from_secs(1)));
        assert!(slow.unwrap_err().contains("does not answer"));
        assert_eq!(within(patience, || 8), Ok(8));
    }

    #[test]
    fn a_failure_names_the_cause_and_the_next_step() {
        let error = |message| failure(message).to_string();
        let memory =
            error("An error happened during execution\nCaused by:\n  out of device memory allocating 9 bytes\n1: x");
        assert!(
            memory.starts_with("the device failed: out of device memory allocating 9 bytes\n  hint: lower"),
            "{memory}"
        );
        assert!(error("CUDA_ERROR_ILLEGAL_ADDRESS").contains("nvidia-smi"));
        assert_eq!(failure("x").exit_code(), 5);
    }

    #[test]
    fn a_panic_of_the_work_itself_is_no_failure_of_a_device() {
        let _turn = one_at_a_time();
        assert!(matches!(guarded(|| Ok(3)), Some(Ok(3))));
        assert!(guarded(|| -> Result<(), Error> { panic!("a defect, on purpose") }).is_none());
        let unread = guarded(|| -> Result<(), Error> { panic!("{UNREADABLE}: out of device memory") });
        assert!(matches!(unread, Some(Err(Error::Device(_)))));
    }
}
