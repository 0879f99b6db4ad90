//! `fetched.toml`: what a dataset's folder was made of, and when.

use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

use clf_core::Error;
use clf_datasets::readers::gather::Gathered;
use serde::{Deserialize, Serialize};

/// Name of the file.
pub const STAMP: &str = "fetched.toml";

/// What a dataset's folder was made of.
#[derive(Serialize, Deserialize, Default, Debug)]
pub struct Stamp {
    /// When, in UTC.
    pub date: String,
    /// The published files.
    pub files: Vec<StampedFile>,
    /// Linked images, for sets that are made of links.
    pub images: Option<StampedImages>,
}

/// A published file.
#[derive(Serialize, Deserialize, Debug)]
pub struct StampedFile {
    /// Its name.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// How many linked images were there.
#[derive(Serialize, Deserialize, Debug)]
pub struct StampedImages {
    /// Rows of the table.
    pub rows: usize,
    /// Rows with an image.
    pub found: usize,
    /// Links that are dead, by reason.
    pub dead: BTreeMap<String, usize>,
    /// Links that may come another time, by reason.
    pub passing: BTreeMap<String, usize>,
}

impl StampedImages {
    /// What was gathered.
    pub fn of(gathered: &Gathered) -> Self {
        let Gathered { rows, found, dead, passing, .. } = gathered.clone();
        Self { rows, found, dead, passing }
    }
}

impl StampedFile {
    /// The file at `path`, whose SHA-256 may be known.
    pub fn of(path: &Path, sha256: Option<&str>) -> Result<Self, Error> {
        let bytes = fs::metadata(path).map_err(|error| Error::io("read", path, error))?.len();
        let sha256 = match sha256 {
            Some(known) => known.to_owned(),
            None => clf_fetch::sha256_of(path).map_err(|error| Error::Defect(error.to_string()))?,
        };
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file, bytes, sha256 })
    }
}

impl Stamp {
    /// The stamp of these files, made now.
    pub fn now(files: Vec<StampedFile>) -> Self {
        Self { date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(), files, images: None }
    }

    /// Writes it into the folder of the dataset.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(STAMP);
        let text = toml::to_string(self).map_err(|error| Error::Defect(error.to_string()))?;
        fs::write(&path, text).map_err(|error| Error::io("write", path, error))
    }
}
