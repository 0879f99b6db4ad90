//! Reading files so that every error names the file.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use clf_core::data::DatasetError;
use serde::de::DeserializeOwned;

/// Name of the descriptor that is picked up when it lies in a dataset's folder.
pub(super) const DESCRIPTOR: &str = "dataset.toml";

/// An error about the content of `path`.
pub(super) fn corrupt(path: &Path, reason: impl Into<String>) -> DatasetError {
    DatasetError::Corrupt { path: path.to_path_buf(), reason: reason.into() }
}

/// Turns what the system said about `path` into an error that names it.
pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DatasetError {
    let path = path.to_path_buf();
    move |source| DatasetError::Io { path, source }
}

/// An error that says that `what` is not at `path`.
pub(super) fn missing(what: impl Into<String>, path: &Path, hint: impl Into<String>) -> DatasetError {
    DatasetError::Missing { what: what.into(), path: path.to_path_buf(), hint: hint.into() }
}

/// The bytes of a file that must be there.
pub(super) fn read_bytes(path: &Path, what: &str, hint: &str) -> Result<Vec<u8>, DatasetError> {
    if !path.is_file() {
        return Err(missing(what, path, hint));
    }
    fs::read(path).map_err(io_error(path))
}

/// A part of a file.
pub(super) fn read_part(path: &Path, start: u64, length: u64) -> io::Result<Vec<u8>> {
    // Opened anew each time: threads do not share a position, and thousands of shards stay closed.
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file that must be there, without a byte order mark.
pub(super) fn read_text(path: &Path, what: &str, hint: &str) -> Result<String, DatasetError> {
    let bytes = read_bytes(path, what, hint)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        corrupt(path, format!("byte {at} is not UTF-8 text"))
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Reads a TOML file into `T`; the reason of a failure holds line, column and key.
pub(super) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, DatasetError> {
    let text = read_text(path, "dataset descriptor", "check the path")?;
    toml::from_str(&text).map_err(|error| corrupt(path, error.to_string().trim_end()))
}

/// Everything in `dir` that is not hidden, sorted bytewise by name.
pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error(dir))? {
        let entry = entry.map_err(io_error(dir))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            found.push(entry.path());
        }
    }
    found.sort_unstable_by(|a, b| name_bytes(a).cmp(name_bytes(b)));
    Ok(found)
}

/// The last part of `path` as bytes; empty where there is none.
pub(super) fn name_bytes(path: &Path) -> &[u8] {
    path.file_name().map_or(&[], OsStr::as_encoded_bytes)
}

/// The last part of `path` as text for names that people read.
pub(super) fn display_name(path: &Path) -> String {
    let whole = path.canonicalize();
    let name = whole.as_deref().unwrap_or(path).file_name();
    name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Where a dataset lies and which descriptor speaks about it: `path` is a folder or a TOML file.
pub(super) fn locate(path: &Path) -> Result<(PathBuf, Option<PathBuf>), DatasetError> {
    if path.is_dir() {
        let descriptor = path.join(DESCRIPTOR);
        let descriptor = descriptor.is_file().then_some(descriptor);
        return Ok((path.to_path_buf(), descriptor));
    }
    if !path.exists() {
        return Err(missing("dataset", path, "give the dataset's folder or a TOML file that describes it"));
    }
    let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
    Ok((folder, Some(path.to_path_buf())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_bytewise_and_hidden_files_are_skipped() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "B", "a", ".DS_Store", "10", "9"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let found = entries(dir.path()).unwrap();
        let names: Vec<_> = found.iter().map(|path| name_bytes(path)).collect();
        assert_eq!(names, [&b"10"[..], b"9", b"B", b"a", b"b"]);
    }

    #[test]
    fn text_that_is_not_utf8_is_an_error_with_the_position() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.txt");
        fs::write(&path, b"abc\xff").unwrap();
        let error = read_text(&path, "list", "").unwrap_err().to_string();
        assert!(error.contains("list.txt") && error.contains("byte 3"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.txt");
        fs::write(&path, "\u{feff}cat").unwrap();
        assert_eq!(read_text(&path, "list", "").unwrap(), "cat");
    }
}
