//! The classes of a dataset: their order and their names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use clf_core::data::DatasetError;

use super::{
    super::{
        files::{corrupt, read_text},
        info::in_words,
    },
    ClassNames, FolderConfig,
};

/// Labels by folder name, and names by label.
pub(super) struct Classes {
    labels: BTreeMap<String, usize>,
    names: Vec<String>,
}

impl Classes {
    /// The classes that `folders` names, as often as it likes.
    pub(super) fn new<'a>(
        folders: impl Iterator<Item = &'a str>,
        config: &FolderConfig,
        root: &Path,
    ) -> Result<Self, DatasetError> {
        let folders = sorted(folders);
        if let Some(listed) = &config.class_folders {
            return Self::listed(listed, &folders, config, root);
        }
        let (source, named) = match &config.class_names {
            Some(ClassNames::File(file)) => {
                let file = root.join(file);
                let text = read_text(&file, "class names", "check class-names")?;
                (file, from_text(folders, &text))
            }
            Some(ClassNames::InOrder(names)) => (root.to_path_buf(), in_order(folders, names)),
            Some(ClassNames::ByFolder(names)) => (root.to_path_buf(), by_folder(folders, names)),
            None => (root.to_path_buf(), Ok(own_names(folders))),
        };
        let named = named.map_err(|reason| corrupt(&source, reason))?;
        let (folders, names): (Vec<_>, _) = named.into_iter().unzip();
        let labels = folders.into_iter().zip(0..).collect();
        Ok(Self { labels, names })
    }

    /// The classes in the order of `class-folders`, whether or not they have pictures.
    fn listed(listed: &[String], folders: &[String], config: &FolderConfig, root: &Path) -> Result<Self, DatasetError> {
        if let Some(other) = folders.iter().find(|folder| !listed.contains(folder)) {
            return Err(corrupt(root, format!("it has pictures of {other:?}, which is no class of the dataset")));
        }
        if let Some(file) = &config.class_order {
            check_order(listed, &root.join(file))?;
        }
        let names = match &config.class_names {
            Some(ClassNames::InOrder(names)) => names.clone(),
            _ => listed.iter().map(|folder| in_words(folder)).collect(),
        };
        Ok(Self { labels: listed.iter().cloned().zip(0..).collect(), names })
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn label(&self, folder: &str) -> Option<usize> {
        self.labels.get(folder).copied()
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// Refuses a file of classes that has them in another order.
fn check_order(listed: &[String], file: &Path) -> Result<(), DatasetError> {
    let text = read_text(file, "list of classes", "fetch the whole dataset")?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() != listed.len() {
        return Err(corrupt(file, format!("it has {} classes, the dataset has {}", lines.len(), listed.len())));
    }
    match (1..).zip(lines.iter().zip(listed)).find(|(_, (line, folder))| *line != folder) {
        Some((number, (line, folder))) => {
            Err(corrupt(file, format!("line {number} is the class {line:?}, expected was {folder:?}")))
        }
        None => Ok(()),
    }
}

/// Folders with the names of their classes, in label order; or what is wrong.
type Named = Result<Vec<(String, String)>, String>;

/// Bytewise, or by value where all are numbers.
fn sorted<'a>(folders: impl Iterator<Item = &'a str>) -> Vec<String> {
    let unique: BTreeSet<_> = folders.collect();
    let mut sorted: Vec<_> = unique.into_iter().map(str::to_owned).collect();
    let numbers: Option<Vec<u64>> = sorted.iter().map(|folder| folder.parse().ok()).collect();
    if numbers.is_some() {
        sorted.sort_by_key(|folder| folder.parse::<u64>().unwrap_or(u64::MAX));
    }
    sorted
}

fn own_names(folders: Vec<String>) -> Vec<(String, String)> {
    let named = folders.into_iter().map(|folder| {
        let name = in_words(&folder);
        (folder, name)
    });
    named.collect()
}

fn in_order(folders: Vec<String>, names: &[String]) -> Named {
    if folders.len() != names.len() {
        let (classes, names) = (folders.len(), names.len());
        return Err(format!("there are {names} class names for {classes} classes"));
    }
    let known: BTreeSet<_> = folders.iter().collect();
    let listed: BTreeSet<_> = names.iter().collect();
    let order = if known == listed { names.to_vec() } else { folders };
    let names = names.iter().map(|name| in_words(name));
    Ok(order.into_iter().zip(names).collect())
}

fn by_folder(folders: Vec<String>, names: &BTreeMap<String, String>) -> Named {
    let known: BTreeSet<_> = folders.iter().collect();
    if let Some(folder) = names.keys().find(|folder| !known.contains(folder)) {
        return Err(format!("class-names speaks of {folder:?}, which is no class here"));
    }
    let named = own_names(folders).into_iter().map(|(folder, own)| {
        let name = names.get(&folder).cloned().unwrap_or(own);
        (folder, name)
    });
    Ok(named.collect())
}

/// A file with `folder TAB name` lines, or with a name a line.
fn from_text(folders: Vec<String>, text: &str) -> Named {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let table: Option<BTreeMap<_, _>> = lines.clone().map(|line| line.split_once('\t')).collect();
    let Some(table) = table else {
        let names: Vec<_> = lines.map(str::to_owned).collect();
        return in_order(folders, &names);
    };
    let named = folders.into_iter().map(|folder| {
        let name = table.get(folder.as_str());
        let name = name.ok_or_else(|| format!("it has no name for the class {folder:?}"))?;
        Ok((folder, name.trim().to_owned()))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(names: &[&str]) -> Vec<String> {
        sorted(names.iter().copied())
    }

    fn pairs(named: Named) -> Vec<String> {
        let named = named.unwrap();
        named.iter().map(|(folder, name)| format!("{folder}={name}")).collect()
    }

    #[test]
    fn folders_sort_bytewise_and_numbers_by_value() {
        assert_eq!(folders(&["b", "a", "B", "b"]), ["B", "a", "b"]);
        assert_eq!(folders(&["10", "9", "1"]), ["1", "9", "10"]);
        assert_eq!(folders(&["10", "9", "x"]), ["10", "9", "x"]);
    }

    #[test]
    fn a_list_of_the_folders_reorders_them_and_any_other_list_renames_them() {
        let list = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            in_order(folders(&["big_cat", "dog"]), &names)
        };
        assert_eq!(pairs(list(&["dog", "big_cat"])), ["dog=dog", "big_cat=big cat"]);
        assert_eq!(pairs(list(&["lion", "wolf"])), ["big_cat=lion", "dog=wolf"]);
        assert!(list(&["lion"]).unwrap_err().contains("1 class names for 2 classes"));
    }

    #[test]
    fn a_table_renames_some_folders_and_may_not_speak_of_others() {
        let table = |key: &str| {
            let names = BTreeMap::from([(key.to_owned(), "Egyptian cat".to_owned())]);
            by_folder(folders(&["n02", "n_01"]), &names)
        };
        assert_eq!(pairs(table("n02")), ["n02=Egyptian cat", "n_01=n 01"]);
        assert!(table("n03").unwrap_err().contains("n03"));
    }

    #[test]
    fn a_file_is_a_table_when_its_lines_have_tabs() {
        let named = |text| from_text(folders(&["n01", "n02"]), text);
        let table = named("n02\tdog, hound\nn09\tother\nn01\tcat\n");
        assert_eq!(pairs(table), ["n01=cat", "n02=dog, hound"]);
        assert_eq!(pairs(named("cat\ndog\n\n")), ["n01=cat", "n02=dog"]);
        assert!(named("n01\tcat").unwrap_err().contains("n02"));
    }
}
