//! What a run wrote for good, so that it is seen when a part of it is lost or changed later.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::{read_json, write_json};
use crate::error::Error;

/// The list in the folder of a finished run.
pub(super) const LIST: &str = "files.json";
/// Longer files are compared by their length alone: weights take seconds to read, and a table has many runs.
const MAX_READ: u64 = 64 << 20;
/// Ending of files that grow, of which a checkpoint counts on the beginning.
const GROWS: &str = ".jsonl";

/// Length and SHA-256 of files, by their paths in the run folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Written(BTreeMap<String, Sum>);

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    pub bytes: u64,
    pub sha256: String,
}

impl Sum {
    /// Of what is left in `content`.
    fn of(mut content: impl Read) -> io::Result<Self> {
        let mut hash = Sha256::new();
        let bytes = io::copy(&mut content, &mut hash)?;
        Ok(Self { bytes, sha256: hex::encode(hash.finalize()) })
    }
}

impl Written {
    /// Notes a file of this content.
    pub fn add(&mut self, name: &str, content: &[u8]) {
        let sha256 = hex::encode(Sha256::digest(content));
        self.insert(name, Sum { bytes: content.len() as u64, sha256 });
    }

    /// Notes what is known of a file.
    pub fn insert(&mut self, name: &str, sum: Sum) {
        self.0.insert(name.to_owned(), sum);
    }

    /// Notes the file `name` in `folder` as it is.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn add_file(&mut self, folder: &Path, name: &str) -> Result<(), Error> {
        let path = folder.join(name);
        let sum = File::open(&path).and_then(Sum::of).map_err(|error| Error::io("read", &path, error))?;
        self.insert(name, sum);
        Ok(())
    }

    /// The files whose names are `wanted`.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let kept = self.0.iter().filter(|(name, _)| wanted(name));
        Self(kept.map(|(name, sum)| (name.clone(), sum.clone())).collect())
    }

    /// Compares the files in `folder` with what was written; one that grows may be longer.
    ///
    /// # Errors
    ///
    /// [`Error::NotWhole`] with the first file that is missing or another.
    pub fn check(&self, folder: &Path) -> Result<(), Error> {
        self.compare(folder, |name| name.ends_with(GROWS))
    }

    /// Writes the list of a run that is over.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn finish(&self, folder: &Path) -> Result<(), Error> {
        write_json(&folder.join(LIST), self)
    }

    /// Compares the files of the finished run in `folder` with the list.
    ///
    /// # Errors
    ///
    /// [`Error::NotWhole`] with the first file that is missing or another, the list included.
    pub fn check_finished(folder: &Path) -> Result<(), Error> {
        let path = folder.join(LIST);
        if !path.exists() {
            return Err(not_whole(folder, missing(LIST)));
        }
        let list: Self =
            read_json(&path, "a list of files").map_err(|_| not_whole(folder, format!("{LIST} is damaged")))?;
        list.compare(folder, |_| false)
    }

    fn compare(&self, folder: &Path, may_be_longer: impl Fn(&str) -> bool) -> Result<(), Error> {
        for (name, sum) in &self.0 {
            if let Some(what) = difference(folder, name, sum, may_be_longer(name))? {
                return Err(not_whole(folder, what));
            }
        }
        Ok(())
    }
}

fn not_whole(folder: &Path, what: String) -> Error {
    Error::NotWhole { run: folder.to_owned(), what }
}

fn missing(name: &str) -> String {
    format!("{name} is missing, which the run wrote")
}

/// What sets a file apart from the one that was written.
fn difference(folder: &Path, name: &str, sum: &Sum, may_be_longer: bool) -> Result<Option<String>, Error> {
    let path = folder.join(name);
    let failed = |error| Error::io("read", &path, error);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(missing(name))),
        Err(error) => return Err(failed(error)),
    };
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes < sum.bytes || bytes > sum.bytes && !may_be_longer {
        return Ok(Some(format!("{name} is damaged: it has {bytes} bytes, and the run wrote {}", sum.bytes)));
    }
    if sum.bytes > MAX_READ || Sum::of(file.take(sum.bytes)).map_err(failed)? == *sum {
        return Ok(None);
    }
    Ok(Some(format!("{name} is damaged: its content is not what the run wrote (SHA-256)")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn run() -> (tempfile::TempDir, Written) {
        let folder = tempfile::tempdir().unwrap();
        let mut written = Written::default();
        for (name, content) in [("a.npy", "matrix"), ("lines.jsonl", "1\n2\n")] {
            fs::write(folder.path().join(name), content).unwrap();
            written.add(name, content.as_bytes());
        }
        (folder, written)
    }

    #[test]
    fn a_file_that_is_lost_cut_or_changed_is_named() {
        let (folder, written) = run();
        let path = folder.path().join("a.npy");
        let says = |part: &str| {
            let error = written.check(folder.path()).unwrap_err();
            assert!(error.to_string().contains(part) && error.to_string().contains("--out"), "{error}");
            assert_eq!(error.exit_code(), 3);
        };
        written.check(folder.path()).unwrap();
        fs::write(&path, "mat").unwrap();
        says("a.npy is damaged: it has 3 bytes, and the run wrote 6");
        fs::write(&path, "matrjx").unwrap();
        says("a.npy is damaged: its content is not");
        fs::remove_file(&path).unwrap();
        says("a.npy is missing, which the run wrote");
    }

    #[test]
    fn lines_may_follow_while_a_run_goes_on_and_not_when_it_is_finished() {
        let (folder, mut written) = run();
        written.finish(folder.path()).unwrap();
        Written::check_finished(folder.path()).unwrap();
        fs::write(folder.path().join("lines.jsonl"), "1\n2\n3\n").unwrap();
        written.check(folder.path()).unwrap();
        let error = Written::check_finished(folder.path()).unwrap_err().to_string();
        assert!(error.contains("lines.jsonl is damaged: it has 6 bytes"), "{error}");
        written.add_file(folder.path(), "lines.jsonl").unwrap();
        written.finish(folder.path()).unwrap();
        Written::check_finished(folder.path()).unwrap();
        fs::remove_file(folder.path().join(LIST)).unwrap();
        assert!(Written::check_finished(folder.path()).unwrap_err().to_string().contains("files.json is missing"));
    }
}
