//! Finding pictures by walking folders.

use std::path::{Path, PathBuf};

use clf_core::data::DatasetError;

use super::{
    super::{
        files::{corrupt, entries, missing},
        picture::is_picture,
    },
    ClassFrom, FolderConfig,
    sources::{Entry, is_left_out},
};

/// All pictures of `folder`: of its class folders, or of itself where the file names tell the class.
pub(super) fn pictures(folder: &Path, config: &FolderConfig) -> Result<Vec<Entry>, DatasetError> {
    if !folder.is_dir() {
        let hint = "check images, train-images and test-images";
        return Err(missing("folder of pictures", folder, hint));
    }
    match config.class_from.unwrap_or(ClassFrom::Folder) {
        ClassFrom::Folder => class_folders(folder, config),
        ClassFrom::PathBelowFirstFolder => nested_classes(folder),
        rule => pictures_in(folder)?.into_iter().map(|path| entry(path, rule)).collect(),
    }
}

fn class_folders(folder: &Path, config: &FolderConfig) -> Result<Vec<Entry>, DatasetError> {
    let mut found = Vec::new();
    for class_folder in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let class = text_name(&class_folder)?;
        if is_left_out(&class, config) {
            continue;
        }
        let pictures = match &config.nested {
            Some(nested) => pictures_in(&class_folder.join(nested))?,
            None => pictures_in(&class_folder)?,
        };
        if pictures.is_empty() {
            let reason = "this class folder holds no pictures; use exclude to leave it out";
            return Err(corrupt(&class_folder, reason));
        }
        found.extend(pictures.into_iter().map(|path| Entry { path, class: class.clone() }));
    }
    if found.is_empty() {
        let reason = "it holds no class folders; a dataset.toml with class-from or train-list describes other layouts";
        return Err(corrupt(folder, reason));
    }
    Ok(found)
}

/// All pictures below `folder`, sorted bytewise by their whole path.
fn nested_classes(folder: &Path) -> Result<Vec<Entry>, DatasetError> {
    let mut found = Vec::new();
    for first in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        for class_folder in entries(&first)?.into_iter().filter(|path| path.is_dir()) {
            collect_nested(&class_folder, &text_name(&class_folder)?, &mut found)?;
        }
    }
    if found.is_empty() {
        return Err(corrupt(folder, "it holds no pictures in folders of the form LETTER/CLASS/"));
    }
    found.sort_unstable_by(|a, b| a.path.as_os_str().as_encoded_bytes().cmp(b.path.as_os_str().as_encoded_bytes()));
    Ok(found)
}

fn collect_nested(folder: &Path, class: &str, found: &mut Vec<Entry>) -> Result<(), DatasetError> {
    for path in entries(folder)? {
        if path.is_dir() {
            collect_nested(&path, &format!("{class}/{}", text_name(&path)?), found)?;
        } else if is_picture(&path) {
            found.push(Entry { path, class: class.to_owned() });
        }
    }
    Ok(())
}

fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut found = entries(folder)?;
    found.retain(|path| is_picture(path) && path.is_file());
    Ok(found)
}

/// A picture whose path tells its class by `rule`.
pub(super) fn entry(path: PathBuf, rule: ClassFrom) -> Result<Entry, DatasetError> {
    let class = match rule {
        ClassFrom::Folder => text_name(path.parent().unwrap_or(Path::new("")))?,
        ClassFrom::BeforeLastUnderscore | ClassFrom::AfterFirstUnderscore => class_in_name(&path, rule)?,
        ClassFrom::PathBelowFirstFolder => {
            return Err(corrupt(&path, "path-below-first-folder goes with folders of pictures, not with lists"));
        }
    };
    Ok(Entry { path, class })
}

fn class_in_name(path: &Path, rule: ClassFrom) -> Result<String, DatasetError> {
    let stem = text_name(&path.with_extension(""))?;
    let class = match rule {
        ClassFrom::AfterFirstUnderscore => stem.split_once('_').map(|(_, class)| class),
        _ => stem.rsplit_once('_').map(|(class, _)| class),
    };
    class
        .filter(|class| !class.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| corrupt(path, "its name has no underscore that tells its class"))
}

fn text_name(path: &Path) -> Result<String, DatasetError> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| corrupt(path, "its name is not UTF-8 text, so it cannot name a class"))
}
