//! `clf data verify`: every image of a dataset decoded once.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use clf_core::{
    Error, counted,
    data::{DatasetError, Samples, Split},
    registry,
};
use rayon::prelude::*;
use serde::Serialize;

use super::super::{print, print_json};
use crate::{arguments::VerifyArguments, progress::Meter};

/// Damaged images that are listed.
const LISTED: usize = 20;

/// What was found in a split.
#[derive(Serialize)]
struct Verified {
    split: String,
    images: usize,
    damaged: usize,
    /// The first of the damaged images, with the reason.
    first: Vec<String>,
}

/// `clf data verify`.
pub fn verify(arguments: &VerifyArguments) -> Result<(), Error> {
    let name = &arguments.name;
    let dataset = registry::open_unprepared(name, Path::new(""), &arguments.folder.open())?;
    let mut rows = Vec::new();
    for split in [Split::Train, Split::Test] {
        match dataset.split(split) {
            Ok(samples) => rows.push(decode(name, split, &*samples)),
            Err(DatasetError::Unsuitable { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    show(&rows, arguments.json)?;
    let (images, damaged) = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.images, sum.1 + row.damaged));
    if damaged == 0 {
        return Ok(());
    }
    Err(DatasetError::Unsuitable {
        dataset: name.clone(),
        reason: format!("{damaged} of {} cannot be decoded", counted(images, "image")),
        hint: "get the files above again: delete the dataset's folder and fetch or import it anew".to_owned(),
    }
    .into())
}

/// Decodes all images of a split, in parallel.
fn decode(name: &str, split: Split, samples: &dyn Samples) -> Verified {
    let total = (0..samples.len()).filter(|index| samples.has_image(*index)).count();
    let meter = Mutex::new(Meter::new(format!("verifying {name} {split}"), total as u64));
    let errors: Vec<DatasetError> = (0..samples.len())
        .into_par_iter()
        .filter(|index| samples.has_image(*index))
        .filter_map(|index| {
            let error = samples.image(index).err();
            // A meter is whole whatever the thread that moved it did next.
            meter.lock().unwrap_or_else(PoisonError::into_inner).advance(1, || "images".to_owned());
            error
        })
        .collect();
    meter.into_inner().unwrap_or_else(PoisonError::into_inner).finish("done");
    let first = errors.iter().take(LISTED).map(with_cause).collect();
    Verified { split: split.to_string(), images: total, damaged: errors.len(), first }
}

/// An error in one line, with what caused it.
fn with_cause(error: &DatasetError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}").replace('\n', " ")
}

fn show(rows: &[Verified], json: bool) -> Result<(), Error> {
    if json {
        return print_json(&rows);
    }
    let mut lines = Vec::new();
    for row in rows {
        lines.push(format!("{}: {}, {} damaged", row.split, counted(row.images, "image"), row.damaged));
        lines.extend(row.first.iter().map(|line| format!("  {line}")));
        if row.damaged > row.first.len() {
            lines.push(format!("  and {} more", row.damaged - row.first.len()));
        }
    }
    print(&lines.join("\n"))
}
