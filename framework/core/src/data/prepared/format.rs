//! The file format, and writing it.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `clfpix` and a version of two bytes |
//! | 32 | SHA-256 of the rest of the header and of the index |
//! | 32 | SHA-256 of the facts about the pictures |
//! | 32 | SHA-256 of all pixels |
//! | 4 | side of the test transform; 0 for originals |
//! | 4 | zero |
//! | 8 | number of images |
//! | 32 each | index: start in the file (8), width, height, channels, CRC-32 of the pixels (4 each), zero (8) |
//! | rest | pixels, image by image, row by row, the channels of a pixel side by side |
//!
//! Numbers are little-endian.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::Path,
};

use clf_clip::preprocess::Preprocess;
use image::DynamicImage;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{
    Form,
    temporary::{Temporary, folder_of, make_folders, remove_folders},
};
use crate::data::{DatasetError, Samples};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// What every file begins with; the last two bytes are the version.
pub(super) const MAGIC: [u8; 8] = *b"clfpix\x00\x01";
/// Bytes of the header before what its hash covers.
pub(super) const PREFIX: usize = 8 + 32;
/// Bytes of the header.
pub(super) const HEADER: usize = PREFIX + 32 + 32 + 4 + 4 + 8;
/// Bytes of an entry of the index.
pub(super) const ENTRY: usize = 32;
/// Images that are decoded before they are written together.
const BLOCK: usize = 64;

/// Where an image lies in the file, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) start: u64,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: u32,
    pub(super) crc: u32,
}

impl Entry {
    /// Bytes of the image; `None` where they cannot be counted.
    pub(super) fn bytes(self) -> Option<usize> {
        (self.width as usize).checked_mul(self.height as usize)?.checked_mul(self.channels as usize)
    }

    pub(super) fn from_bytes(bytes: &[u8; ENTRY]) -> Self {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let start = u64::from(number(0)) | u64::from(number(4)) << 32;
        Self { start, width: number(8), height: number(12), channels: number(16), crc: number(20) }
    }

    fn to_bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.start.to_le_bytes());
        let numbers = [self.width, self.height, self.channels, self.crc];
        for (to, number) in bytes[8..].chunks_exact_mut(4).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }
}

/// The side that stands in the header for `form`.
pub(super) fn side(form: Form) -> u32 {
    match form {
        Form::Test(size) => size,
        Form::Originals => 0,
    }
}

/// Writes the file under another name in the same folder, flushes it to the disk and renames it; a failure leaves neither
/// file nor folder.
pub(super) fn write(
    path: &Path,
    samples: &dyn Samples,
    form: Form,
    facts: &Hash,
    done: impl FnMut(usize),
) -> Result<(), DatasetError> {
    let parent = folder_of(path);
    let new = make_folders(parent).map_err(refused(parent))?;
    let written = Temporary::beside(path).map_err(refused(path)).and_then(|temporary| {
        let written = write_synced(&temporary, samples, form, facts, done)
            .and_then(|()| fs::rename(&temporary.path, path).and_then(|()| sync_folder(parent)).map_err(refused(path)));
        if written.is_err() {
            // The reason of the failure matters more than a leftover.
            let _ = fs::remove_file(&temporary.path);
        }
        written
    });
    if written.is_err() {
        remove_folders(&new);
    }
    written
}

fn refused(path: &Path) -> impl Fn(io::Error) -> DatasetError + Copy {
    move |source| DatasetError::Write { path: path.to_owned(), source }
}

/// Makes the renaming itself survive a power failure, on systems that can do so.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn write_synced(
    Temporary { path, file }: &Temporary,
    samples: &dyn Samples,
    form: Form,
    facts: &Hash,
    mut done: impl FnMut(usize),
) -> Result<(), DatasetError> {
    let failed = refused(path);
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut start = (HEADER + ENTRY * samples.len()) as u64;
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let (mut index, mut pixels_hash) = (Vec::with_capacity(ENTRY * samples.len()), Sha256::new());
    let indices: Vec<usize> = (0..samples.len()).collect();
    for block in indices.chunks(BLOCK) {
        let images: Vec<_> =
            block.par_iter().map(|index| Ok(made(samples.image(*index)?, form))).collect::<Result<_, _>>()?;
        for (entry, pixels) in images {
            index.extend(Entry { start, ..entry }.to_bytes());
            file.write_all(&pixels).map_err(failed)?;
            pixels_hash.update(&pixels);
            start += pixels.len() as u64;
        }
        done(block.len());
    }
    let count = (samples.len() as u64).to_le_bytes();
    let hashed = [&facts[..], &pixels_hash.finalize(), &side(form).to_le_bytes(), &[0; 4], &count, &index].concat();
    let header = [&MAGIC[..], &Sha256::digest(&hashed), &hashed].concat();
    file.rewind().and_then(|()| file.write_all(&header)).map_err(failed)?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)
}

/// What is kept of an image; its start is not known yet.
fn made(image: DynamicImage, form: Form) -> (Entry, Vec<u8>) {
    let (width, height) = (image.width(), image.height());
    // The same choice as in preprocessing, so that it goes on from here as from the image itself.
    let (width, height, channels, pixels) = match form {
        Form::Test(size) => (size, size, 3, Preprocess::new(size).test(&image).into_raw()),
        Form::Originals if image.color().has_color() => (width, height, 3, image.into_rgb8().into_raw()),
        Form::Originals => (width, height, 1, image.into_luma8().into_raw()),
    };
    (Entry { start: 0, width, height, channels, crc: crc32fast::hash(&pixels) }, pixels)
}
