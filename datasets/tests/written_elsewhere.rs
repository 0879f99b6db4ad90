//! Files that other tools wrote: `datasets`, `pyarrow`, `webdataset` and `scipy`.
//!
//! `fixtures/elsewhere/make.py` made them; the formula of their pictures stands there and here.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::{
    data::{
        Augment, DataFolder, Dataset, HostBatch, Samples, Split, Transform, load_batch,
        prepared::{self, Form, Made},
    },
    random::Key,
    registry::{open_dataset, open_unprepared},
};
use clf_datasets as _;
use image::{Rgb, RgbImage};

const NAMES: [&str; 3] = ["cat", "dog", "sea lion"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/elsewhere")
}

fn open(locator: &str) -> Arc<dyn Dataset> {
    open_dataset(locator, &fixtures(), &DataFolder::new("/nowhere")).unwrap()
}

fn picture(i: u32) -> RgbImage {
    RgbImage::from_fn(5 + i % 3, 4 + i % 2, |x, y| Rgb([(40 * i) as u8, 30 * x as u8, 30 * y as u8]))
}

/// Checks the pictures and labels of the numbers that a split was made of, in a scattered order and then in order.
fn assert_holds(samples: &dyn Samples, numbers: &[u32], label: impl Fn(u32) -> usize) {
    assert_eq!(samples.len(), numbers.len());
    let total = numbers.len();
    let scattered = (0..total).map(|index| (index * 7 + 3) % total);
    for index in scattered.chain(0..total) {
        let number = numbers[index];
        assert!(samples.has_image(index));
        assert!(samples.image(index).unwrap().to_rgb8() == picture(number), "picture {index}");
        assert_eq!(samples.label(index), Some(label(number)), "label {index}");
    }
}

fn class(number: u32) -> usize {
    number as usize % 3
}

#[test]
fn a_dataset_of_the_hub_is_read_whole() {
    let data = open("parquet:hub");
    assert_eq!(data.info().name, "hub");
    assert_eq!(data.info().class_names, NAMES);
    assert_holds(&*data.split(Split::Train).unwrap(), &(0..12).collect::<Vec<_>>(), class);
    assert_holds(&*data.split(Split::Test).unwrap(), &(20..24).collect::<Vec<_>>(), class);
    let one = open("parquet:hub/data/test-00000-of-00001.parquet");
    assert_eq!(one.info().name, "test-00000-of-00001");
    assert_holds(&*one.split(Split::Train).unwrap(), &(20..24).collect::<Vec<_>>(), class);
}

#[test]
fn older_parquet_with_dictionaries_and_a_missing_picture_is_read() {
    let samples = open("parquet:older.parquet").split(Split::Train).unwrap();
    assert_eq!(samples.len(), 40);
    for index in [39, 0, 24, 25, 12, 14, 13] {
        assert_eq!(samples.label(index), Some(index % 5 % 3));
        assert_eq!(samples.has_image(index), index != 13);
        if index != 13 {
            assert!(samples.image(index).unwrap().to_rgb8() == picture(index as u32 % 5));
        }
    }
    let error = samples.image(13).unwrap_err().to_string();
    assert!(error.contains("older.parquet") && error.contains("row 13 has no picture"), "{error}");
}

#[test]
fn parquet_may_hold_texts_as_captions_and_as_labels() {
    let data = open("parquet:texts");
    assert_eq!(data.info().class_names, NAMES);
    let samples = data.split(Split::Train).unwrap();
    for index in 0..9 {
        let expected = format!("a photo of number {index}");
        assert_eq!(samples.caption(index), (index != 2).then_some(expected.as_str()));
        assert_eq!(samples.label(index), Some(class(index as u32)));
        assert_eq!(samples.has_image(index), index != 4);
    }
    assert!(samples.image(8).unwrap().to_rgb8() == picture(8));
}

#[test]
fn tar_shards_are_read_whole() {
    let data = open("shards:tars");
    assert_eq!(data.info().class_names, NAMES);
    assert_eq!(data.info().templates, ["a photo of a {}.", "a {}, drawn."]);
    assert_holds(&*data.split(Split::Train).unwrap(), &[0, 1, 2, 3, 4], class);
    let test = data.split(Split::Test).unwrap();
    assert_holds(&*test, &[20, 21], class);
    assert_eq!(test.caption(1), Some("a photo of number 21"));
    let captions = open("shards:captions.tar");
    assert!(captions.info().class_names.is_empty());
    let samples = captions.split(Split::Train).unwrap();
    assert_eq!([0, 1, 2].map(|index| samples.has_image(index)), [true, false, true]);
    assert_eq!(samples.caption(1), Some("a photo of number 1"));
    assert!(samples.image(2).unwrap().to_rgb8() == picture(2));
}

