//! `clf data fetch`: datasets from where they are published.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clf_core::{
    Error,
    data::{DataFolder, DatasetError},
};
use clf_datasets::{Descriptor, Reader};
use clf_fetch::{FetchError, Fetcher, RemoteFile, install};
use serde::Serialize;

use super::{
    super::{print, print_json},
    linked,
    sets::{Counted, Presence, by_hand, named, presence, unfetched},
    stamp::{STAMP, Stamp, StampedFile},
};
use crate::{
    arguments::FetchArguments,
    logging,
    model_files::check_mirror,
    progress::{Loads, say},
};

/// Files that load at once.
const JOBS: usize = 4;

/// What became of one dataset.
#[derive(Serialize)]
pub struct Fetched {
    pub name: &'static str,
    pub path: PathBuf,
    #[serde(flatten)]
    pub images: Counted,
    /// Whether it was made now, or was there before.
    pub new: bool,
}

/// `clf data fetch`.
pub fn fetch(arguments: &FetchArguments) -> Result<(), Error> {
    let sets = arguments.names.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>()?;
    refuse_options(&sets, arguments)?;
    check_mirror()?;
    let data = arguments.folder.open();
    let (mut rows, mut failure) = (Vec::new(), None);
    for set in &sets {
        match fetch_one(set, arguments, &data) {
            Ok(row) => rows.push(row),
            // What stops one dataset need not stop the others, but a full disk does.
            Err(error) => {
                let is_local = error.exit_code() == 6;
                if let Some(earlier) = failure.replace(error) {
                    logging::report(&earlier);
                }
                if is_local {
                    break;
                }
            }
        }
    }
    show(&rows, arguments.json)?;
    failure.map_or(Ok(()), Err)
}

fn show(rows: &[Fetched], json: bool) -> Result<(), Error> {
    if json {
        return print_json(&rows);
    }
    let line = |row: &Fetched| {
        let made = if row.new { "fetched" } else { "was there before" };
        format!("{}: {}, {made}, {}", row.name, row.images, row.path.display())
    };
    if rows.is_empty() { Ok(()) } else { print(&rows.iter().map(line).collect::<Vec<_>>().join("\n")) }
}

/// Captions have options that mean nothing elsewhere.
fn refuse_options(sets: &[Descriptor], arguments: &FetchArguments) -> Result<(), Error> {
    let option = match arguments.minimum {
        _ if arguments.texts => "--texts",
        Some(_) => "--minimum",
        None => return Ok(()),
    };
    match sets.iter().find(|set| set.reader != Reader::Captions) {
        Some(set) => Err(Error::config(option, format!("{} has no captions; leave the option out", set.name))),
        None => Ok(()),
    }
}

fn fetch_one(set: &Descriptor, arguments: &FetchArguments, data: &DataFolder) -> Result<Fetched, Error> {
    let downloads = data.path.join("downloads").join(set.name);
    if let Presence::Whole(images) = presence(set, data)
        && set.reader != Reader::Captions
    {
        let new = settle(set, &downloads, data, arguments.keep_archives)?;
        return Ok(Fetched { name: set.name, path: set.root(&data.path)?, images: *images, new });
    }
    // Links are followed further where their table is; anything else is made anew at its own place.
    let home = match set.reader {
        Reader::Captions => set.root(&data.path).unwrap_or_else(|_| set.home(&data.path)),
        _ => set.home(&data.path),
    };
    refuse_link(set, &home)?;
    if set.files.is_empty() {
        let reason = "no link leads to its files".to_owned();
        return Err(DatasetError::Unsuitable { dataset: set.name.to_owned(), reason, hint: by_hand(set) }.into());
    }
    refuse_file(&home)?;
    let (fetcher, had_data) = (Fetcher::from_environment(), data.path.exists());
    let fetched = if set.reader == Reader::Captions {
        linked::fetch(set, &home, &fetcher, arguments)
    } else {
        refuse_file(&downloads)?;
        unpacked(set, &fetcher, arguments, data, (&home, &downloads))
    };
    if fetched.is_err() && !had_data {
        remove_if_empty(&data.path);
    }
    fetched
}

/// Loads archives to the second folder, and brings their content to the first one.
fn unpacked(
    set: &Descriptor,
    fetcher: &Fetcher,
    arguments: &FetchArguments,
    data: &DataFolder,
    (home, downloads): (&Path, &Path),
) -> Result<Fetched, Error> {
    let jobs = arguments.jobs.map_or(JOBS, usize::from);
    let archives = fetcher.download_all(&set.files, downloads, jobs, &Loads::new());
    let archives = archives.map_err(|error| {
        tidy(downloads);
        unfetched(set, error)
    })?;
    let stamp = put(set, &archives, home, &discard).inspect_err(|_| tidy(downloads))?;
    let images = match presence(set, data) {
        Presence::Whole(images) => *images,
        Presence::Partial(error) | Presence::Absent(error) => return Err(short(error, downloads).into()),
    };
    stamp.write(home)?;
    if !arguments.keep_archives {
        remove(downloads)?;
    }
    Ok(Fetched { name: set.name, path: set.root(&data.path)?, images, new: true })
}

