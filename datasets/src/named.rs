//! Datasets with a name of their own, looked for under the data folder.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::{Dataset, DatasetError};

use crate::readers::{Captions, Cifar, InfoOverrides};

/// The first folder of `names` that exists under `root`.
fn folder_of(root: &Path, names: &[&str], what: &str, hint: &str) -> Result<PathBuf, DatasetError> {
    let found = names.iter().map(|name| root.join(name)).find(|path| path.exists());
    found.ok_or_else(|| DatasetError::Missing {
        what: what.to_owned(),
        path: root.join(names[0]),
        hint: format!("{hint}\n        or name the folder that holds it with --data DIR or CLF_DATA"),
    })
}

/// Descriptor of a named dataset: names and templates as in the ZSCL reference code.
fn overrides(text: &str) -> Result<InfoOverrides, DatasetError> {
    toml::from_str(text).map_err(|error| DatasetError::Corrupt {
        path: PathBuf::from("built-in descriptor"),
        reason: error.to_string(),
    })
}

clf_core::register_dataset! {
    name: "cifar100",
    summary: "CIFAR-100 with fine labels, 50000 training and 10000 test images of 32 pixels.",
    open: |root| {
        let hint = "mkdir -p DIR/cifar100 && \
                    curl -L https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz | tar xz -C DIR/cifar100";
        let hint = hint.replace("DIR", &root.display().to_string());
        let names = ["cifar100", "cifar-100", "cifar-100-python", "cifar-100-binary"];
        let folder = folder_of(root, &names, "CIFAR-100", &hint)?;
        Ok(Arc::new(Cifar::open(folder, overrides(include_str!("../named/cifar100.toml"))?)?) as Arc<dyn Dataset>)
    },
}

clf_core::register_dataset! {
    name: "conceptual-captions",
    summary: "Conceptual Captions: captions with images where the table has a column of local files.",
    open: |root| {
        let hint = "download Validation_GCC-1.1.0-Validation.tsv from \
                    https://ai.google.com/research/ConceptualCaptions/download, fetch its images, and add the file of \
                    each as a third column; or choose other data with --reference-images and --reference-texts";
        let names = ["conceptual-captions", "conceptual_captions"];
        let folder = folder_of(root, &names, "Conceptual Captions", hint)?;
        Ok(Arc::new(Captions::open(folder)?) as Arc<dyn Dataset>)
    },
}

#[cfg(test)]
mod tests {
    use clf_core::registry::{self, DatasetEntry};

    use super::*;

    #[test]
    fn cifar100_has_its_names_in_alphabetical_order_and_its_templates() {
        let info = overrides(include_str!("../named/cifar100.toml")).unwrap();
        let names = info.class_names.unwrap();
        assert_eq!((names.len(), names[0].as_str(), names[99].as_str()), (100, "apple", "worm"));
        assert!(names.is_sorted());
        assert_eq!(info.templates.unwrap().len(), 18);
    }

    #[test]
    fn every_missing_dataset_says_where_it_belongs_and_where_to_get_it() {
        for entry in registry::all::<DatasetEntry>() {
            let error = (entry.open)(Path::new("/nowhere")).err().unwrap().to_string();
            for part in ["/nowhere/", "https://", "CLF_DATA"] {
                assert!(error.contains(part), "{}: {error}", entry.name);
            }
        }
    }
}
