use std::{fs, path::Path};

use clf_core::{
    Error,
    clip::zoo::{ZooFile, ZooModel},
};
use clf_fetch::{Failure, FetchError, RemoteFile};
use serde_json::json;

use super::{built_in, print, print_json};
use crate::{
    arguments::StoreArguments,
    model::{self, EMBEDDED},
    model_files::{self, Expected, Found, Origin},
    paths,
    progress::{Loads, say},
};

/// `clf model fetch`.
pub fn fetch(name: &str, store: &StoreArguments) -> Result<(), Error> {
    if name == EMBEDDED {
        return Err(built_in(name));
    }
    model_files::check_mirror()?;
    let root = paths::data_root(store.data.as_deref());
    let published = model_files::find(name, &root)?;
    let found = match model_files::locate(&published, &root) {
        // What was fetched is verified again, and repaired where it is damaged.
        None | Some(Found { origin: Origin::Fetched(ZooFile { sha256: Some(_), .. }), .. }) => {
            download(&published, &paths::models(&root))?
        }
        Some(found) => {
            model::read_file(&found.path, Some(&published)).inspect_err(|_| {
                say(&format!("{} was there before; delete it to load it anew", found.path.display()));
            })?;
            found
        }
    };
    let expected = settled(&found)?;
    if store.json {
        return print_json(&json!({"name": name, "path": found.path, "expected": expected}));
    }
    let checksum = match &expected {
        Some(expected) => format!("SHA-256 {} ({})", expected.parts().0, expected.parts().1),
        None => "no checksum of it is known".to_owned(),
    };
    print(&format!("{name}: {}\n{checksum}", found.path.display()))
}

/// Brings the first file of the model that can be had into `folder`.
fn download(published: &ZooModel, folder: &Path) -> Result<Found, Error> {
    fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    let (mut failures, mut advice) = (Vec::new(), None);
    for file in &published.files {
        let remote = RemoteFile {
            file: file.file.clone(),
            urls: file.urls.clone(),
            sha256: file.sha256.clone(),
            ..RemoteFile::default()
        };
        match clf_fetch::download(&remote, folder, &Loads::new()) {
            Ok(path) => match model::read_file(&path, Some(published)) {
                Ok(_) => return Ok(Found { path, origin: Origin::Fetched(file.clone()) }),
                Err(error) if file.sha256.is_some() => return Err(error),
                // Nothing but its content tells what it is.
                Err(error) => failures.push(removed(&path, &error)?),
            },
            Err(FetchError::Unavailable { failures: reasons, hint, .. }) => {
                failures.extend(reasons);
                advice.get_or_insert(hint);
            }
            Err(error) => return Err(not_fetched(&error)),
        }
    }
    let (file, hint) = (published.name.clone(), advice.unwrap_or_default());
    Err(not_fetched(&FetchError::Unavailable { file, failures, hint }))
}

/// Removes a file that was loaded and is something else, so that the next fetch loads it anew.
fn removed(path: &Path, error: &Error) -> Result<Failure, Error> {
    fs::remove_file(path).map_err(|error| Error::io("remove", path, error))?;
    let reason = format!("what was loaded is not this model and was removed: {error}");
    Ok(Failure { url: path.display().to_string(), reason })
}

fn not_fetched(error: &FetchError) -> Error {
    Error::NotFetched { reason: error.to_string(), is_local: error.is_local() }
}

/// The checksum that the file should have; where none is published, the one that it has is recorded now.
fn settled(found: &Found) -> Result<Option<Expected>, Error> {
    let known = model_files::expected(found);
    if known.is_some() || !matches!(found.origin, Origin::Fetched(_)) {
        return Ok(known);
    }
    let sum = clf_fetch::sha256_of(&found.path).map_err(|error| not_fetched(&error))?;
    let (record, name) = (model_files::record_of(&found.path), found.path.file_name().unwrap_or_default());
    let line = format!("{sum}  {}\n", name.to_string_lossy());
    fs::write(&record, line).map_err(|error| Error::io("write", &record, error))?;
    say(&format!(
        "no checksum of {} is published; the one that it has is kept in {}",
        name.display(),
        record.display()
    ));
    Ok(Some(Expected::Recorded(sum)))
}
