//! `clf data list` and `clf data where`.

use std::path::{Path, PathBuf};

use clf_core::{
    Error,
    data::{DataFolder, DatasetError},
};
use clf_datasets::{Descriptor, Reader, descriptors};
use clf_fetch::size;
use serde::Serialize;
use serde_json::json;

use super::{
    super::{print, print_json},
    sets::{Counted, Presence, named, presence, root},
};
use crate::{
    arguments::{DataListArguments, WhereArguments},
    progress::say,
};

/// A dataset in the list.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    /// Published images; absent where their number is not known.
    images: Option<usize>,
    /// Images that are there; absent where they cannot be counted.
    found: Option<usize>,
    classes: usize,
    /// Bytes to download; absent where they are not known.
    bytes: Option<u64>,
    state: &'static str,
    /// What is missing or damaged.
    reason: Option<String>,
    path: PathBuf,
}

/// `clf data where`.
pub fn place(arguments: &WhereArguments) -> Result<(), Error> {
    let name = &arguments.name;
    if name.contains(':') {
        let reason = "a locator says itself where its data is; give the name of a dataset, see clf data list";
        return Err(Error::config(name, reason));
    }
    let (set, data) = (named(name)?, arguments.folder.open());
    let path = root(&set, &data)?;
    let (state, _, reason) = state(&set, &data);
    if arguments.json {
        return print_json(&json!({"name": name, "path": path, "state": state, "reason": reason}));
    }
    if let Some(reason) = reason {
        say(&format!("{name} is {state}: {reason}"));
    }
    print(&path.display().to_string())
}

/// `clf data list`.
pub fn list(arguments: &DataListArguments) -> Result<(), Error> {
    let data = arguments.folder.open();
    let rows: Vec<Listed> = descriptors()?.iter().map(|set| listed(set, &data)).collect();
    if arguments.json {
        return print_json(&rows);
    }
    let head = ["name", "images", "classes", "download", "state", "path"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..6).map(width).collect();
    let lines = rows.iter().map(|[name, images, classes, bytes, state, path]| {
        let [a, b, c, d, e] = [widths[0], widths[1], widths[2], widths[3], widths[4]];
        format!("{name:a$}  {images:>b$}  {classes:>c$}  {bytes:>d$}  {state:e$}  {path}")
    });
    print(&lines.collect::<Vec<_>>().join("\n"))
}

fn listed(set: &Descriptor, data: &DataFolder) -> Listed {
    let (state, found, reason) = state(set, data);
    let path = root(set, data).unwrap_or_else(|_| set.home(&data.path));
    let images = match (set.images.train, set.images.test) {
        (None, None) => None,
        (train, test) => Some(train.unwrap_or(0) + test.unwrap_or(0)),
    };
    let bytes = download(set);
    let found = found.map(|found| found.train + found.test);
    Listed { name: set.name, images, found, classes: set.class_names.len(), bytes, state, reason, path }
}

/// What became of a dataset on this machine.
pub struct Condition {
    /// `present`, `texts`, `partial`, `damaged` or `absent`.
    pub state: &'static str,
    /// What is wrong with it.
    pub reason: Option<String>,
    /// Bytes to download; absent where they are not known.
    pub bytes: Option<u64>,
}

/// In what condition a dataset is, whether or not partial copies are accepted.
pub fn condition(set: &Descriptor, data: &DataFolder) -> Condition {
    let (state, _, reason) = state(set, data);
    Condition { state, reason, bytes: download(set) }
}

/// Bytes to download; absent where they are not known.
fn download(set: &Descriptor) -> Option<u64> {
    let sizes: Option<Vec<u64>> = set.files.iter().map(|file| file.bytes).collect();
    sizes.filter(|sizes| !sizes.is_empty()).map(|sizes| sizes.iter().sum())
}

/// In what state a dataset is, what was found of it, and what is wrong with it, whether or not partial copies are accepted.
fn state(set: &Descriptor, data: &DataFolder) -> (&'static str, Option<Counted>, Option<String>) {
    let strict = DataFolder::new(&data.path);
    match (presence(set, &strict), root(set, data)) {
        (Presence::Whole(found), Ok(path)) if is_text_alone(set, &path) => ("texts", Some(*found), None),
        (Presence::Whole(found), Ok(_)) => ("present", Some(*found), None),
        (Presence::Partial(DatasetError::Count { split, found, published, .. }), Ok(_)) => {
            let reason = format!("found {found} {split} images, published are {published}");
            match presence(set, &DataFolder { partial: true, ..strict }) {
                Presence::Whole(found) => ("partial", Some(*found), Some(reason)),
                _ => ("damaged", None, Some(reason)),
            }
        }
        (Presence::Partial(error), Ok(_)) => ("damaged", None, Some(error.to_string())),
        _ => ("absent", None, None),
    }
}

/// Whether a set of linked images has its captions alone.
fn is_text_alone(set: &Descriptor, root: &Path) -> bool {
    let index = |file: &clf_fetch::RemoteFile| clf_datasets::readers::gather::index_of(&root.join(&file.file));
    set.reader == Reader::Captions && !set.files.iter().any(|file| index(file).is_file())
}

fn cells(row: &Listed) -> [String; 6] {
    let known = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let images = match (row.found, row.images) {
        (Some(found), Some(published)) if row.state == "partial" => Some(format!("{found}/{published}")),
        (_, published) => published.map(|images| images.to_string()),
    };
    [
        row.name.to_owned(),
        known(images),
        known((row.classes > 0).then(|| row.classes.to_string())),
        known(row.bytes.map(size)),
        row.state.to_owned(),
        row.path.display().to_string(),
    ]
}
