//! Zip archives.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use zip::{ZipArchive, read::ZipFile};

use super::sink::{Sink, Stop, damaged};

/// Longest target of a link that is believed.
const LINK: u64 = 4096;

pub(super) fn read(file: File, sink: &mut Sink<'_>, advance: &dyn Fn(u64)) -> Result<(), Stop> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    if archive.is_empty() {
        return Err(Stop::Archive("it holds nothing".to_owned()));
    }
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        take(&mut entry, sink)?;
        advance(entry.compressed_size());
    }
    Ok(())
}

fn take(entry: &mut ZipFile<'_, impl Read>, sink: &mut Sink<'_>) -> Result<(), Stop> {
    // Some programs write the separators of Windows.
    let name = PathBuf::from(entry.name().map_err(damaged)?.replace('\\', "/"));
    if entry.is_dir() {
        return sink.folder(&name);
    }
    if entry.is_symlink() {
        let mut target = String::new();
        entry.take(LINK).read_to_string(&mut target).map_err(damaged)?;
        return sink.link(&name, &name.parent().unwrap_or(Path::new("")).join(target));
    }
    // What is neither a file nor a folder has these bits of its mode set to something else.
    match entry.unix_mode().map_or(0, |mode| mode & 0o170_000) {
        0 | 0o100_000 => sink.file(&name, entry),
        _ => Err(Stop::Archive(format!("its entry {} is a device", name.display()))),
    }
}
