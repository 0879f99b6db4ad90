//! Copies of named datasets in parquet files, as the Hugging Face hub has them.

use std::{path::Path, sync::Arc};

use clf_core::data::{Dataset, DatasetError, DatasetInfo, Samples, Split, Subset};

use super::Descriptor;
use crate::readers::{InfoOverrides, Parquet, Splits};

/// Whether `root` holds such a copy.
pub(super) fn is_there(root: &Path) -> bool {
    let is_parquet = |path: &Path| path.extension().is_some_and(|ending| ending == "parquet");
    [root.to_owned(), root.join("data")]
        .iter()
        .any(|folder| folder.read_dir().is_ok_and(|entries| entries.flatten().any(|entry| is_parquet(&entry.path()))))
}

/// Opens the copy in `root` with the labels of `descriptor`.
///
/// Copies order classes as they like, so labels are matched by the names of the classes, or of their folders, without regard
/// to case and underscores.
pub(super) fn open(descriptor: &Descriptor, root: &Path) -> Result<Arc<dyn Dataset>, DatasetError> {
    if descriptor.folder.permuted_split.is_some() {
        return Err(DatasetError::Unsuitable {
            dataset: descriptor.name.to_owned(),
            reason: "its split is a permutation of the published files, which parquet files do not keep".to_owned(),
            hint: format!("get the published files with clf data fetch {}", descriptor.name),
        });
    }
    let copy = Parquet::open(root, InfoOverrides::default())?;
    let places = places(descriptor, &copy.info().class_names)
        .map_err(|reason| DatasetError::Corrupt { path: root.to_owned(), reason })?;
    let split = |split| -> Result<Option<Arc<dyn Samples>>, DatasetError> {
        match copy.split(split) {
            Ok(samples) => Ok(Some(Arc::new(Subset::of_classes(samples, &places)))),
            Err(DatasetError::Unsuitable { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let info = DatasetInfo {
        class_names: descriptor.class_names.clone(),
        templates: descriptor.templates.clone(),
        ..copy.info().clone()
    };
    Ok(Arc::new(Splits::new(info, split(Split::Train)?, split(Split::Test)?)))
}

/// For every class of `descriptor` its number among the classes of a copy.
fn places(descriptor: &Descriptor, found: &[String]) -> Result<Vec<usize>, String> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], " ");
    let found_plain: Vec<String> = found.iter().map(|name| plain(name)).collect();
    let place = |name: &String| found_plain.iter().position(|known| *known == plain(name));
    let spellings = [Some(&descriptor.class_names), descriptor.folder.class_folders.as_ref()];
    let matched = spellings.into_iter().flatten().find_map(|names| names.iter().map(place).collect::<Option<Vec<_>>>());
    matched.filter(|places| places.len() == found.len()).ok_or_else(|| {
        let (expected, shown) = (&descriptor.class_names, found.iter().take(3).map(String::as_str).collect::<Vec<_>>());
        format!(
            "its {} classes ({}, ..) are not the {} of {}; a copy with names of other classes, or without names, cannot be told \
             apart",
            found.len(),
            shown.join(", "),
            expected.len(),
            descriptor.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Descriptor {
        Descriptor::named(name).unwrap()
    }

    #[test]
    fn labels_are_matched_by_names_or_folders_in_any_order_and_spelling() {
        let mut names = of("cifar10").class_names;
        names.rotate_left(3);
        assert_eq!(places(&of("cifar10"), &names).unwrap(), [7, 8, 9, 0, 1, 2, 3, 4, 5, 6]);
        let folders = of("oxford-pets").folder.class_folders.unwrap();
        let lower: Vec<String> = folders.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(places(&of("oxford-pets"), &lower).unwrap(), (0..37).collect::<Vec<_>>());
    }

    #[test]
    fn other_classes_and_missing_names_are_refused() {
        let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
        let error = places(&of("cifar10"), &digits).unwrap_err();
        assert!(error.contains("(0, 1, 2, ..)") && error.contains("cifar10"), "{error}");
        let mut more = of("cifar10").class_names;
        more.push("person".to_owned());
        assert!(places(&of("cifar10"), &more).is_err());
    }
}
