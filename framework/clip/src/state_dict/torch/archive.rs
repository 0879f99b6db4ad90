//! The zip archive around a pickle and its storages.

use std::io::{Read, Seek};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::Fault;

/// Largest pickle that is read; that of a ViT-L/14 with its optimizer has a fiftieth of it.
const MAX_PICKLE: u64 = 32 << 20;
/// The pickle's entry in its folder.
const PICKLE: &str = "data.pkl";

/// An open archive.
pub(super) struct Archive<R> {
    zip: ZipArchive<R>,
    /// The one folder that everything is in; `PyTorch` names it after the file.
    folder: String,
    bytes: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens the archive `source`, which is `bytes` long.
    pub(super) fn open(source: R, bytes: u64) -> Result<Self, Fault> {
        let zip = ZipArchive::new(source).map_err(|error| damaged(&error))?;
        let names: Vec<String> =
            zip.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(PICKLE)?.to_owned())).collect();
        // Modules of code may lie deeper under the same name.
        let mut folders = names.iter().filter_map(|name| name.strip_suffix('/').filter(|name| !name.contains('/')));
        let folder = match (folders.next(), folders.next()) {
            (Some(folder), None) => folder.to_owned(),
            (Some(_), Some(_)) => return Err(Fault::Unreadable(format!("it has more than one {PICKLE}"))),
            _ => return Err(Fault::Unreadable(format!("it is a zip archive without a {PICKLE}"))),
        };
        let mut archive = Self { zip, folder, bytes };
        archive.check_byte_order()?;
        Ok(archive)
    }

    /// Length of the whole archive in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The pickle.
    pub(super) fn pickle(&mut self) -> Result<Vec<u8>, Fault> {
        match self.length(PICKLE)? {
            Some(length) if length <= MAX_PICKLE => self.entry(PICKLE, length),
            _ => Err(Fault::Unreadable(format!("its {PICKLE} is larger than {MAX_PICKLE} bytes"))),
        }
    }

    /// The content of storage `key`, which the pickle says is `bytes` long.
    pub(super) fn storage(&mut self, key: &str, bytes: u64) -> Result<Vec<u8>, Fault> {
        let name = format!("data/{key}");
        match self.length(&name)? {
            None => Err(Fault::Unreadable(format!("storage `{key}` is missing"))),
            Some(length) if length != bytes => {
                Err(Fault::Unreadable(format!("storage `{key}` has {length} bytes instead of {bytes}")))
            }
            Some(_) => self.entry(&name, bytes),
        }
    }

    fn check_byte_order(&mut self) -> Result<(), Fault> {
        let Some(length @ ..=16) = self.length("byteorder")? else {
            return Ok(());
        };
        match self.entry("byteorder", length)?.as_slice() {
            b"little" => Ok(()),
            _ => Err(Fault::Unreadable("its numbers are not in little-endian order".to_owned())),
        }
    }

    /// Length of an entry, `None` if there is none.
    fn length(&mut self, name: &str) -> Result<Option<u64>, Fault> {
        let name = format!("{}/{name}", self.folder);
        match self.zip.by_name(&name) {
            Ok(entry) => Ok(Some(entry.size())),
            Err(ZipError::FileNotFound) => Ok(None),
            Err(error) => Err(damaged(&error)),
        }
    }

    fn entry(&mut self, name: &str, length: u64) -> Result<Vec<u8>, Fault> {
        let name = format!("{}/{name}", self.folder);
        let mut entry = self.zip.by_name(&name).map_err(|error| damaged(&error))?;
        // A compressed entry could be larger than the file, and PyTorch writes none.
        if entry.compression() != CompressionMethod::Stored || length > self.bytes {
            return Err(Fault::Unreadable(format!("its entry `{name}` is compressed or longer than the file")));
        }
        let mut content = Vec::with_capacity(length as usize);
        let read = entry.by_ref().take(length.saturating_add(1)).read_to_end(&mut content);
        read.map_err(|error| Fault::Unreadable(format!("its entry `{name}` is damaged ({error})")))?;
        if content.len() as u64 == length {
            Ok(content)
        } else {
            Err(Fault::Unreadable(format!("its entry `{name}` has {} bytes instead of {length}", content.len())))
        }
    }
}

fn damaged(error: &ZipError) -> Fault {
    Fault::Unreadable(format!("the zip archive is damaged or cut off ({error})"))
}
