//! A file that is not whole yet.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{Checksums, FetchError, Progress, RemoteFile, Stage, checksum::read_blocks};

/// Where the bytes of a part came from; kept beside it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The mirror.
    pub url: String,
    /// Entity tag or date that the server gave.
    pub validator: Option<String>,
    /// Length of the whole.
    pub length: Option<u64>,
}

/// `<file>.part`, open and locked, with the checksums of what it holds.
pub(crate) struct Part {
    path: PathBuf,
    target: PathBuf,
    file: File,
    length: u64,
    empty_sums: Checksums,
    sums: Checksums,
    origin: Option<Origin>,
}

impl Part {
    /// Opens the part of `target`, or begins it.
    pub fn open(target: &Path, file: &RemoteFile, progress: &dyn Progress) -> Result<Self, FetchError> {
        let path = with_ending(target, ".part");
        let folder = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(FetchError::write("create the folder", folder))?;
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let content = options.map_err(FetchError::write("write", &path))?;
        match content.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(FetchError::Busy { path }),
            // A file system without locks is used without them.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let length = content.metadata().map_err(FetchError::write("read", &path))?.len();
        let origin = fs::read(with_ending(&path, ".json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let empty_sums = Checksums::of(file);
        let target = target.to_owned();
        let mut part = Self { path, target, file: content, length, sums: empty_sums.clone(), empty_sums, origin };
        part.take_up(file, progress)?;
        Ok(part)
    }

    /// Reads what is there for its checksums, and goes to its end.
    fn take_up(&mut self, file: &RemoteFile, progress: &dyn Progress) -> Result<(), FetchError> {
        if self.length > 0 && !self.sums.is_empty() {
            progress.begin(&file.file, Stage::Checking, Some(self.length), 0);
            let sums = &mut self.sums;
            read_blocks(&self.path, |block| {
                sums.update(block);
                progress.advance(&file.file, Stage::Checking, block.len() as u64);
            })?;
            progress.end(&file.file, Stage::Checking);
        }
        self.file.seek(SeekFrom::End(0)).map_err(FetchError::write("read", &self.path))?;
        Ok(())
    }

    /// Bytes that are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What the server at `url` called the version that the bytes are of; nothing if they came from elsewhere.
    pub fn validator_at(&self, url: &str) -> Option<&str> {
        self.origin.as_ref().filter(|origin| origin.url == url)?.validator.as_deref()
    }

    /// Where the file will lie.
    pub fn folder(&self) -> &Path {
        self.target.parent().unwrap_or(Path::new("."))
    }

    /// Forgets all bytes.
    pub fn restart(&mut self) -> Result<(), FetchError> {
        let error = FetchError::write("write", &self.path);
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(error)?;
        (self.length, self.sums, self.origin) = (0, self.empty_sums.clone(), None);
        Ok(())
    }

    /// Notes where the bytes come from, so that a later process can go on.
    pub fn record(&mut self, origin: Origin) -> Result<(), FetchError> {
        if self.origin.as_ref() != Some(&origin) {
            let path = with_ending(&self.path, ".json");
            let text = serde_json::to_vec(&origin).unwrap_or_default();
            fs::write(&path, text).map_err(FetchError::write("write", &path))?;
            self.origin = Some(origin);
        }
        Ok(())
    }

    /// Takes in the next bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.file.write_all(bytes).map_err(FetchError::write("write", &self.path))?;
        self.sums.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Whether what is there is the whole file.
    ///
    /// # Errors
    ///
    /// What differs from the description.
    pub fn verify(&self, file: &RemoteFile) -> Result<(), String> {
        match file.bytes {
            Some(bytes) if bytes != self.length => Err(format!("it has {} bytes, expected {bytes}", self.length)),
            _ => self.sums.compare(file),
        }
    }

    /// Ends without the file; a part with nothing in it is not left behind.
    pub fn leave(self) {
        if self.length == 0 {
            self.abandon();
        }
    }

    /// Removes the part.
    pub fn abandon(self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(with_ending(&self.path, ".json"));
    }

    /// Gives the whole file its name.
    pub fn finish(self) -> Result<PathBuf, FetchError> {
        self.file.sync_all().map_err(FetchError::write("write", &self.path))?;
        fs::rename(&self.path, &self.target).map_err(FetchError::write("write", &self.target))?;
        sync_folder(&self.target);
        // A sidecar without its part says nothing.
        let _ = fs::remove_file(with_ending(&self.path, ".json"));
        Ok(self.target)
    }
}

/// Makes a rename last; where folders cannot be synced the rename is all there is.
fn sync_folder(file: &Path) {
    if let Some(folder) = file.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}

/// `path` with more at its end.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
