//! Archives taken apart, whatever is in them.
//!
//! Content goes into a folder beside the target first, and to its place when all of it is there. Refused are names that are
//! absolute or have `..`, links that leave the folder, devices, two entries of one name, and more content than an archive of
//! that size can have. Files get plain modes; what macOS adds (`__MACOSX`, `._*`, `.DS_Store`) is left out.

mod sink;
mod staging;
mod tars;
mod zips;

use std::{fs::File, path::Path};

use flate2::read::MultiGzDecoder;

use self::{
    sink::{Sink, Stop},
    staging::Staging,
};
use crate::{FetchError, Progress, Stage, Unpack};

/// How much an archive may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files and folders.
    pub entries: u64,
}

/// Content of an honest archive is at most so many times larger; pictures hardly shrink at all.
const RATIO: u64 = 20;

/// Room for small archives that compress well.
const SLACK: u64 = 1 << 30;

/// ImageNet has 1.4 million files.
const ENTRIES: u64 = 5_000_000;

impl Limits {
    /// What is fair for an archive of so many bytes: 20 times as much and 1 GiB, in 5 million entries.
    pub fn for_size(bytes: u64) -> Self {
        Self { bytes: bytes.saturating_mul(RATIO).saturating_add(SLACK), entries: ENTRIES }
    }

    /// What is fair for this archive.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn of(archive: &Path) -> Result<Self, FetchError> {
        Ok(Self::for_size(archive.metadata().map_err(FetchError::write("read", archive))?.len()))
    }
}

/// Takes `archive` apart into the folder `into`.
///
/// A folder that is there already keeps what it has; files of the same name are replaced.
///
/// # Errors
///
/// When the archive is damaged, hostile or beyond the `limits`, or the disk is full. `into` is as it was before then.
pub fn unpack(
    archive: &Path,
    kind: Unpack,
    into: &Path,
    limits: Limits,
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    unpack_with(archive, kind, into, limits, progress, &|_| Ok(()))
}

/// As [`unpack`]; `finish` works on the content before it goes to its place.
pub(crate) fn unpack_with(
    archive: &Path,
    kind: Unpack,
    into: &Path,
    limits: Limits,
    progress: &dyn Progress,
    finish: &dyn Fn(&Path) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    let staging = Staging::beside(into)?;
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let file = File::open(archive).map_err(FetchError::write("read", archive))?;
    let length = file.metadata().map_err(FetchError::write("read", archive))?.len();
    progress.begin(&name, Stage::Unpacking, Some(length), 0);
    let advance = |bytes| progress.advance(&name, Stage::Unpacking, bytes);
    let mut sink = Sink::new(staging.path(), limits);
    let result = match kind {
        Unpack::TarGz | Unpack::Tar => tars::read(file, &mut sink, &advance),
        Unpack::Zip => zips::read(file, &mut sink, &advance),
        Unpack::Gz => {
            let name = archive.file_stem().unwrap_or_default();
            sink.file(Path::new(name), &mut MultiGzDecoder::new(tars::Counted::new(file, &advance)))
        }
    };
    result.and_then(|()| sink.finish()).map_err(|stop| match stop {
        Stop::Local(error) => error,
        Stop::Archive(reason) => FetchError::Archive { archive: archive.to_owned(), reason },
    })?;
    finish(staging.path())?;
    staging.place(into)?;
    progress.end(&name, Stage::Unpacking);
    Ok(())
}
