//! The samples of a shard, found by their headers.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use clf_core::data::DatasetError;
use serde::Deserialize;
use tar::{Archive, Entry, EntryType};

use super::{
    super::files::{corrupt, io_error},
    entry::{Role, role, split},
};

/// Largest label, caption or JSON that is read.
const MAX_TEXT: u64 = 4 << 20;
const BLOCK: u64 = 512;
/// Largest number of a class that is believed.
const MAX_CLASS: u32 = 1 << 20;

/// Where a picture lies in its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) length: u64,
}

/// A sample of a shard.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Name of the picture's entry, or of the sample where there is none.
    pub(super) name: String,
    pub(super) place: Option<Place>,
    pub(super) label: Option<u32>,
    pub(super) caption: Option<String>,
    json: Json,
}

/// The part of a JSON that matters.
#[derive(Debug, Default, Deserialize)]
struct Json {
    caption: Option<serde_json::Value>,
    label: Option<serde_json::Value>,
}

/// The samples of the shard `path` in the order in which they begin.
pub(super) fn read(path: &Path) -> Result<Vec<Found>, DatasetError> {
    let file = File::open(path).map_err(io_error(path))?;
    let length = file.metadata().map_err(io_error(path))?.len();
    let samples = scan(file, length).map_err(|reason| corrupt(path, reason))?;
    if samples.is_empty() {
        return Err(corrupt(path, "it holds no pictures and no captions"));
    }
    Ok(samples)
}

fn scan(file: File, length: u64) -> Result<Vec<Found>, String> {
    let mut archive = Archive::new(file);
    let (mut samples, mut known, mut last) = (Vec::new(), HashMap::new(), ("its start".to_owned(), 0));
    let entries = archive.entries_with_seek().map_err(|error| error.to_string())?;
    for entry in entries {
        let mut entry = entry.map_err(|error| format!("after {}: {error}", last.0))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let at = |reason: String| format!("entry {name}: {reason}");
        let place = Place { start: entry.raw_file_position(), length: entry.size() };
        let end = place.start.checked_add(place.length).filter(|end| *end <= length);
        let end = end.ok_or_else(|| at(format!("it is cut off, the file has only {length} bytes")))?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {
                if let Some((key, ending)) = split(&name)
                    && let Some(role) = role(ending)
                {
                    let index = *known.entry(key.to_owned()).or_insert_with(|| {
                        samples.push(Found { name: key.to_owned(), ..Found::default() });
                        samples.len() - 1
                    });
                    add(&mut samples[index], &mut entry, &name, role, place).map_err(at)?;
                }
            }
            EntryType::Directory | EntryType::XGlobalHeader => {}
            other => return Err(at(format!("it is no plain file but of the kind {other:?}"))),
        }
        last = (format!("entry {name}"), end);
    }
    check_end(archive.into_inner(), last.1.next_multiple_of(BLOCK), length)?;
    finish(samples)
}

/// Adds an entry to its sample.
fn add(sample: &mut Found, entry: &mut Entry<File>, name: &str, role: Role, place: Place) -> Result<(), String> {
    let twice = || Err("its sample has another of the kind".to_owned());
    match role {
        Role::Picture if sample.place.is_some() => return twice(),
        Role::Picture => {
            name.clone_into(&mut sample.name);
            sample.place = Some(place);
        }
        Role::Class if sample.label.is_some() => return twice(),
        Role::Class => {
            let text = text(entry)?;
            let label = text.trim().parse().ok().filter(|label| *label <= MAX_CLASS);
            sample.label = Some(label.ok_or_else(|| format!("it holds {:?}, expected a class number", short(&text)))?);
        }
        Role::Caption if sample.caption.is_some() => return twice(),
        Role::Caption => sample.caption = Some(text(entry)?.trim().to_owned()),
        Role::Json => sample.json = serde_json::from_str(&text(entry)?).map_err(|error| error.to_string())?,
    }
    Ok(())
}

fn text(entry: &mut Entry<File>) -> Result<String, String> {
    if entry.size() > MAX_TEXT {
        return Err(format!("it has {} bytes, more than a text is expected to have", entry.size()));
    }
    let mut text = String::new();
    entry.read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// Enough of a text to recognise it by.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Refuses a file that was cut off between two entries, or has another archive behind the first one.
fn check_end(mut file: File, end: u64, length: u64) -> Result<(), String> {
    if length < end + BLOCK {
        return Err("it ends without the empty block that closes a tar file: it was cut off".to_owned());
    }
    let mut rest = Vec::new();
    let read = file.seek(SeekFrom::Start(end)).and_then(|_| file.take(MAX_TEXT).read_to_end(&mut rest));
    read.map_err(|error| error.to_string())?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(format!("there is more behind its end at byte {end}; write it as one tar file"));
    }
    Ok(())
}

/// Takes from the JSON what has no entry of its own, and refuses samples that make no sense.
fn finish(mut samples: Vec<Found>) -> Result<Vec<Found>, String> {
    for sample in &mut samples {
        let Json { caption, label } = std::mem::take(&mut sample.json);
        if let (None, Some(label)) = (sample.label, label.filter(|label| !label.is_null())) {
            let number = label.as_u64().and_then(|label| u32::try_from(label).ok()).filter(|label| *label <= MAX_CLASS);
            let reason =
                || format!("sample {}: the label in its JSON is {label}, expected a class number", sample.name);
            sample.label = Some(number.ok_or_else(reason)?);
        }
        if sample.caption.is_none() {
            sample.caption = caption.and_then(|caption| Some(caption.as_str()?.trim().to_owned()));
        }
        if sample.place.is_none() && sample.caption.as_ref().is_none_or(String::is_empty) {
            return Err(format!("sample {} has neither a picture nor a caption", sample.name));
        }
    }
    Ok(samples)
}
