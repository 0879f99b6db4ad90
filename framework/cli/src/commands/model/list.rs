use clf_core::{Error, clip::zoo};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::{
    arguments::StoreArguments,
    model::{EMBEDDED, EMBEDDED_SUMMARY},
    model_files::{self, Origin},
    paths,
};

/// One line of the list.
struct Row {
    name: String,
    summary: String,
    place: String,
    details: Value,
}

/// `clf model list`.
pub fn list(store: &StoreArguments) -> Result<(), Error> {
    let rows = rows(store)?;
    if store.json {
        return print_json(&rows.into_iter().map(|row| row.details).collect::<Vec<_>>());
    }
    let name = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    let place = rows.iter().map(|row| row.place.len()).max().unwrap_or_default();
    let line = |row: &Row| format!("{:name$}  {:place$}  {}", row.name, row.place, row.summary);
    print(&rows.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn rows(store: &StoreArguments) -> Result<Vec<Row>, Error> {
    let root = paths::data_root(store.data.as_deref());
    let embedded = Row {
        name: EMBEDDED.to_owned(),
        summary: EMBEDDED_SUMMARY.to_owned(),
        place: "built in".to_owned(),
        details: json!({"name": EMBEDDED, "summary": EMBEDDED_SUMMARY, "supported": true, "path": null}),
    };
    let published = model_files::all(&root)?.into_iter().map(|model| {
        let found = model_files::locate(&model, &root);
        let place = found.as_ref().map_or("-", |found| match found.origin {
            Origin::Own | Origin::Fetched(_) => "there",
            Origin::HubCache => "there (hub cache)",
        });
        let files = model.files.iter().map(|it| json!({"file": it.file, "urls": it.urls, "sha256": it.sha256}));
        let details = json!({
            "name": model.name, "summary": model.summary, "supported": true, "path": found.map(|found| found.path),
            "architecture": model.architecture, "activation": model.activation, "normalization": model.normalization,
            "open-clip": model.open_clip, "files": files.collect::<Vec<_>>(),
        });
        Row { name: model.name, summary: model.summary, place: place.to_owned(), details }
    });
    let unsupported = zoo::all_unsupported().map(|(name, reason)| Row {
        name: name.to_owned(),
        summary: format!("Not supported: {reason}."),
        place: "-".to_owned(),
        details: json!({"name": name, "summary": reason, "supported": false, "path": null}),
    });
    Ok([embedded].into_iter().chain(published).chain(unsupported).collect())
}