#[test]
fn cars_with_the_matlab_files_of_another_writer_are_read() {
    let data = open("cars:cars");
    assert_eq!(data.info().class_names, NAMES);
    assert_holds(&*data.split(Split::Train).unwrap(), &[0, 1], |number| 1 - number as usize);
    assert_holds(&*data.split(Split::Test).unwrap(), &[2], |_| 2);
}

fn all(samples: &dyn Samples, transform: Transform) -> HostBatch {
    load_batch(samples, &(0..samples.len()).collect::<Vec<_>>(), 3, transform).unwrap()
}

/// Compares two sets to the last bit, with the test transform and with random crops.
fn assert_same(one: &dyn Samples, other: &dyn Samples, size: usize) {
    for transform in [Transform::test(size), Transform::train(size, Augment::RandomResizedCrop, Key::default())] {
        let (one, other) = (all(one, transform), all(other, transform));
        let bits = |batch: &HostBatch| batch.pixels.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert!(bits(&one) == bits(&other));
        assert_eq!(one.labels, other.labels);
    }
}

#[test]
fn pictures_of_a_container_are_prepared_to_the_last_bit_and_noticed_when_they_change() {
    const SIZE: usize = 16;
    for (reader, from, file) in
        [("parquet", "hub/data", "train-00001-of-00002.parquet"), ("shards", "tars", "train-000001.tar")]
    {
        let folder = tempfile::tempdir().unwrap();
        let (base, data) = (folder.path(), folder.path().join("prepared-data"));
        std::fs::create_dir(base.join("set")).unwrap();
        for entry in std::fs::read_dir(fixtures().join(from)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), base.join("set").join(entry.file_name())).unwrap();
        }
        let locator = format!("{reader}:set");
        let unprepared = open_unprepared(&locator, base, &DataFolder::new(&data)).unwrap().split(Split::Train).unwrap();
        for form in [Form::Test(SIZE as u32), Form::Originals] {
            let path = prepared::file(&prepared::folder(&locator, base, &data), Split::Train, form);
            let make = || prepared::prepare(&path, &*unprepared, form, |_| {}).unwrap();
            assert_eq!([make(), make()], [Made::Now, Made::Before]);
        }
        let opened = || open_dataset(&locator, base, &DataFolder::new(&data)).unwrap().split(Split::Train);
        let ready = opened().unwrap();
        assert!((0..ready.len()).all(|index| ready.prepared(index, SIZE).unwrap().is_some()));
        assert_eq!(ready.place(1), unprepared.place(1));
        assert_same(&*ready, &*unprepared, SIZE);
        // What is read does not come from the container any more, and a container that changed is noticed.
        let path = base.join("set").join(file);
        let bytes = std::fs::read(&path).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&path, &bytes).unwrap();
        assert!(ready.image(0).is_ok());
        let refusal = opened().err().unwrap().to_string();
        assert!(refusal.contains("have changed since") && refusal.contains(&locator), "{refusal}");
    }
}

/// Real datasets in the form of another tool, compared with their folders picture by picture.
///
/// `fixtures/elsewhere/convert.py` makes them; `CLF_CONVERTED` names the folder that holds them.
#[test]
fn converted_real_datasets_are_what_their_folders_are() {
    let real = std::env::var_os("CLF_REALDATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/realdata"), PathBuf::from);
    let converted = std::env::var_os("CLF_CONVERTED").map(PathBuf::from);
    let Some(converted) = converted.filter(|_| real.is_dir()) else {
        let line = "\nSKIPPED converted_real_datasets_are_what_their_folders_are: needs CLF_CONVERTED, which \
                    tests/fixtures/elsewhere/convert.py fills, and the real data\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    };
    for set in ["dtd", "tiny-imagenet-200", "food-101"] {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{set}.toml"));
        let text = std::fs::read_to_string(fixture).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = real.join(set).canonicalize().unwrap();
        std::fs::write(folder.path().join("set.toml"), format!("root = '{}'\n{text}", root.display())).unwrap();
        let original = open_dataset("folder:set.toml", folder.path(), &DataFolder::new("/nowhere")).unwrap();
        for form in ["parquet-snappy", "parquet-zstd", "parquet", "shards"] {
            let reader = form.split('-').next().unwrap();
            let locator = format!("{reader}:{form}/{set}");
            let data = open_dataset(&locator, &converted, &DataFolder::new("/nowhere")).unwrap();
            assert_eq!(data.info().class_names, original.info().class_names, "{locator}");
            let mut counts = Vec::new();
            for split in [Split::Train, Split::Test] {
                let (one, other) = (data.split(split).unwrap(), original.split(split).unwrap());
                assert_eq!(one.len(), other.len());
                for index in 0..one.len() {
                    assert_eq!(one.label(index), other.label(index), "{locator}: {split} {index}");
                    assert!(one.image(index).unwrap() == other.image(index).unwrap(), "{locator}: {split} {index}");
                }
                counts.push(one.len());
            }
            let line = format!("{locator}: {counts:?} pictures and labels are the same\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    }
}
