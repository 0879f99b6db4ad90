//! Several files at once.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::{FetchError, Fetcher, Progress, RemoteFile};

/// Brings all `files` into `dir`, `jobs` at a time, and gives their paths in the same order.
///
/// # Errors
///
/// The first one by the order of the files; the others are loaded nevertheless, unless this machine is at fault.
pub fn download_all(
    files: &[RemoteFile],
    dir: &Path,
    jobs: usize,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, FetchError> {
    Fetcher::from_environment().download_all(files, dir, jobs, progress)
}

impl Fetcher {
    /// As [`download_all`], with these settings.
    ///
    /// # Errors
    ///
    /// As those of [`download_all`].
    pub fn download_all(
        &self,
        files: &[RemoteFile],
        dir: &Path,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<PathBuf>, FetchError> {
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results = Mutex::new(Vec::new());
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(file) = files.get(index) else { return };
                let result = self.download(file, dir, progress);
                if result.as_ref().is_err_and(FetchError::is_local) {
                    stop.store(true, Ordering::Relaxed);
                }
                // A poisoned list is whole: results are only ever pushed.
                results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
            }
        };
        thread::scope(|scope| {
            for _ in 0..jobs.clamp(1, files.len().max(1)) {
                scope.spawn(work);
            }
        });
        let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}
