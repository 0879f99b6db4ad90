//! How far a download is.

use std::time::Duration;

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its bytes come from a mirror.
    Loading,
    /// What lies on disk is read for its checksum.
    Checking,
    /// It is taken apart.
    Unpacking,
}

/// Follows downloads, from several threads at once; the unit `()` follows nothing.
pub trait Progress: Sync {
    /// A stage of `file` starts: `done` of `total` bytes lie there already. It may start again, when a server starts over.
    fn begin(&self, _file: &str, _stage: Stage, _total: Option<u64>, _done: u64) {}

    /// So many more bytes are done.
    fn advance(&self, _file: &str, _stage: Stage, _bytes: u64) {}

    /// The stage is done.
    fn end(&self, _file: &str, _stage: Stage) {}

    /// A mirror failed; it or another one is tried next.
    fn failed(&self, _file: &str, _url: &str, _reason: &str) {}

    /// A mirror failed in passing, and is asked again after `wait`.
    fn waiting(&self, file: &str, url: &str, reason: &str, _wait: Duration) {
        self.failed(file, url, reason);
    }
}

impl Progress for () {}