/// Ends what an earlier fetch began that refused the number of images; whether there was such a one.
fn settle(set: &Descriptor, downloads: &Path, data: &DataFolder, keep: bool) -> Result<bool, Error> {
    let home = set.home(&data.path);
    let archives: Vec<PathBuf> = set.files.iter().map(|file| downloads.join(&file.file)).collect();
    if home.is_symlink() || archives.is_empty() || !archives.iter().all(|path| path.is_file()) {
        return Ok(false);
    }
    let is_new = home.is_dir() && !home.join(STAMP).exists();
    if is_new {
        let files = set.files.iter().zip(&archives).map(|(file, path)| StampedFile::of(path, file.sha256.as_deref()));
        Stamp::now(files.collect::<Result<_, _>>()?).write(&home)?;
    }
    if !keep {
        remove(downloads)?;
    }
    Ok(is_new)
}

/// The error for numbers of images that another fetch would bring again.
fn short(error: DatasetError, downloads: &Path) -> DatasetError {
    let DatasetError::Count { dataset, path, split, found, published } = error else { return error };
    let reason = format!("found {found} {split} images, published are {published}; all of its files were loaded");
    let hint = format!(
        "clf data fetch {dataset} --partial-data accepts them; another fetch brings the same, unless {} and {} are deleted and \
         the source has changed",
        path.display(),
        downloads.display()
    );
    DatasetError::Unsuitable { dataset, reason, hint }
}

/// Removes an archive that cannot be unpacked, so that the next fetch loads it anew.
fn discard(file: &RemoteFile, archive: &Path) {
    let is_verified = file.md5.is_some() || file.sha256.is_some();
    let path = archive.display();
    if is_verified {
        say(&format!("{path} has the published checksum and is kept; delete it to load it anew"));
    } else if fs::remove_file(archive).is_ok() {
        say(&format!("removed {path}; the next fetch loads it anew"));
    }
}

fn remove(folder: &Path) -> Result<(), Error> {
    fs::remove_dir_all(folder).map_err(|error| Error::io("remove", folder, error))?;
    folder.parent().into_iter().for_each(remove_if_empty);
    Ok(())
}

/// Removes a folder of downloads and the one above it, as far as nothing is in them.
fn tidy(downloads: &Path) {
    remove_if_empty(downloads);
    downloads.parent().into_iter().for_each(remove_if_empty);
}

/// A folder in which nothing is kept says nothing.
pub fn remove_if_empty(folder: &Path) {
    // Removing fails for any other.
    drop(fs::remove_dir(folder));
}

/// Brings the content of all files to its place under `home`; `damaged` is told of an archive that cannot be unpacked.
pub fn put(
    set: &Descriptor,
    archives: &[PathBuf],
    home: &Path,
    damaged: &dyn Fn(&RemoteFile, &Path),
) -> Result<Stamp, Error> {
    let progress = Loads::new();
    let mut files = Vec::new();
    for (file, archive) in set.files.iter().zip(archives) {
        files.push(StampedFile::of(archive, file.sha256.as_deref())?);
        install(file, archive, home, &progress).map_err(|error| {
            if matches!(error, FetchError::Archive { .. }) {
                damaged(file, archive);
            }
            unfetched(set, error)
        })?;
    }
    Ok(Stamp::now(files))
}

/// Refuses a place where a file is in the way, before anything is loaded.
fn refuse_file(folder: &Path) -> Result<(), Error> {
    for path in folder.ancestors().filter(|path| !path.as_os_str().is_empty()) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Ok(()),
            Ok(_) => {
                let source =
                    io::Error::new(io::ErrorKind::NotADirectory, format!("{} is a file, no folder", path.display()));
                return Err(DatasetError::Write { path: folder.to_owned(), source }.into());
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// What a user linked stays the user's.
fn refuse_link(set: &Descriptor, home: &Path) -> Result<(), Error> {
    if !home.is_symlink() {
        return Ok(());
    }
    let reason = format!("{} is a link to a folder of yours, in which nothing is changed", home.display());
    let hint =
        format!("remove the link and fetch again, or link another folder with clf data import {} PATH", set.name);
    Err(DatasetError::Unsuitable { dataset: set.name.to_owned(), reason, hint }.into())
}
