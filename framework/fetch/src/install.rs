//! Downloaded files at their places.

use std::{
    ffi::OsStr,
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{FetchError, Inner, Limits, Progress, RemoteFile, unpack};

/// Brings the content of a downloaded `file` to its place under `root` and gives that: an archive is unpacked, with the archives
/// inside of it; any other file is copied.
///
/// # Errors
///
/// When the archive is damaged or hostile, or the disk is full; `root` is as it was before.
pub fn install(file: &RemoteFile, archive: &Path, root: &Path, progress: &dyn Progress) -> Result<PathBuf, FetchError> {
    let into = match &file.into {
        Some(into) => root.join(inside(into)?),
        None => root.to_owned(),
    };
    let Some(kind) = file.unpack else {
        fs::create_dir_all(&into).map_err(FetchError::write("create the folder", &into))?;
        let target = file.place(&into)?;
        if target != archive {
            fs::copy(archive, &target).map_err(FetchError::write("write", &target))?;
        }
        return Ok(into);
    };
    let inner = |staged: &Path| file.then.iter().try_for_each(|inner| install_inner(inner, staged, progress));
    unpack::unpack_with(archive, kind, &into, Limits::of(archive)?, progress, &inner)?;
    Ok(into)
}

/// Unpacks the archives that lay inside of another one, and deletes them.
fn install_inner(inner: &Inner, staged: &Path, progress: &dyn Progress) -> Result<(), FetchError> {
    for archive in matching(&staged.join(inside(&inner.file)?))? {
        let stem = archive.file_name().and_then(OsStr::to_str).and_then(|name| name.split('.').next()).unwrap_or("");
        let into = match &inner.into {
            Some(into) => staged.join(inside(Path::new(&into.to_string_lossy().replace("{stem}", stem)))?),
            None => archive.parent().unwrap_or(staged).to_owned(),
        };
        unpack(&archive, inner.unpack, &into, Limits::of(&archive)?, progress)?;
        fs::remove_file(&archive).map_err(FetchError::write("remove", &archive))?;
    }
    Ok(())
}

/// The files that a path with `*` as its name means, sorted, or the path itself.
fn matching(path: &Path) -> Result<Vec<PathBuf>, FetchError> {
    let (Some(folder), true) = (path.parent(), path.file_name().is_some_and(|name| name == "*")) else {
        return Ok(vec![path.to_owned()]);
    };
    let read = |error| FetchError::write("read", folder)(error);
    let entries = fs::read_dir(folder).map_err(read)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<Result<Vec<_>, _>>().map_err(read)?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

/// A path of a description, if it stays inside.
fn inside(path: &Path) -> Result<&Path, FetchError> {
    let stays = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if stays { Ok(path) } else { Err(FetchError::Name { name: path.display().to_string() }) }
}
