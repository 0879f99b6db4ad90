//! `clf data import`: datasets that a user has.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clf_core::{Error, data::DatasetError};
use clf_datasets::Descriptor;
use clf_fetch::{RemoteFile, verify};
use serde_json::json;

use super::{
    super::{print, print_json},
    fetch::{put, remove_if_empty},
    sets::{Counted, named, unfetched},
};
use crate::{
    arguments::ImportArguments,
    progress::{Loads, say},
};

/// `clf data import`.
pub fn import(arguments: &ImportArguments) -> Result<(), Error> {
    let set = named(&arguments.name)?;
    let data = arguments.folder.open();
    if let Some(path) = arguments.paths.iter().find(|path| !path.exists()) {
        let hint = "check the path; a leading ~ is expanded by the shell alone".to_owned();
        return Err(DatasetError::Missing { what: "nothing to import:".to_owned(), path: path.clone(), hint }.into());
    }
    let had_data = data.path.exists();
    let home = free_home(&set, &data.path)?;
    let import = Import { set: &set, home: &home, partial: data.partial, link: arguments.link, copy: arguments.copy };
    let images = match arguments.paths.as_slice() {
        [folder] if folder.is_dir() => import.folder(folder),
        files => import.archives(files),
    };
    let images = images.inspect_err(|_| {
        if !had_data {
            remove_if_empty(&data.path);
        }
    })?;
    let root = set.root(&data.path)?;
    if arguments.json {
        let (train, test, captions) = (images.train, images.test, images.captions);
        let row = json!({"name": set.name, "path": root, "train": train, "test": test, "captions": captions});
        return print_json(&row);
    }
    print(&format!("{}: {images}, {}", set.name, root.display()))
}

/// The place of a dataset, if nothing is there.
fn free_home(set: &Descriptor, data: &Path) -> Result<PathBuf, Error> {
    let home = set.home(data);
    // An empty folder is nothing; removing fails for any other.
    drop(fs::remove_dir(&home));
    if fs::symlink_metadata(&home).is_ok() {
        let reason = format!("{} is there already; move it away first", home.display());
        return Err(Error::config(format!("clf data import {}", set.name), reason));
    }
    fs::create_dir_all(data).map_err(|error| Error::io("create the folder", data, error))?;
    Ok(home)
}

/// One import.
struct Import<'a> {
    set: &'a Descriptor,
    home: &'a Path,
    partial: bool,
    link: bool,
    copy: bool,
}

