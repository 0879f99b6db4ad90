//! The readers on small subsets of real datasets in their official formats.
//!
//! The pictures may not be redistributed and are no part of the repository. Without them every test says so in a line
//! that starts with `SKIPPED`; `CLF_REALDATA` names the folder that holds them.

#![expect(clippy::expect_used, reason = "helpers of tests are not recognised as tests")]

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clf_core::{
    data::{DataFolder, Dataset, Samples, Split},
    registry::open_dataset,
};
use clf_datasets::readers::{Captions, Cifar, Folder, FolderConfig, Idx, InfoOverrides};

/// The folder of real data; without it a line that cannot be overlooked.
fn real(test: &str) -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/realdata");
    let folder = std::env::var_os("CLF_REALDATA").map_or_else(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    // Written past the test harness, which would keep the line to itself, and on a line of its own.
    let line = format!("\nSKIPPED {test}: needs real data at {}\n", folder.display());
    let written = std::io::stderr().write_all(line.as_bytes());
    assert!(written.is_ok());
    None
}

/// The data folder whose datasets have fewer images than were published.
fn partial(real: &Path) -> DataFolder {
    DataFolder { partial: true, ..DataFolder::new(real) }
}

/// Opens the dataset `folder` as the fixture `name` describes it.
fn described(real: &Path, folder: &str, name: &str) -> Folder {
    let fixture = format!("tests/fixtures/{name}.toml");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture);
    let config: FolderConfig = toml::from_str(&read(&fixture)).expect("fixtures are valid");
    Folder::with_config(&real.join(folder), &config).expect("the dataset opens")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Decodes every picture of both splits, checks every label, and counts: training, test.
fn decode_all(data: &dyn Dataset) -> (usize, usize) {
    let count = |split| {
        let samples = data.split(split);
        samples.map_or(0, |samples| decode(&*samples, data.info().class_names.len()))
    };
    (count(Split::Train), count(Split::Test))
}

fn decode(samples: &dyn Samples, classes: usize) -> usize {
    for index in 0..samples.len() {
        let image = samples.image(index);
        let image = image.unwrap_or_else(|error| panic!("picture {index}: {error}"));
        assert!(image.width() > 0 && image.height() > 0);
        assert!(samples.label(index).is_none_or(|label| label < classes));
    }
    samples.len()
}

fn labels(data: &dyn Dataset, split: Split) -> Vec<usize> {
    let samples = data.split(split).expect("the split is there");
    (0..samples.len()).filter_map(|index| samples.label(index)).collect()
}

/// How many pictures the classes have: smallest and largest count.
fn per_class(data: &dyn Dataset, split: Split) -> (usize, usize) {
    let mut counts = vec![0; data.info().class_names.len()];
    for label in labels(data, split) {
        counts[label] += 1;
    }
    let bounds = (counts.iter().min(), counts.iter().max());
    (*bounds.0.unwrap_or(&0), *bounds.1.unwrap_or(&0))
}

/// What `CLASSNAMES.json` says about a set whose classes are in a list.
fn listed_names(real: &Path, set: &str) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(&read(&real.join("CLASSNAMES.json"))).expect("it is JSON");
    let names = json[set].as_array().expect("the set has a list of names");
    let text = |name: &serde_json::Value| name.as_str().unwrap_or_default().replace('_', " ");
    names.iter().map(text).collect()
}

/// What `CLASSNAMES.json` says about a set whose classes are in a table.
fn named(real: &Path, set: &str) -> BTreeMap<String, String> {
    let json: serde_json::Value = serde_json::from_str(&read(&real.join("CLASSNAMES.json"))).expect("it is JSON");
    serde_json::from_value(json[set].clone()).expect("the set has a table of names")
}

