use std::{
    fs::File,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use sha2::{Digest, Sha256};

use super::{
    Form,
    format::{ENTRY, Entry, HEADER, Hash, MAGIC, PREFIX, side},
};

/// An open file of prepared images, mapped into memory.
///
/// Reasons of failures are told without the file's name.
pub(super) struct PixelFile {
    path: PathBuf,
    map: Mmap,
    form: Form,
    index: Vec<Entry>,
}

/// An image in the map.
pub(super) struct Picture<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: u32,
    /// `[height, width, channels]`, flat.
    pub(super) pixels: &'a [u8],
}

impl PixelFile {
    /// Opens `path` and checks its header and index; pixels are checked when they are read.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let map = map(path).map_err(|error| error.to_string())?;
        let header = map.get(..HEADER).ok_or("it is shorter than its header")?;
        if header[..6] != MAGIC[..6] {
            return Err("it is not a file of prepared images".to_owned());
        }
        if header[..8] != MAGIC {
            return Err("another version of clf made it".to_owned());
        }
        let side = u32::from_le_bytes([header[104], header[105], header[106], header[107]]);
        let count = header[112..].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let index = usize::try_from(count).ok().and_then(|count| count.checked_mul(ENTRY));
        let end = index.and_then(|length| length.checked_add(HEADER)).filter(|end| *end <= map.len());
        let end = end.ok_or("it is shorter than its index")?;
        if header[8..PREFIX] != *Sha256::digest(&map[PREFIX..end]) {
            return Err("its header or index is damaged".to_owned());
        }
        let index: Vec<Entry> = map[HEADER..end].as_chunks().0.iter().map(Entry::from_bytes).collect();
        let form = if side == 0 { Form::Originals } else { Form::Test(side) };
        let file = Self { path: path.to_owned(), map, form, index };
        let whole = (0..file.index.len()).all(|index| file.bytes(index).is_some());
        if whole { Ok(file) } else { Err("it is shorter than its images".to_owned()) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Refuses a file that was made of other pictures than those of `facts`, or in another form.
    pub(super) fn fits(&self, facts: &Hash, form: Form) -> Result<(), String> {
        if self.form != form {
            return Err(format!("it was made for {} pixels", side(self.form)));
        }
        if self.map[PREFIX..PREFIX + facts.len()] != *facts {
            return Err("the pictures that it was made of have changed since".to_owned());
        }
        Ok(())
    }

    /// Reads all pixels and compares them with the hash in the header.
    pub(super) fn check(&self) -> Result<(), String> {
        let pixels = &self.map[HEADER + ENTRY * self.index.len()..];
        let expected = &self.map[PREFIX + 32..PREFIX + 64];
        if *expected == *Sha256::digest(pixels) { Ok(()) } else { Err("its pixels are damaged".to_owned()) }
    }

    /// Image `index`, if its pixels are what they were.
    pub(super) fn read(&self, index: usize) -> Result<Picture<'_>, String> {
        let total = self.index.len();
        let (Some(&Entry { width, height, channels, crc, .. }), Some(pixels)) =
            (self.index.get(index), self.bytes(index))
        else {
            return Err(format!("asked for image {index} of {total}"));
        };
        if crc32fast::hash(pixels) != crc {
            return Err(format!("image {index} of {total} is damaged"));
        }
        Ok(Picture { width, height, channels, pixels })
    }

    fn bytes(&self, index: usize) -> Option<&[u8]> {
        let entry = *self.index.get(index)?;
        let start = usize::try_from(entry.start).ok()?;
        self.map.get(start..start.checked_add(entry.bytes()?)?)
    }
}

#[expect(unsafe_code, reason = "mapping a file is unsafe, since another process could change it")]
fn map(path: &Path) -> std::io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: files of prepared images are never changed in place: they are written under another name and renamed, and
    // a file that is replaced lives on for those who have it open. What is read is bytes, checked by their CRC.
    unsafe { Mmap::map(&file) }
}