impl Import<'_> {
    /// Brings a folder in the official layout, or one that holds the published archives.
    fn folder(&self, folder: &Path) -> Result<Counted, Error> {
        let folder = &folder.canonicalize().map_err(|error| Error::io("read", folder, error))?;
        let found = match self.find(folder) {
            Ok(found) => Some(found),
            Err(failure) => {
                let archives: Vec<_> = self.set.files.iter().map(|file| folder.join(&file.file)).collect();
                if !archives.is_empty() && archives.iter().all(|archive| archive.is_file()) {
                    return self.archives(&archives);
                }
                if let Some(error) = failure {
                    return Err(error.into());
                }
                self.above(folder)?
            }
        };
        let (root, images) = found.ok_or_else(|| self.unknown(folder))?;
        if self.copy || cfg!(not(unix)) {
            say(&format!("copying {}", root.display()));
            return self.staged(|staging| copy_tree(&root, staging));
        }
        link(&root, self.home)?;
        Ok(images)
    }

    /// The root of the dataset in `folder` or in one of its folders; else why what is there cannot be used, if there is any.
    fn find(&self, folder: &Path) -> Result<(PathBuf, Counted), Option<DatasetError>> {
        let mut inside: Vec<_> = folder.read_dir().into_iter().flatten().flatten().map(|it| it.path()).collect();
        inside.retain(|path| path.is_dir());
        inside.sort();
        let mut failure: Option<DatasetError> = None;
        for root in
            std::iter::once(folder).chain(inside.iter().map(PathBuf::as_path)).filter_map(|at| self.set.root_in(at))
        {
            match self.open(&root) {
                Ok(images) => return Ok((root, images)),
                // Wrong numbers of images tell more than a folder that is something else.
                Err(error) if failure.is_none() || matches!(error, DatasetError::Count { .. }) => {
                    failure = Some(error);
                }
                Err(_) => {}
            }
        }
        Err(failure)
    }

    /// The folder above `folder` if that is the root itself: the user named a part of it, and no neighbour is ever taken.
    fn above(&self, folder: &Path) -> Result<Option<(PathBuf, Counted)>, DatasetError> {
        let has_marker = |root: &&Path| self.set.markers.iter().any(|marker| root.join(marker).exists());
        let Some(root) = folder.parent().filter(has_marker) else { return Ok(None) };
        Ok(Some((root.to_owned(), self.open(root)?)))
    }

    fn open(&self, root: &Path) -> Result<Counted, DatasetError> {
        Counted::of(&*self.set.open_at(root, self.partial)?)
    }

    /// An error for a folder in which nothing was recognised.
    fn unknown(&self, folder: &Path) -> DatasetError {
        let markers: Vec<_> = self.set.markers.iter().map(|marker| marker.display().to_string()).collect();
        DatasetError::Unsuitable {
            dataset: self.set.name.to_owned(),
            reason: format!("{} is not its folder: there is no {}", folder.display(), markers.join(" and no ")),
            hint: format!(
                "give the unpacked dataset, or its published files: {}; what is in another form needs no import, see clf list \
                 readers",
                self.names()
            ),
        }
    }

    fn names(&self) -> String {
        self.set.files.iter().map(|file| file.file.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Brings the published files, verified and unpacked.
    fn archives(&self, paths: &[PathBuf]) -> Result<Counted, Error> {
        if self.link {
            let reason = "files are unpacked or copied; only a folder can be linked";
            return Err(Error::config("--link", reason));
        }
        let archives = self.in_order(paths)?;
        let names: Vec<_> = archives.iter().map(|path| path.display().to_string()).collect();
        say(&format!("taking {}", names.join(", ")));
        self.staged(|staging| put(self.set, &archives, staging, &|_, _| ())?.write(staging))
    }

    /// The files in the order of the descriptor, each verified.
    fn in_order(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
        let (mut archives, mut wrong) = (Vec::new(), Vec::new());
        for file in &self.set.files {
            match self.among(file, paths)? {
                Ok(path) => archives.push(path),
                Err(reason) => wrong.push(format!("\n  {}: {reason}", file.file)),
            }
        }
        if wrong.is_empty() && !archives.is_empty() {
            return Ok(archives);
        }
        Err(DatasetError::Unsuitable {
            dataset: self.set.name.to_owned(),
            reason: format!("these published files are missing, or differ from what is given{}", wrong.concat()),
            hint: format!(
                "give all of them as they are published: {}; a copy that is unpacked or packed in another way is imported by \
                 giving its folder",
                self.names()
            ),
        }
        .into())
    }

    /// The path that holds `file`: the one with its name, or one with its checksum.
    fn among(&self, file: &RemoteFile, paths: &[PathBuf]) -> Result<Result<PathBuf, String>, Error> {
        let progress = Loads::new();
        let check = |path: &Path| verify(file, path, &progress).map_err(|error| unfetched(self.set, error));
        if let Some(path) = paths.iter().find(|path| path.file_name().is_some_and(|name| name == file.file.as_str())) {
            let differs = |reason| format!("{} is not the published file: {reason}", path.display());
            return Ok(check(path)?.map(|()| path.clone()).map_err(differs));
        }
        let has_checksum = file.md5.is_some() || file.sha256.is_some();
        for path in paths.iter().filter(|path| has_checksum && path.is_file()) {
            if check(path)?.is_ok() {
                return Ok(Ok(path.clone()));
            }
        }
        Ok(Err("missing".to_owned()))
    }

    /// Makes the dataset beside its place, opens it, and moves it there if it is whole.
    fn staged(&self, make: impl FnOnce(&Path) -> Result<(), Error>) -> Result<Counted, Error> {
        let staging = self.home.with_file_name(format!(".{}.importing", self.set.name));
        clear_on_interrupt(staging.clone());
        let outcome = clear(&staging).and_then(|()| make(&staging)).and_then(|()| {
            let root = self.set.root_in(&staging).unwrap_or_else(|| staging.clone());
            let images = self.open(&root)?;
            fs::rename(&staging, self.home).map_err(|error| Error::io("write", self.home, error))?;
            Ok(images)
        });
        if outcome.is_err() {
            drop(clear(&staging));
        }
        outcome
    }
}

/// An interrupt ends the process, and leaves nothing half made.
fn clear_on_interrupt(staging: PathBuf) {
    let handler = move || {
        drop(clear(&staging));
        std::process::exit(130);
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        tracing::debug!("no interrupt handler: {error}");
    }
}

/// Removes a folder if it is there.
fn clear(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", folder, error)),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn link(root: &Path, home: &Path) -> Result<(), Error> {
    say(&format!("linking {}; --copy copies it instead", root.display()));
    std::os::unix::fs::symlink(root, home).map_err(|error| Error::io("link", home, error))
}

#[cfg(not(unix))]
fn link(_root: &Path, home: &Path) -> Result<(), Error> {
    Err(Error::config(home.display().to_string(), "folders are copied on this system"))
}

/// Copies a folder with all that is in it; links become what they point to.
fn copy_tree(from: &Path, to: &Path) -> Result<(), Error> {
    let read = |error| Error::io("read", from, error);
    fs::create_dir_all(to).map_err(|error| Error::io("create the folder", to, error))?;
    for entry in fs::read_dir(from).map_err(read)? {
        let source = entry.map_err(read)?.path();
        let target = to.join(source.file_name().unwrap_or_default());
        if source.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(|error| Error::io("copy", &source, error))?;
        }
    }
    Ok(())
}
