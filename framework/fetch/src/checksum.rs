//! Checksums of what passes by.

use std::{fs::File, io::Read, path::Path};

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::{FetchError, RemoteFile};

/// Bytes that are read at once.
pub(crate) const BLOCK: usize = 1 << 17;

/// MD5 and SHA-256 of a stream; only those that are asked for are computed.
#[derive(Clone, Default)]
pub struct Checksums {
    md5: Option<Md5>,
    sha256: Option<Sha256>,
}

impl Checksums {
    /// The checksums that the description of a file has.
    pub fn of(file: &RemoteFile) -> Self {
        Self { md5: file.md5.as_ref().map(|_| Md5::new()), sha256: file.sha256.as_ref().map(|_| Sha256::new()) }
    }

    /// Whether there is nothing to compute.
    pub fn is_empty(&self) -> bool {
        self.md5.is_none() && self.sha256.is_none()
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// Compares with the description.
    ///
    /// # Errors
    ///
    /// What is there and what was expected, of the first one that differs.
    pub fn compare(&self, file: &RemoteFile) -> Result<(), String> {
        let found = [
            ("SHA-256", self.sha256.clone().map(|it| hex::encode(it.finalize())), &file.sha256),
            ("MD5", self.md5.clone().map(|it| hex::encode(it.finalize())), &file.md5),
        ];
        for (kind, found, expected) in found {
            if let (Some(found), Some(expected)) = (found, expected)
                && !found.eq_ignore_ascii_case(expected)
            {
                return Err(format!("its {kind} is {found}, expected {expected}"));
            }
        }
        Ok(())
    }
}

/// SHA-256 of a file on disk, in hexadecimal.
///
/// # Errors
///
/// When it cannot be read.
pub fn sha256_of(path: &Path) -> Result<String, FetchError> {
    let mut sum = Sha256::new();
    read_blocks(path, |block| sum.update(block))?;
    Ok(hex::encode(sum.finalize()))
}

/// Hands the content of a file on, block by block.
pub(crate) fn read_blocks(path: &Path, mut take: impl FnMut(&[u8])) -> Result<(), FetchError> {
    let mut file = File::open(path).map_err(FetchError::write("read", path))?;
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block).map_err(FetchError::write("read", path))? {
            0 => return Ok(()),
            count => take(&block[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sums_of_abc_agree_whatever_the_case_and_others_are_named() {
        let mut file = RemoteFile {
            md5: Some("900150983CD24FB0D6963F7D28E17F72".to_owned()),
            sha256: Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned()),
            ..RemoteFile::default()
        };
        let mut sums = Checksums::of(&file);
        sums.update(b"a");
        sums.update(b"bc");
        assert_eq!(sums.compare(&file), Ok(()));
        file.md5 = Some("00".to_owned());
        assert!(sums.compare(&file).unwrap_err().contains("expected 00"));
    }
}
