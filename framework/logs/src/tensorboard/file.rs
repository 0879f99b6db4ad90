use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::event::{Event, What, read_events};

/// How the name of every event file begins; TensorBoard looks for it.
const PREFIX: &str = "events.out.tfevents.";
/// TensorBoard itself looks for news every few seconds.
const FLUSH_EVERY: Duration = Duration::from_secs(2);

/// An event file that grows.
pub struct EventFile {
    path: PathBuf,
    writer: BufWriter<File>,
    flushed: Instant,
}

impl EventFile {
    /// Begins a file in `folder` at `step`; TensorBoard forgets what other files there have from this step on.
    pub fn create(folder: &Path, step: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let (path, file) = new_file(folder)?;
        let mut file = Self { path, writer: BufWriter::new(file), flushed: Instant::now() };
        file.write(0, What::version())?;
        file.write(step, What::start())?;
        file.flush()?;
        Ok(file)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds what happened at `step`.
    pub fn write(&mut self, step: u64, what: What) -> io::Result<()> {
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let event = Event { wall_time, step: step as i64, what: Some(what) };
        self.writer.write_all(&event.to_record())?;
        if self.flushed.elapsed() >= FLUSH_EVERY { self.flush() } else { Ok(()) }
    }

    /// Makes everything visible to others.
    pub fn flush(&mut self) -> io::Result<()> {
        self.flushed = Instant::now();
        self.writer.flush()
    }
}

/// A new file whose name sorts behind those of earlier ones, as TensorBoard demands.
fn new_file(folder: &Path) -> io::Result<(PathBuf, File)> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // A counter instead of the host and process that other programs put here: they do not sort, and tell who wrote it.
    for attempt in 0.. {
        let path = folder.join(format!("{PREFIX}{seconds:010}.clf.{attempt:03}"));
        match File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return Ok((path, opened?)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The event files that clf wrote into `folder`, in order; none where there is no folder.
pub fn event_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    let mut files: Vec<PathBuf> = paths.into_iter().filter(|path| is_ours(path)).collect();
    files.sort();
    Ok(files)
}

/// Whether a file has a name of [`new_file`]; those of other programs are not ours to remove.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_prefix(PREFIX));
    let parts = name.and_then(|name| name.split_once(".clf."));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(seconds, attempt)| is_number(seconds) && is_number(attempt))
}

/// The steps at which `files` have a value whose tag begins with `prefix`.
pub fn steps_with(files: &[PathBuf], prefix: &str) -> io::Result<BTreeSet<u64>> {
    let mut found = BTreeSet::new();
    for file in files {
        for event in read_events(&fs::read(file)?) {
            if matches!(&event.what, Some(What::Summary(summary)) if summary.values.iter().any(|value| value.tag.starts_with(prefix)))
            {
                found.insert(event.step as u64);
            }
        }
    }
    Ok(found)
}