#[test]
fn mnist_is_read_whole() {
    let Some(real) = real("mnist_is_read_whole") else {
        return;
    };
    let data = open_dataset("idx:mnist", &real, &partial(&real)).unwrap();
    assert_eq!(data.info().name, "mnist");
    assert_eq!(data.info().class_names, listed_names(&real, "mnist"));
    assert_eq!(labels(&*data, Split::Train)[..8], [5, 0, 4, 1, 9, 2, 1, 3]);
    assert_eq!(labels(&*data, Split::Test)[..8], [7, 2, 1, 0, 4, 1, 4, 9]);
    assert_eq!(decode_all(&*data), (60_000, 10_000));
    let seven = data.split(Split::Test).unwrap().image(0).unwrap().to_luma8();
    assert_eq!(seven.dimensions(), (28, 28));
    // The bar of the seven is bright, the place under its left end is empty.
    assert_eq!(seven.get_pixel(12, 8).0[0], 198);
    assert_eq!(seven.get_pixel(8, 20).0[0], 0);
}

#[test]
fn fashion_mnist_takes_its_class_names_from_the_caller() {
    let Some(real) = real("fashion_mnist_takes_its_class_names_from_the_caller") else {
        return;
    };
    let names = listed_names(&real, "fashion-mnist");
    let overrides = InfoOverrides { class_names: Some(names.clone()), ..InfoOverrides::default() };
    let data = Idx::open(real.join("fashion-mnist"), overrides).unwrap();
    assert_eq!(data.info().class_names, names);
    assert_eq!(decode_all(&data), (6_000, 10_000));
    assert_eq!(per_class(&data, Split::Train), (560, 643));
    assert_eq!(per_class(&data, Split::Test), (1_000, 1_000));
    assert_eq!(labels(&data, Split::Test)[..8], [9, 2, 1, 1, 6, 1, 4, 6]);
}

#[test]
fn both_versions_of_cifar_hold_the_same() {
    let Some(real) = real("both_versions_of_cifar_hold_the_same") else {
        return;
    };
    for (set, versions, counts) in [
        ("cifar-10", ["cifar-10-batches-bin", "cifar-10-batches-py"], (1_000, 300)),
        ("cifar-100", ["cifar-100-binary", "cifar-100-python"], (1_500, 500)),
    ] {
        let [binary, python] =
            versions.map(|version| Cifar::open(real.join(set).join(version), InfoOverrides::default()).unwrap());
        assert_eq!(binary.info(), python.info());
        assert_eq!(binary.info().name, set);
        assert_eq!(binary.info().class_names, listed_names(&real, set));
        assert_eq!(decode_all(&binary), counts);
        for split in [Split::Train, Split::Test] {
            assert_eq!(labels(&binary, split), labels(&python, split));
            let [binary, python] = [&binary, &python].map(|data| data.split(split).unwrap());
            for index in 0..binary.len() {
                assert!(binary.image(index).unwrap() == python.image(index).unwrap());
            }
        }
        let found = open_dataset(&format!("cifar:{set}"), &real, &partial(&real)).unwrap();
        assert_eq!(found.info(), binary.info());
    }
}

#[test]
fn damaged_cifar_pickles_are_errors() {
    let Some(real) = real("damaged_cifar_pickles_are_errors") else {
        return;
    };
    let copy = tempfile::tempdir().unwrap();
    let python = real.join("cifar-10/cifar-10-batches-py");
    for name in ["data_batch_1", "test_batch", "batches.meta"] {
        fs::write(copy.path().join(name), fs::read(python.join(name)).unwrap()).unwrap();
    }
    let whole = fs::read(python.join("test_batch")).unwrap();
    let open = || Cifar::open(copy.path(), InfoOverrides::default());
    assert!(open().is_ok());
    for length in (0..whole.len()).step_by(whole.len() / 23) {
        fs::write(copy.path().join("test_batch"), &whole[..length]).unwrap();
        let error = open().err().expect("a truncated pickle is refused").to_string();
        assert!(error.contains("test_batch"), "{error}");
    }
}

