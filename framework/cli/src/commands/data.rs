//! `clf data`: what is done with datasets beside learning from them.

mod fetch;
mod import;
mod linked;
mod list;
mod sets;
mod stamp;
mod verify;

use std::{fs, path::Path};

use clf_core::{
    Error, counted,
    data::{
        DatasetError, Split,
        prepared::{self, Form, Made},
    },
    registry,
};
use serde_json::json;

use super::{print, print_json};
use crate::{arguments::PrepareArguments, progress::Meter};

pub use fetch::fetch;
pub use import::import;
pub use list::{Condition, condition, list, place};
pub use verify::verify;

/// `clf data prepare`.
pub fn prepare(arguments: &PrepareArguments) -> Result<(), Error> {
    let PrepareArguments { name, size, train, folder, json } = arguments;
    let base = Path::new("");
    let data = folder.open();
    let dataset = registry::open_unprepared(name, base, &data)?;
    let folder = prepared::folder(name, base, &data.path);
    // Reference sets have training images alone, and are read by the test transform.
    let scored = match dataset.split(Split::Test) {
        Err(DatasetError::Unsuitable { .. }) => Split::Train,
        _ => Split::Test,
    };
    let mut wanted = vec![(scored, Form::Test(*size))];
    if *train {
        wanted.push((Split::Train, Form::Originals));
    }
    let mut rows = Vec::new();
    for (split, form) in wanted {
        let (samples, path) = (dataset.split(split)?, prepared::file(&folder, split, form));
        let mut meter = Meter::new(format!("preparing {name} {split}"), samples.len() as u64);
        let made = prepared::prepare(&path, &*samples, form, |images| {
            meter.advance(images as u64, || "images".to_owned());
        });
        let made = made.map_err(|error| named(error, name))?;
        meter.finish("done");
        let bytes = fs::metadata(&path).map_err(|error| Error::io("read", &path, error))?.len();
        rows.push((split, samples.len(), bytes, made == Made::Now, path));
    }
    if *json {
        let row = |(split, images, bytes, made, path): &(Split, usize, u64, bool, _)| json!({"split": split.to_string(), "images": images, "bytes": bytes, "made": made, "path": path});
        return print_json(&rows.iter().map(row).collect::<Vec<_>>());
    }
    let line = |(split, images, bytes, made, path): &(Split, usize, u64, bool, std::path::PathBuf)| {
        let made = if *made { "prepared" } else { "was prepared before" };
        format!("{split}: {}, {:.1} MB, {made}, {}", counted(*images, "image"), *bytes as f64 / 1e6, path.display())
    };
    print(&rows.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// An unsuitable dataset by the name that the user gave.
fn named(error: DatasetError, name: &str) -> DatasetError {
    match error {
        DatasetError::Unsuitable { reason, hint, .. } => {
            DatasetError::Unsuitable { dataset: name.to_owned(), reason, hint }
        }
        other => other,
    }
}
