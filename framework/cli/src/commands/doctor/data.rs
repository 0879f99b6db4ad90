//! Which named datasets are there, and whether they are whole.

use clf_core::{
    Error,
    data::{DataFolder, DatasetError},
};
use clf_datasets::descriptors;

use super::{
    super::data::{Condition, condition},
    Patient, Verdict,
};

pub fn datasets(patient: &Patient) -> Verdict {
    Verdict::of(judge(&patient.data), "clf data list says more")
}

/// A set with fewer images than were published is refused by runs unless they accept it.
fn judge(data: &DataFolder) -> Result<Verdict, Error> {
    let (mut present, mut partial, mut broken, mut absent) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for set in descriptors()? {
        let Condition { state, reason, .. } = condition(&set, data);
        match (state, reason) {
            ("present" | "texts", _) => present.push(set.name),
            ("partial", Some(reason)) => partial.push(format!("{} ({reason})", set.name)),
            ("absent", _) => absent += 1,
            (_, reason) => broken.push((set.name, reason.unwrap_or_default())),
        }
    }
    let there = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
    let mut found = format!("there: {there}; absent: {absent}");
    if !partial.is_empty() {
        found.push_str(&format!("; partial: {}", partial.join(", ")));
    }
    if let Some((name, reason)) = broken.into_iter().next() {
        let hint = format!("delete it, then clf data fetch {name}");
        return Err(DatasetError::Unsuitable {
            dataset: name.to_owned(),
            reason: format!("it is damaged: {reason}"),
            hint,
        }
        .into());
    }
    Ok(match partial.first() {
        Some(_) if data.partial => Verdict::warning(found, "records and tables of runs say so"),
        Some(first) => {
            let name = first.split(' ').next().unwrap_or_default();
            let hint = format!("clf data fetch {name}, or accept it with --partial-data");
            let reason = format!("a part of it is missing: {found}");
            return Err(DatasetError::Unsuitable { dataset: name.to_owned(), reason, hint }.into());
        }
        None => Verdict::ok(found),
    })
}