#[test]
fn named_datasets_are_found_under_the_data_folder() {
    let Some(real) = real("named_datasets_are_found_under_the_data_folder") else {
        return;
    };
    let data = open_dataset("cifar100", &real, &partial(&real)).unwrap();
    let on_disk: Vec<_> = listed_names(&real, "cifar-100").iter().map(|name| name.replace('_', " ")).collect();
    assert_eq!(data.info().class_names, on_disk);
    assert_eq!(decode_all(&*data), (1_500, 500));
    let captions = open_dataset("conceptual-captions", &real, &partial(&real)).unwrap();
    assert_eq!(captions.split(Split::Train).unwrap().len(), 15_833);
}

#[test]
fn the_named_datasets_read_the_published_formats() {
    let Some(real) = real("the_named_datasets_read_the_published_formats") else {
        return;
    };
    let expected = [
        ("caltech101", (646, 162), "reference-80-20, partial copy"),
        ("cifar10", (1000, 300), "official, partial copy"),
        ("dtd", (80, 40), "official, partial copy"),
        ("flowers102", (160, 128), "official, partial copy"),
        ("food101", (140, 60), "official, partial copy"),
        ("mnist", (60_000, 10_000), "official"),
        ("oxford-pets", (66, 30), "official, partial copy"),
        ("stanford-cars", (264, 0), "official, partial copy"),
        ("tiny-imagenet", (2400, 600), "official, partial copy"),
    ];
    for (name, images, split_family) in expected {
        let data = open_dataset(name, &real, &partial(&real)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((decode_all(&*data), &*data.info().split_family), (images, split_family), "{name}");
        assert_eq!(data.info().name, name);
    }
}

#[test]
fn cifar10_is_not_taken_for_cifar100() {
    let Some(real) = real("cifar10_is_not_taken_for_cifar100") else {
        return;
    };
    for (name, other) in [("cifar100", "cifar-10"), ("cifar10", "cifar-100")] {
        let descriptor = clf_datasets::Descriptor::named(name).unwrap();
        let error = descriptor.open_at(&real.join(other), true).err().unwrap().to_string();
        assert!(error.contains("are not those of CIFAR-"), "{error}");
    }
}

#[test]
fn a_copy_with_fewer_images_than_published_is_refused_with_both_numbers() {
    let Some(real) = real("a_copy_with_fewer_images_than_published_is_refused_with_both_numbers") else {
        return;
    };
    for (name, found, published) in
        [("dtd", "80 train", "1880"), ("flowers102", "160 train", "1020"), ("tiny-imagenet", "2400 train", "100000")]
    {
        let error = open_dataset(name, &real, &DataFolder::new(&real)).err().unwrap().to_string();
        for part in [name, found, published, "--partial-data", "clf data fetch"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn caltech101_leaves_out_its_background() {
    let Some(real) = real("caltech101_leaves_out_its_background") else {
        return;
    };
    let data = described(&real, "caltech101", "caltech101");
    assert_eq!(data.info().class_names, listed_names(&real, "caltech101")[1..]);
    assert_eq!(decode_all(&data), (101 * 6, 101 * 2));
    assert_eq!(per_class(&data, Split::Train), (6, 6));
    assert_eq!(per_class(&data, Split::Test), (2, 2));
    assert_eq!(data.info().prompt(0, 19), "a photo of a car side.");
}

#[test]
fn dtd_follows_its_lists() {
    let Some(real) = real("dtd_follows_its_lists") else {
        return;
    };
    let data = described(&real, "dtd", "dtd");
    assert_eq!(data.info().class_names, listed_names(&real, "dtd"));
    assert_eq!(decode_all(&data), (80, 40));
    assert_eq!(per_class(&data, Split::Test), (4, 4));
    let expected: Vec<_> = read(&real.join("dtd/labels/test1.txt"))
        .lines()
        .map(|line| line.split('/').next().unwrap_or_default().to_owned())
        .collect();
    let names = &data.info().class_names;
    let found = labels(&data, Split::Test);
    let found: Vec<_> = found.iter().map(|&label| names[label].clone()).collect();
    assert_eq!(found, expected);
}

#[test]
fn food_101_follows_lists_without_endings() {
    let Some(real) = real("food_101_follows_lists_without_endings") else {
        return;
    };
    let data = described(&real, "food-101", "food-101");
    assert_eq!(decode_all(&data), (140, 60));
    assert_eq!(per_class(&data, Split::Train), (14, 14));
    assert_eq!(data.info().class_names[..2], ["Apple pie", "Baby back ribs"]);
    let lower = |name: &String| name.to_lowercase();
    let names: Vec<_> = data.info().class_names.iter().map(lower).collect();
    assert_eq!(names, listed_names(&real, "food-101"));
}

#[test]
fn small_food_101_is_divided_by_fraction() {
    let Some(real) = real("small_food_101_is_divided_by_fraction") else {
        return;
    };
    let data = described(&real, "food101-64px", "food101-64px");
    assert_eq!(data.info().class_names, listed_names(&real, "food101-64px"));
    assert_eq!(decode_all(&data), (101 * 15, 101 * 5));
    assert_eq!(per_class(&data, Split::Test), (5, 5));
    let plain = open_dataset("folder:food101-64px/images", &real, &partial(&real)).unwrap();
    assert_eq!(plain.info().class_names, data.info().class_names);
    assert_eq!(plain.split(Split::Train).unwrap().len(), 2_020);
    assert!(plain.split(Split::Test).is_err());
}

#[test]
fn tiny_imagenet_joins_nested_folders_and_annotations() {
    let Some(real) = real("tiny_imagenet_joins_nested_folders_and_annotations") else {
        return;
    };
    let data = described(&real, "tiny-imagenet-200", "tiny-imagenet-200");
    let names = named(&real, "tiny-imagenet-200");
    // A sorted table is in the order of the sorted class folders.
    let sorted: Vec<_> = names.values().cloned().collect();
    assert_eq!(data.info().class_names, sorted);
    assert_eq!(decode_all(&data), (2_400, 600));
    assert_eq!(per_class(&data, Split::Train), (12, 12));
    assert_eq!(per_class(&data, Split::Test), (3, 3));
    let annotations = read(&real.join("tiny-imagenet-200/val/val_annotations.txt"));
    let found = labels(&data, Split::Test);
    for (line, label) in annotations.lines().zip(found) {
        let folder = line.split('\t').nth(1).unwrap_or_default();
        assert_eq!(names[folder], data.info().class_names[label]);
    }
}

#[test]
fn pets_are_read_by_list_and_by_file_name() {
    let Some(real) = real("pets_are_read_by_list_and_by_file_name") else {
        return;
    };
    let data = described(&real, "oxford-iiit-pet", "oxford-iiit-pet");
    assert_eq!(data.info().class_names, ["Abyssinian", "american bulldog", "Bengal"]);
    assert_eq!(decode_all(&data), (66, 30));
    let expected: Vec<usize> = read(&real.join("oxford-iiit-pet/annotations/test.txt"))
        .lines()
        .map(|line| match line.split('_').next() {
            Some("Abyssinian") => 0,
            Some("american") => 1,
            _ => 2,
        })
        .collect();
    assert_eq!(labels(&data, Split::Test), expected);
    let flat = described(&real, "oxford-iiit-pet", "oxford-iiit-pet-flat");
    assert_eq!(flat.info().class_names, ["Abyssinian", "Bengal", "american bulldog"]);
    assert_eq!(decode_all(&flat), (30, 30));
}

#[test]
fn cars_follow_a_numbered_list() {
    let Some(real) = real("cars_follow_a_numbered_list") else {
        return;
    };
    let data = described(&real, "stanford_cars", "stanford_cars");
    assert_eq!(decode_all(&data), (22 * 9, 22 * 3));
    assert_eq!(per_class(&data, Split::Test), (3, 3));
    let mut names: Vec<_> = named(&real, "stanford_cars").into_iter().collect();
    names.sort_by_key(|(label, _)| label.parse::<usize>().unwrap_or(0));
    let names: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
    assert_eq!(data.info().class_names, names);
}

#[test]
fn cars_take_labels_from_their_matlab_files() {
    let Some(real) = real("cars_take_labels_from_their_matlab_files") else {
        return;
    };
    let data = open_dataset("cars:stanford_cars", &real, &partial(&real)).unwrap();
    let mut names: Vec<_> = named(&real, "stanford_cars").into_iter().collect();
    names.sort_by_key(|(label, _)| label.parse::<usize>().unwrap_or(0));
    let names: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
    assert_eq!(data.info().class_names, names);
    assert!(data.split(Split::Test).is_err());
    assert_eq!(decode_all(&*data), (22 * 12, 0));
    // The list of the copy says the same as the annotations.
    let list = read(&real.join("stanford_cars/SUBSET.tsv"));
    let listed: BTreeMap<&str, &str> =
        list.lines().filter_map(|line| Some((line.split('\t').next()?, line.split('\t').nth(2)?))).collect();
    let train = data.split(Split::Train).unwrap();
    assert_eq!(listed.len(), train.len());
    for index in 0..train.len() {
        let file = train.source(index).and_then(Path::file_name).and_then(|name| name.to_str()).unwrap();
        assert_eq!(listed[file], names[train.label(index).unwrap()], "{file}");
    }
}

#[test]
fn flowers_take_labels_from_their_matlab_files() {
    let Some(real) = real("flowers_take_labels_from_their_matlab_files") else {
        return;
    };
    let data = open_dataset("flowers:flowers102", &real, &partial(&real)).unwrap();
    let mut names: Vec<_> = named(&real, "flowers102").into_iter().collect();
    names.sort_by_key(|(label, _)| label.parse::<usize>().unwrap_or(0));
    let names: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
    assert_eq!(data.info().class_names, names);
    assert_eq!(decode_all(&*data), (160, 128));
    assert_eq!(per_class(&*data, Split::Train), (5, 5));
    assert_eq!(per_class(&*data, Split::Test), (4, 4));
}

#[test]
fn imagenet_samples_are_reference_images() {
    let Some(real) = real("imagenet_samples_are_reference_images") else {
        return;
    };
    let data = described(&real, "imagenet-sample-images", "imagenet-sample-images");
    assert_eq!(decode_all(&data), (100, 0));
    assert_eq!(data.info().class_names.len(), 100);
    let tench = data.info().class_names.iter().position(|name| name == "tench");
    assert_eq!(labels(&data, Split::Train).first().copied(), tench);
    assert!(data.split(Split::Test).is_err());
}

#[test]
fn coco_has_a_sample_for_every_caption() {
    let Some(real) = real("coco_has_a_sample_for_every_caption") else {
        return;
    };
    let data = open_dataset("captions:coco-mini", &real, &partial(&real)).unwrap();
    let samples = data.split(Split::Train).unwrap();
    assert_eq!(decode(&*samples, 0), 300);
    let first = "An airport filled with large passenger jets parked next to each other.";
    assert_eq!(samples.caption(0), Some(first));
    assert!((0..300).all(|index| samples.caption(index).is_some_and(|text| text.len() > 10)));
    assert_eq!(samples.label(0), None);
    assert!(data.split(Split::Test).is_err());
}

#[test]
fn conceptual_captions_are_texts_without_images() {
    let Some(real) = real("conceptual_captions_are_texts_without_images") else {
        return;
    };
    let folder = real.join("conceptual_captions");
    for path in [folder.clone(), folder.join("Validation_GCC-1.1.0-Validation.tsv")] {
        let data = Captions::open(path).unwrap();
        let samples = data.split(Split::Train).unwrap();
        assert_eq!(samples.len(), 15_833);
        let first = "author : a life in photography -- in pictures";
        assert_eq!(samples.caption(0), Some(first));
        let error = samples.image(0).unwrap_err().to_string();
        assert!(error.contains("a caption without an image"), "{error}");
    }
}
