use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use clf_core::{Error, data::DatasetError};
use flate2::read::GzDecoder;
use tar::Archive;

use super::archive::{SUMS, sha256};

/// Compares every file of an archive with its checksum; the number of files.
///
/// # Errors
///
/// Names the archive and the first file that is missing, foreign or damaged.
pub fn check(path: &Path) -> Result<usize, Error> {
    let damaged = |reason: String| {
        let reason = format!("{reason}; ask for the archive again");
        Error::Data(DatasetError::Corrupt { path: path.to_owned(), reason })
    };
    let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
    let (found, sums) = read(BufReader::new(file)).map_err(|error| damaged(error.to_string()))?;
    let expected = sums.ok_or_else(|| damaged(format!("it holds no {SUMS}, so it is no bundle of clf")))?;
    let expected: BTreeMap<&str, &str> =
        expected.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect();
    for (name, sum) in &expected {
        match found.get(*name) {
            None => return Err(damaged(format!("{name} is missing"))),
            Some(other) if other != sum => return Err(damaged(format!("{name} differs from {SUMS}"))),
            Some(_) => {}
        }
    }
    match found.keys().find(|name| !expected.contains_key(name.as_str())) {
        Some(foreign) => Err(damaged(format!("{foreign} is not in {SUMS}"))),
        None => Ok(found.len()),
    }
}

type Found = (BTreeMap<String, String>, Option<String>);

/// The checksums of all files by name, and the list of what they should be.
fn read(file: impl Read) -> io::Result<Found> {
    let (mut found, mut sums) = (BTreeMap::new(), None);
    let mut archive = Archive::new(GzDecoder::new(file));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        // Everything lies in one folder, whose name is not part of the list.
        let name = path.components().skip(1).collect::<std::path::PathBuf>().to_string_lossy().into_owned();
        if name == SUMS {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            sums = Some(text);
        } else if entry.header().entry_type().is_file() {
            found.insert(name, sha256(&mut entry)?);
        }
    }
    // The checksum of the compressed stream stands at its end.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok((found, sums))
}
