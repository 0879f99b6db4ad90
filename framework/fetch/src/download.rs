//! One file, from the first mirror that has it.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{
    Checksums, Failure, FetchError, Fetcher, Progress, RemoteFile, Stage, checksum::read_blocks, mirrors, part::Part,
    space, transfer::Trouble,
};

/// Longest wait between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An attempt that brought so many bytes was worth it: the count of attempts starts again.
const PROGRESS: u64 = 1 << 20;

/// Brings `file` into `dir` and gives its path; settings are those of the environment.
///
/// A file that is there and verified is not loaded again. A part that an interrupted download left is continued.
///
/// # Errors
///
/// When no mirror gives the file, with the reason of each; when the disk is full or cannot be written, and then what was
/// loaded is kept.
pub fn download(file: &RemoteFile, dir: &Path, progress: &dyn Progress) -> Result<PathBuf, FetchError> {
    Fetcher::from_environment().download(file, dir, progress)
}

/// Whether the file at `path` is `file`, as far as its description says.
///
/// # Errors
///
/// When it cannot be read; the inner error says what differs.
pub fn verify(file: &RemoteFile, path: &Path, progress: &dyn Progress) -> Result<Result<(), String>, FetchError> {
    let length = path.metadata().map_err(FetchError::write("read", path))?.len();
    if let Some(bytes) = file.bytes.filter(|bytes| *bytes != length) {
        return Ok(Err(format!("it has {length} bytes, expected {bytes}")));
    }
    let mut sums = Checksums::of(file);
    if !sums.is_empty() {
        progress.begin(&file.file, Stage::Checking, Some(length), 0);
        read_blocks(path, |block| {
            sums.update(block);
            progress.advance(&file.file, Stage::Checking, block.len() as u64);
        })?;
        progress.end(&file.file, Stage::Checking);
    }
    Ok(sums.compare(file))
}

impl Fetcher {
    /// As [`download`], with these settings.
    ///
    /// # Errors
    ///
    /// As those of [`download`].
    pub fn download(&self, file: &RemoteFile, dir: &Path, progress: &dyn Progress) -> Result<PathBuf, FetchError> {
        let target = file.place(dir)?;
        if target.is_file() && verify(file, &target, progress)?.is_ok() {
            return Ok(target);
        }
        let mut part = Part::open(&target, file, progress)?;
        // Another process may have finished it since.
        if target.is_file() && part.length() == 0 && verify(file, &target, progress)?.is_ok() {
            part.abandon();
            return Ok(target);
        }
        if let Some(bytes) = file.bytes {
            space::check(file, bytes, part.length(), part.folder())?;
        }
        let mut failures = Vec::new();
        for url in mirrors::addresses(file, &self.settings) {
            match self.load(&url, file, &mut part, progress) {
                Ok(()) => return part.finish(),
                Err(Trouble::Local(error)) => return Err(error),
                Err(Trouble::Lasting(reason) | Trouble::Passing(reason, _)) => {
                    progress.failed(&file.file, &url, &reason);
                    failures.push(Failure { url, reason });
                }
                Err(Trouble::Changed) => {}
            }
        }
        part.leave();
        Err(FetchError::Unavailable { file: file.file.clone(), failures, hint: by_hand(file, &target) })
    }

    /// Loads the whole file from one mirror, with patience, and verifies it.
    fn load(&self, url: &str, file: &RemoteFile, part: &mut Part, progress: &dyn Progress) -> Result<(), Trouble> {
        let (mut attempts, mut is_fresh) = (0, part.length() == 0);
        loop {
            let before = part.length();
            match self.transfer(url, file, part, progress) {
                Ok(()) => match part.verify(file) {
                    Ok(()) => return Ok(()),
                    Err(reason) => {
                        part.restart()?;
                        // The wrong bytes can be those that were there before.
                        if is_fresh {
                            return Err(Trouble::Lasting(reason));
                        }
                        is_fresh = true;
                    }
                },
                Err(Trouble::Passing(reason, wait)) => {
                    attempts = if part.length() >= before + PROGRESS { 1 } else { attempts + 1 };
                    if attempts > self.settings.retries {
                        return Err(Trouble::Lasting(reason));
                    }
                    let wait = wait.unwrap_or_else(|| self.pause(attempts));
                    progress.waiting(&file.file, url, &reason, wait);
                    thread::sleep(wait);
                }
                Err(Trouble::Changed) if is_fresh => {
                    return Err(Trouble::Lasting("its ranges do not fit together".to_owned()));
                }
                Err(Trouble::Changed) => is_fresh = true,
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// The wait after a number of failed attempts.
    fn pause(&self, attempts: u32) -> Duration {
        self.settings.pause.saturating_mul(1 << (attempts - 1).min(16)).min(LONGEST_PAUSE)
    }
}

/// How a person gets the file.
fn by_hand(file: &RemoteFile, target: &Path) -> String {
    let note = file.note.as_ref().map(|note| format!("{note}; ")).unwrap_or_default();
    format!("{note}get it by hand, put it at {} and repeat the command", target.display())
}
