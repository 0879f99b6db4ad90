//! The datasets of the benchmarks, each with a descriptor in `datasets/named/NAME.toml`.
//!
//! A new one is a descriptor there and a line here.

mod descriptor;
mod opened;
mod parquet;
mod stand_in;

pub use descriptor::{Counts, Descriptor, Reader};

/// Registers datasets and keeps the texts of their descriptors.
macro_rules! named {
    ($($name:literal: $summary:literal,)+) => {
        /// Names and descriptors.
        const TEXTS: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../named/", $name, ".toml")))),+];

        $(clf_core::register_dataset! {
            name: $name,
            summary: $summary,
            open: |data| Descriptor::named($name)?.open(data),
        })+
    };
}

named! {
    "aircraft": "FGVC-Aircraft, 100 variants, 3334 training and 3333 test images.",
    "caltech101": "Caltech101, 6941 training and 1736 test images (reference split).",
    "cifar10": "CIFAR-10, 50000 training and 10000 test images of 32 pixels.",
    "cifar100": "CIFAR-100 with fine labels, 50000 training and 10000 test images of 32 pixels.",
    "conceptual-captions": "Conceptual Captions, validation split: captions, and images as far as they are still to be had.",
    "dtd": "Describable Textures, 47 classes, 1880 training and 1880 test images.",
    "eurosat": "EuroSAT, 10 classes of land use, 21600 training and 5400 test images (reference split).",
    "flowers102": "Oxford Flowers 102, 1020 training and 6149 test images.",
    "food101": "Food-101, 75750 training and 25250 test images.",
    "imagenet": "ImageNet-1k, 1281167 training and 50000 validation images; reference images of ZSCL.",
    "imagenet100": "The first 100 classes of ImageNet, 5000 validation images.",
    "mnist": "MNIST, 60000 training and 10000 test images of 28 pixels.",
    "oxford-pets": "Oxford-IIIT Pets, 37 breeds, 3680 training and 3669 test images.",
    "stanford-cars": "Stanford Cars, 196 models, 8144 training and 8041 test images.",
    "sun397": "SUN397, 397 scenes, 87003 training and 21751 test images (reference split).",
    "tiny-imagenet": "Tiny-ImageNet, 200 classes, 100000 training and 10000 validation images of 64 pixels.",
}

/// The text of the built-in descriptor called `name`.
pub fn descriptor_text(name: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The descriptors of all named datasets, sorted by name.
///
/// # Errors
///
/// When one cannot be read, which is a defect.
pub fn descriptors() -> Result<Vec<Descriptor>, clf_core::data::DatasetError> {
    TEXTS.iter().map(|(name, _)| Descriptor::named(name)).collect()
}

#[cfg(test)]
mod tests {
    use clf_core::{
        data::DataFolder,
        registry::{self, DatasetEntry},
    };

    use super::*;

    #[test]
    fn every_descriptor_is_whole() {
        for descriptor in descriptors().unwrap() {
            let name = descriptor.name;
            let has_classes = descriptor.reader != Reader::Captions;
            assert_eq!(descriptor.class_names.is_empty(), !has_classes, "{name}");
            assert_eq!(descriptor.templates.is_empty(), !has_classes, "{name}");
            assert!(descriptor.templates.iter().all(|template| template.matches("{}").count() == 1), "{name}");
            assert!(!descriptor.files.is_empty() || descriptor.by_hand.is_some(), "{name}: there is no way to get it");
            let folders = descriptor.folder.class_folders.as_ref().map(Vec::len);
            assert!(folders.is_none_or(|count| count == descriptor.class_names.len()), "{name}");
        }
    }

    #[test]
    fn numbers_of_classes_and_images_are_those_of_the_benchmarks() {
        let rows: Vec<_> = descriptors()
            .unwrap()
            .iter()
            .map(|it| (it.name, it.class_names.len(), it.templates.len(), it.images.train, it.images.test))
            .collect();
        let expected = [
            ("aircraft", 100, 2, Some(3334), Some(3333)),
            ("caltech101", 101, 34, Some(6941), Some(1736)),
            ("cifar10", 10, 18, Some(50000), Some(10000)),
            ("cifar100", 100, 18, Some(50000), Some(10000)),
            ("conceptual-captions", 0, 0, None, None),
            ("dtd", 47, 8, Some(1880), Some(1880)),
            ("eurosat", 10, 3, Some(21600), Some(5400)),
            ("flowers102", 102, 1, Some(1020), Some(6149)),
            ("food101", 101, 1, Some(75750), Some(25250)),
            ("imagenet", 1000, 81, Some(1_281_167), Some(50000)),
            ("imagenet100", 100, 1, None, Some(5000)),
            ("mnist", 10, 1, Some(60000), Some(10000)),
            ("oxford-pets", 37, 1, Some(3680), Some(3669)),
            ("stanford-cars", 196, 9, Some(8144), Some(8041)),
            ("sun397", 397, 2, Some(87003), Some(21751)),
            ("tiny-imagenet", 200, 1, Some(100_000), Some(10000)),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn names_keep_what_the_reference_code_has() {
        let names = |name| Descriptor::named(name).unwrap().class_names;
        assert_eq!(names("mnist")[0], "0 - zero");
        assert_eq!(names("caltech101")[29], "head of a  crocodile");
        assert_eq!(names("oxford-pets")[1], "American Bulldog");
        assert_eq!(names("sun397")[206..208], ["jail/indoor", "jail cell"]);
        assert_eq!(names("cifar100")[1], "aquarium fish");
        assert_eq!(names("tiny-imagenet")[0], "Egyptian Mau");
        assert_eq!(names("imagenet100")[..], names("imagenet")[..100]);
        assert_eq!(Descriptor::named("stanford-cars").unwrap().templates[0], "a photo of a {}, a type of car.");
    }

    #[test]
    fn every_missing_dataset_says_where_it_belongs_and_how_to_get_it() {
        for entry in registry::all::<DatasetEntry>() {
            let error = (entry.open)(&DataFolder::new("/nowhere")).err().unwrap().to_string();
            let fetch = format!("clf data fetch {}", entry.name);
            for part in [&format!("/nowhere/{}", entry.name), &fetch, "CLF_DATA"] {
                assert!(error.contains(part), "{}: {error}", entry.name);
            }
        }
    }
}
