use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use clf_core::Error;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use tar::{Builder, Header};

/// The file with the checksums of all others.
pub const SUMS: &str = "SHA256SUMS";
/// How a compressed file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The start of 1980, in seconds since 1970: the time of every file, so that equal runs make equal archives. Some programs
/// complain about the year 1970.
const TIME: u64 = 315_532_800;

/// A file of an archive.
pub struct Entry {
    /// Path in the archive, with `/`.
    pub name: String,
    /// What is in it.
    pub content: Content,
}

/// What a file holds.
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this file holds, which may be too large for memory.
    File(PathBuf),
}

impl Content {
    fn open(&self) -> io::Result<(u64, Box<dyn Read + '_>)> {
        Ok(match self {
            Self::Bytes(bytes) => (bytes.len() as u64, Box::new(&bytes[..])),
            Self::File(path) => {
                let file = File::open(path)?;
                (file.metadata()?.len(), Box::new(BufReader::new(file)))
            }
        })
    }

    /// Where it comes from, for errors.
    fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::Bytes(_) => PathBuf::from(name),
            Self::File(path) => path.clone(),
        }
    }
}

/// Whether there is a compressed file at `path`, and no device or anything of the user's.
fn is_archive(path: &Path) -> bool {
    let mut start = [0; 2];
    let mut read = || File::open(path)?.read_exact(&mut start);
    path.is_file() && read().is_ok() && start == GZIP
}

/// Writes an archive whose files lie in the folder `name`, in order and with their checksums: the whole file or nothing.
pub fn write(out: &Path, name: &str, entries: &[Entry]) -> Result<(), Error> {
    if out.exists() && !is_archive(out) {
        let reason = "it is there already and is no archive; choose another place with --out";
        return Err(Error::config(out.display().to_string(), reason));
    }
    let sums: String = entries.iter().map(sum_line).collect::<Result<_, _>>()?;
    let sums = Entry { name: SUMS.to_owned(), content: Content::Bytes(sums.into_bytes()) };
    let failed = |error| Error::io("write", out, error);
    let partial = out.with_extension("partial");
    out.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
    let written = (|| {
        let file = File::create(&partial).map_err(failed)?;
        let mut tar = Builder::new(GzEncoder::new(BufWriter::new(file), Compression::default()));
        for entry in entries.iter().chain([&sums]) {
            append(&mut tar, name, entry).map_err(failed)?;
        }
        let mut file = tar.into_inner().and_then(GzEncoder::finish).map_err(failed)?;
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(failed)?;
        fs::rename(&partial, out).map_err(failed)
    })();
    if written.is_err() {
        // The first error is the one to report; a left-over file is harmless.
        drop(fs::remove_file(&partial));
    }
    written
}

fn append(tar: &mut Builder<impl Write>, folder: &str, entry: &Entry) -> io::Result<()> {
    let (size, content) = entry.content.open()?;
    let mut header = Header::new_gnu();
    header.set_size(size);
    let is_script = Path::new(&entry.name).extension().is_some_and(|ending| ending == "sh");
    header.set_mode(if is_script { 0o755 } else { 0o644 });
    header.set_mtime(TIME);
    tar.append_data(&mut header, format!("{folder}/{}", entry.name), content)
}

/// The line of a file as `sha256sum` writes it.
fn sum_line(entry: &Entry) -> Result<String, Error> {
    let failed = |error| Error::io("read", entry.content.path(&entry.name), error);
    let (_, content) = entry.content.open().map_err(failed)?;
    Ok(format!("{}  {}\n", sha256(content).map_err(failed)?, entry.name))
}

/// SHA-256 of everything that `content` gives, in hexadecimal digits.
pub fn sha256(mut content: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut content, &mut hash)?;
    Ok(hex::encode(hash.finalize()))
}
