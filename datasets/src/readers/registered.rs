//! The readers by name: `folder:PATH`, `idx:PATH` and so on.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::DatasetError;

use super::{Captions, Cars, Cifar, Flowers, Folder, Idx, InfoOverrides, Parquet, Shards};

/// The path of a locator, starting at `base` if it is relative.
fn place(path: &str, base: &Path) -> Result<PathBuf, DatasetError> {
    if path.is_empty() || path.starts_with('~') {
        return Err(DatasetError::Unsuitable {
            dataset: path.to_owned(),
            reason: "its path is empty or starts with ~".to_owned(),
            hint: "write the whole path; a leading ~ is not expanded".to_owned(),
        });
    }
    Ok(base.join(path))
}

clf_core::register_reader! {
    name: "folder",
    summary: "Class folders, split folders, lists, or a TOML that describes them.",
    open: |path, base| Ok(Arc::new(Folder::open(place(path, base)?)?)),
}

clf_core::register_reader! {
    name: "idx",
    summary: "The idx files of MNIST and its relatives, gzipped or not.",
    open: |path, base| Ok(Arc::new(Idx::open(place(path, base)?, InfoOverrides::default())?)),
}

clf_core::register_reader! {
    name: "cifar",
    summary: "CIFAR-10 and CIFAR-100, binary or python version.",
    open: |path, base| Ok(Arc::new(Cifar::open(place(path, base)?, InfoOverrides::default())?)),
}

clf_core::register_reader! {
    name: "flowers",
    summary: "Oxford Flowers 102 with its MATLAB files.",
    open: |path, base| Ok(Arc::new(Flowers::open(place(path, base)?, InfoOverrides::default())?)),
}

clf_core::register_reader! {
    name: "cars",
    summary: "Stanford Cars with its MATLAB files.",
    open: |path, base| Ok(Arc::new(Cars::open(place(path, base)?, InfoOverrides::default())?)),
}

clf_core::register_reader! {
    name: "parquet",
    summary: "Parquet files with pictures in them, as the Hugging Face hub has them.",
    open: |path, base| Ok(Arc::new(Parquet::open(place(path, base)?, InfoOverrides::default())?)),
}

clf_core::register_reader! {
    name: "shards",
    summary: "Tar shards of WebDataset.",
    open: |path, base| Ok(Arc::new(Shards::open(place(path, base)?, InfoOverrides::default())?)),
}

clf_core::register_reader! {
    name: "captions",
    summary: "Conceptual Captions tables and COCO caption files.",
    open: |path, base| Ok(Arc::new(Captions::open(place(path, base)?)?)),
}

#[cfg(test)]
mod tests {
    use clf_core::{data::DataFolder, registry::open_dataset};

    use super::*;

    const NAMES: [&str; 8] = ["folder", "idx", "cifar", "flowers", "cars", "parquet", "shards", "captions"];

    fn error(locator: &str) -> String {
        open_dataset(locator, Path::new("/nowhere"), &DataFolder::new("/data")).err().unwrap().to_string()
    }

    #[test]
    fn an_unknown_reader_gets_the_nearest_one() {
        assert!(error("folders:cats").contains("did you mean \"folder\"?"));
        assert!(error("zip:cats").contains("known are"));
    }

    #[test]
    fn a_relative_path_starts_at_the_base() {
        for name in NAMES {
            assert!(error(&format!("{name}:cats")).contains("/nowhere/cats"));
            assert!(error(&format!("{name}:/else/cats")).contains("/else/cats"));
        }
    }

    #[test]
    fn a_home_folder_is_not_guessed() {
        assert!(error("folder:~/cats").contains("not expanded"));
        assert!(error("folder:").contains("empty"));
    }
}
