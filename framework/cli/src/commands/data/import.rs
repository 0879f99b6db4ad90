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
    fetch::put,
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
    let home = free_home(&set, &data.path)?;
    if let Some(path) = arguments.paths.iter().find(|path| !path.exists()) {
        let hint = "check the path; a leading ~ is expanded by the shell alone".to_owned();
        return Err(DatasetError::Missing { what: "nothing to import:".to_owned(), path: path.clone(), hint }.into());
    }
    let import = Import { set: &set, home: &home, partial: data.partial, link: arguments.link, copy: arguments.copy };
    let images = match arguments.paths.as_slice() {
        [folder] if folder.is_dir() => import.folder(folder)?,
        files => import.archives(files)?,
    };
    let root = set.root(&data.path)?;
    if arguments.json {
        return print_json(&json!({"name": set.name, "path": root, "train": images.train, "test": images.test}));
    }
    let Counted { train, test } = images;
    print(&format!("{}: {train} training and {test} test images, {}", set.name, root.display()))
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
        let (root, images) = match self.find(folder) {
            Ok(found) => found,
            Err(error) => {
                let archives: Vec<_> = self.set.files.iter().map(|file| folder.join(&file.file)).collect();
                if !archives.is_empty() && archives.iter().all(|archive| archive.is_file()) {
                    return self.archives(&archives);
                }
                return Err(error);
            }
        };
        if self.copy || cfg!(not(unix)) {
            return self.staged(|staging| copy_tree(&root, staging));
        }
        link(&root, self.home)?;
        Ok(images)
    }

    /// The root of the dataset in `folder`, in one of its folders, or above it.
    fn find(&self, folder: &Path) -> Result<(PathBuf, Counted), Error> {
        let folder = folder.canonicalize().map_err(|error| Error::io("read", folder, error))?;
        let mut places = vec![folder.clone()];
        let mut inside: Vec<_> = folder.read_dir().into_iter().flatten().flatten().map(|it| it.path()).collect();
        inside.retain(|path| path.is_dir());
        inside.sort();
        places.extend(inside);
        places.extend(folder.parent().map(Path::to_owned));
        let mut failure: Option<DatasetError> = None;
        for root in places.iter().filter_map(|place| self.set.root_in(place)) {
            match self.open(&root) {
                Ok(images) => return Ok((root, images)),
                // Wrong numbers of images tell more than a folder that is something else.
                Err(error) if failure.is_none() || matches!(error, DatasetError::Count { .. }) => {
                    failure = Some(error);
                }
                Err(_) => {}
            }
        }
        Err(failure.unwrap_or_else(|| self.unknown(&folder)).into())
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
        self.staged(|staging| put(self.set, &archives, staging)?.write(staging))
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
            reason: format!("not all of its published files are given{}", wrong.concat()),
            hint: format!("give all of them, or the unpacked folder: {}", self.names()),
        }
        .into())
    }

    /// The path that holds `file`: the one with its name, or one with its checksum.
    fn among(&self, file: &RemoteFile, paths: &[PathBuf]) -> Result<Result<PathBuf, String>, Error> {
        let progress = Loads::new();
        let check = |path: &Path| verify(file, path, &progress).map_err(|error| unfetched(self.set, error));
        if let Some(path) = paths.iter().find(|path| path.file_name().is_some_and(|name| name == file.file.as_str())) {
            return Ok(check(path)?.map(|()| path.clone()));
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
