//! Tar archives, gzipped or not.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::sink::{Sink, Stop, damaged};

/// A file that says how much of it was read.
pub(super) struct Counted<'a> {
    file: File,
    advance: &'a dyn Fn(u64),
}

impl<'a> Counted<'a> {
    pub fn new(file: File, advance: &'a dyn Fn(u64)) -> Self {
        Self { file, advance }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        (self.advance)(count as u64);
        Ok(count)
    }
}

/// Reads a tar; its first bytes tell whether it is gzipped.
pub(super) fn read(file: File, sink: &mut Sink<'_>, advance: &dyn Fn(u64)) -> Result<(), Stop> {
    let mut reader = BufReader::with_capacity(1 << 17, Counted::new(file, advance));
    let is_gzip = reader.fill_buf().map_err(damaged)?.starts_with(&[0x1f, 0x8b]);
    if is_gzip { read_plain(MultiGzDecoder::new(reader), sink) } else { read_plain(reader, sink) }
}

fn read_plain(reader: impl Read, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let mut archive = Archive::new(reader);
    let mut count = 0;
    for entry in archive.entries().map_err(damaged)? {
        take(&mut entry.map_err(damaged)?, sink)?;
        count += 1;
    }
    if count == 0 {
        return Err(Stop::Archive("it holds nothing".to_owned()));
    }
    // The checksum of the compressed stream stands at its end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    Ok(())
}

fn take(entry: &mut Entry<'_, impl Read>, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let name = entry.path().map_err(damaged)?.into_owned();
    let target = |entry: &Entry<'_, _>| match entry.link_name() {
        Ok(Some(target)) => Ok(target.into_owned()),
        Ok(None) => Err(Stop::Archive(format!("its link {} points nowhere", name.display()))),
        Err(error) => Err(damaged(error)),
    };
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => sink.file(&name, entry),
        EntryType::Directory => sink.folder(&name),
        // A hard link is named from the root, a symbolic one from the folder that it lies in.
        EntryType::Link => sink.link(&name, &target(entry)?),
        EntryType::Symlink => sink.link(&name, &name.parent().unwrap_or(Path::new("")).join(target(entry)?)),
        EntryType::XGlobalHeader | EntryType::XHeader => Ok(()),
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            Err(Stop::Archive(format!("its entry {} is a device", name.display())))
        }
        other => Err(Stop::Archive(format!("its entry {} is of an unknown kind {other:?}", name.display()))),
    }
}
