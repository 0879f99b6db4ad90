//! Room on the disk.

use std::path::Path;

use crate::{FetchError, RemoteFile};

/// A size for people: three digits and a unit.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.5);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Free bytes on the disk of `folder`, where the system tells it.
pub fn free_space(folder: &Path) -> Option<u64> {
    fs4::available_space(folder).ok()
}

/// Checks that the rest of `file` and its content find room beside each other.
///
/// The content of an archive is taken to be as large as the archive: pictures are compressed already.
pub(crate) fn check(file: &RemoteFile, length: u64, loaded: u64, folder: &Path) -> Result<(), FetchError> {
    let content = if file.unpack.is_some() { length } else { 0 };
    let needed = length.saturating_sub(loaded).saturating_add(content);
    // Some network file systems do not know; writing will tell.
    let Some(free) = free_space(folder) else { return Ok(()) };
    if needed <= free {
        return Ok(());
    }
    Err(FetchError::NoSpace { file: file.file.clone(), folder: folder.to_owned(), needed, free })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_that_fits() {
        let sizes = [0, 999, 1000, 170_498_071, 39_077_296_924].map(size);
        assert_eq!(sizes, ["0 bytes", "999 bytes", "1.0 kB", "170 MB", "39.1 GB"]);
    }

    #[test]
    fn what_no_disk_can_hold_is_refused_with_both_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let file = RemoteFile { file: "sun.tar".to_owned(), ..RemoteFile::default() };
        let error = check(&file, 1 << 60, 0, dir.path()).unwrap_err();
        assert!(matches!(error, FetchError::NoSpace { needed, .. } if needed == 1 << 60));
        assert!(error.to_string().contains("sun.tar needs"), "{error}");
        check(&file, 1 << 60, 1 << 60, dir.path()).unwrap();
    }
}
