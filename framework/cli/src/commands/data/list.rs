//! `clf data list` and `clf data where`.

use std::path::{Path, PathBuf};

use clf_core::{Error, data::DataFolder};
use clf_datasets::{Descriptor, Reader, descriptors};
use clf_fetch::size;
use serde::Serialize;
use serde_json::json;

use super::{
    super::{print, print_json},
    sets::{Presence, named, presence},
};
use crate::arguments::{DataListArguments, WhereArguments};

/// A dataset in the list.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    /// Published images; absent where their number is not known.
    images: Option<usize>,
    classes: usize,
    /// Bytes to download; absent where they are not known.
    bytes: Option<u64>,
    state: &'static str,
    path: PathBuf,
}

/// `clf data where`.
pub fn place(arguments: &WhereArguments) -> Result<(), Error> {
    let path = named(&arguments.name)?.root(&arguments.folder.open().path)?;
    if arguments.json {
        return print_json(&json!({"name": arguments.name, "path": path}));
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
    let (state, path) = match (presence(set, data), set.root(&data.path)) {
        (Presence::Whole(_), Ok(path)) if is_text_alone(set, &path) => ("texts", path),
        (Presence::Whole(_), Ok(path)) => ("present", path),
        (Presence::Partial(_), Ok(path)) => ("partial", path),
        _ => ("absent", set.home(&data.path)),
    };
    let images = match (set.images.train, set.images.test) {
        (None, None) => None,
        (train, test) => Some(train.unwrap_or(0) + test.unwrap_or(0)),
    };
    let sizes: Option<Vec<u64>> = set.files.iter().map(|file| file.bytes).collect();
    let bytes = sizes.filter(|sizes| !sizes.is_empty()).map(|sizes| sizes.iter().sum());
    Listed { name: set.name, images, classes: set.class_names.len(), bytes, state, path }
}

/// Whether a set of linked images has its captions alone.
fn is_text_alone(set: &Descriptor, root: &Path) -> bool {
    let index = |file: &clf_fetch::RemoteFile| clf_datasets::readers::gather::index_of(&root.join(&file.file));
    set.reader == Reader::Captions && !set.files.iter().any(|file| index(file).is_file())
}

fn cells(row: &Listed) -> [String; 6] {
    let known = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    [
        row.name.to_owned(),
        known(row.images.map(|images| images.to_string())),
        row.classes.to_string(),
        known(row.bytes.map(size)),
        row.state.to_owned(),
        row.path.display().to_string(),
    ]
}
