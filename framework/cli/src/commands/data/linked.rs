//! Datasets that are published as a table of captions and links.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use clf_core::{Error, data::DatasetError};
use clf_datasets::{
    Descriptor,
    readers::gather::{Gathered, Gathering, Outcome, count, gather, write_index},
};
use clf_fetch::Fetcher;

use super::{
    fetch::{Fetched, remove_if_empty},
    sets::{Counted, unfetched},
    stamp::{Stamp, StampedFile, StampedImages},
};
use crate::{
    arguments::FetchArguments,
    progress::{Loads, Meter, say},
};

/// Links that are asked at once.
const JOBS: usize = 32;

/// Fetches the table into `home`, then the images of its links, as far as they are alive.
pub fn fetch(set: &Descriptor, home: &Path, fetcher: &Fetcher, arguments: &FetchArguments) -> Result<Fetched, Error> {
    let was_there = set.files.iter().all(|file| home.join(&file.file).is_file());
    let tables = fetcher.download_all(&set.files, home, 1, &Loads::new()).map_err(|error| {
        remove_if_empty(home);
        unfetched(set, error)
    })?;
    let table = tables.first().ok_or_else(|| Error::Defect(format!("{} has no table", set.name)))?;
    let mut stamp = Stamp::now(vec![StampedFile::of(table, None)?]);
    let mut is_new = !was_there;
    match &set.gather {
        Some(settings) if !arguments.texts => {
            let gathered = images(set, table, settings, fetcher, arguments.jobs.map_or(JOBS, usize::from))?;
            is_new |= gathered.new > 0;
            stamp.images = Some(StampedImages::of(&gathered));
            stamp.write(home)?;
            demand(set, &gathered, arguments.minimum.unwrap_or(settings.minimum))?;
            write_index(table)?;
        }
        _ => stamp.write(home)?,
    }
    let dataset = set.open_at(home, true)?;
    Ok(Fetched { name: set.name, path: home.to_owned(), images: Counted::of(&*dataset)?, new: is_new })
}

/// Gathers the images and says how many there are.
fn images(
    set: &Descriptor,
    table: &Path,
    settings: &Gathering,
    fetcher: &Fetcher,
    jobs: usize,
) -> Result<Gathered, Error> {
    let meter = Meter::new(format!("images of {}", set.name), count(table)? as u64);
    let shown = Mutex::new((meter, 0));
    let each = |outcome: &Outcome| {
        // A meter is whole whatever the thread that moved it did next.
        let (meter, found) = &mut *shown.lock().unwrap_or_else(PoisonError::into_inner);
        *found += usize::from(matches!(outcome, Outcome::Found { .. }));
        meter.advance(1, || format!("rows, {found} images"));
    };
    let gathered = gather(table, settings, fetcher, jobs, &each)?;
    report(&gathered);
    Ok(gathered)
}

/// Says how many images were found, and why the others were not.
fn report(gathered: &Gathered) {
    let Gathered { rows, found, dead, passing, .. } = gathered;
    let share = 100.0 * *found as f64 / (*rows).max(1) as f64;
    let mut text = format!("found {found} of {rows} images ({share:.1}%)");
    for (what, reasons) in [("dead links", dead), ("links that may come another time", passing)] {
        if !reasons.is_empty() {
            text += &format!("\n  {what}: {}", listed(reasons));
        }
    }
    say(&text);
}

/// Reasons with their numbers, the most frequent first.
fn listed(reasons: &BTreeMap<String, usize>) -> String {
    let mut reasons: Vec<_> = reasons.iter().collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), reason.as_str()));
    reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect::<Vec<_>>().join(", ")
}

/// Refuses too few images; what was found stays.
fn demand(set: &Descriptor, gathered: &Gathered, minimum: f64) -> Result<(), Error> {
    let share = gathered.found as f64 / gathered.rows.max(1) as f64;
    if share >= minimum {
        return Ok(());
    }
    let Gathered { found, rows, .. } = gathered;
    let name = set.name;
    let hint = format!(
        "what was found is kept: clf data fetch {name} tries the other links again, --minimum {:.2} takes what is there, --texts \
         takes the captions alone",
        (share * 100.0).floor() / 100.0
    );
    let reason = format!("found {found} of {rows} images, fewer than {:.0}%", 100.0 * minimum);
    Err(DatasetError::Unsuitable { dataset: name.to_owned(), reason, hint }.into())
}
