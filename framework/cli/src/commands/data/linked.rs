//! Datasets that are published as a table of captions and links.

use std::{collections::BTreeMap, path::Path, sync::Mutex};

use clf_core::{Error, data::DatasetError};
use clf_datasets::{
    Descriptor,
    readers::gather::{Gathered, Outcome, gather, write_index},
};
use clf_fetch::Fetcher;

use super::{
    fetch::Fetched,
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
    let tables = fetcher.download_all(&set.files, home, 1, &Loads::new()).map_err(|error| unfetched(set, error))?;
    let table = tables.first().ok_or_else(|| Error::Defect(format!("{} has no table", set.name)))?;
    let stamped = tables.iter().map(|table| StampedFile::of(table, None)).collect::<Result<Vec<_>, _>>()?;
    let mut stamp = Stamp::now(stamped);
    let mut is_new = !was_there;
    if let (Some(settings), false) = (&set.gather, arguments.texts) {
        let text = std::fs::read_to_string(table).map_err(|error| Error::io("read", table, error))?;
        let total = text.lines().count();
        let meter = Mutex::new((Meter::new(format!("images of {}", set.name), total as u64), 0));
        let each = |outcome: &Outcome| {
            // A meter is whole whatever the thread that moved it did next.
            let mut meter = meter.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            meter.1 += usize::from(matches!(outcome, Outcome::Found { .. }));
            let found = meter.1;
            meter.0.advance(1, || format!("rows, {found} images"));
        };
        let gathered = gather(table, settings, fetcher, arguments.jobs.map_or(JOBS, usize::from), &each)?;
        is_new |= gathered.new > 0;
        report(&gathered);
        stamp.images = Some(StampedImages {
            rows: gathered.rows,
            found: gathered.found,
            dead: gathered.dead.clone(),
            passing: gathered.passing.clone(),
        });
        stamp.write(home)?;
        demand(set, &gathered, arguments.minimum.unwrap_or(settings.minimum))?;
        write_index(table)?;
    } else {
        stamp.write(home)?;
    }
    let dataset = set.open_at(home, true)?;
    Ok(Fetched { name: set.name, path: home.to_owned(), images: Counted::of(&*dataset)?, new: is_new })
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
