//! The folder reader on small folders.

use std::fs;

use clf_core::data::{Dataset, Split};

use super::*;

/// A folder with a tiny picture at each path; paths that do not end like a picture get some text.
fn tree(paths: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for path in paths {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if super::super::picture::is_picture(&path) {
            image::RgbImage::new(2, 2).save(path).unwrap();
        } else {
            fs::write(path, "text").unwrap();
        }
    }
    dir
}

fn describe(dir: &tempfile::TempDir, text: &str) -> Result<Folder, DatasetError> {
    fs::write(dir.path().join("dataset.toml"), text).unwrap();
    Folder::open(dir.path())
}

fn error(dir: &tempfile::TempDir, text: &str) -> String {
    describe(dir, text).err().unwrap().to_string()
}

fn labels(data: &Folder, split: Split) -> Vec<usize> {
    let samples = data.split(split).unwrap();
    let label = |index| {
        samples.image(index).unwrap();
        samples.label(index).unwrap()
    };
    (0..samples.len()).map(label).collect()
}

const CATS_AND_DOGS: [&str; 8] = [
    "dog/1.png",
    "big_cat/2.png",
    "big_cat/10.png",
    "big_cat/notes.txt",
    "big_cat/.hidden.png",
    ".git/x.png",
    "readme.txt",
    "dog/3.jpeg",
];

#[test]
fn class_folders_are_one_training_split() {
    let dir = tree(&CATS_AND_DOGS);
    let data = Folder::open(dir.path()).unwrap();
    assert_eq!(data.info().class_names, ["big cat", "dog"]);
    assert_eq!(data.info().prompt(0, 0), "a photo of a big cat.");
    assert_eq!(labels(&data, Split::Train), [0, 0, 1, 1]);
    let error = data.split(Split::Test).err().unwrap().to_string();
    assert!(error.contains("no test split") && error.contains("test-fraction"), "{error}");
}

#[test]
fn split_folders_make_two_splits_over_the_union_of_their_classes() {
    let dir = tree(&["train/b/1.png", "train/c/1.png", "val/a/1.png", "val/c/2.png"]);
    let data = Folder::open(dir.path()).unwrap();
    assert_eq!(data.info().class_names, ["a", "b", "c"]);
    assert_eq!(labels(&data, Split::Train), [1, 2]);
    assert_eq!(labels(&data, Split::Test), [0, 2]);
}

#[test]
fn a_folder_test_is_preferred_to_val_and_a_class_may_be_called_train() {
    let dir = tree(&["train/a/1.png", "val/a/1.png", "test/a/1.png", "test/a/2.png"]);
    let data = Folder::open(dir.path()).unwrap();
    assert_eq!(labels(&data, Split::Test).len(), 2);
    let dir = tree(&["train/1.png", "tractor/1.png"]);
    let data = Folder::open(dir.path()).unwrap();
    assert_eq!(data.info().class_names, ["tractor", "train"]);
}

#[test]
fn a_descriptor_elsewhere_points_to_the_folder_and_gives_it_its_name() {
    let dir = tree(&["pets/cat/1.png", "pets/dog/1.png"]);
    let path = dir.path().join("my-pets.toml");
    fs::write(&path, "root = 'pets'\ntemplates = ['a {}', 'one {}']").unwrap();
    let data = Folder::open(&path).unwrap();
    assert_eq!(data.info().name, "my-pets");
    assert_eq!(data.info().prompt(1, 1), "one dog");
}

#[test]
fn lists_name_files_with_or_without_ending_and_with_or_without_label() {
    let dir = tree(&["images/cat/1.png", "images/cat/2.JPEG", "images/dog/x y.png"]);
    fs::write(dir.path().join("train.txt"), "# comment\n\ncat/2\n").unwrap();
    let text = "images = 'images'\ntrain-list = 'train.txt'\ntest-list = ['dog/x y.png', 'cat/1']";
    let data = describe(&dir, text).unwrap();
    assert_eq!(labels(&data, Split::Train), [0]);
    assert_eq!(labels(&data, Split::Test), [1, 0]);
    let numbered = "images = 'images'\ntrain-list = ['cat/1.png 10', 'dog/x y.png\t9\tmore']\n\
        class-names = { 9 = 'hound' }";
    let data = describe(&dir, numbered).unwrap();
    assert_eq!(data.info().class_names, ["hound", "10"]);
    assert_eq!(labels(&data, Split::Train), [1, 0]);
}

#[test]
fn without_a_training_list_everything_that_is_not_tested_is_learned() {
    let dir = tree(&["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"]);
    let data = describe(&dir, "test-list = ['dog/1', 'cat/2']").unwrap();
    assert_eq!(labels(&data, Split::Train), [0, 1]);
    let both = "test-list = ['dog/1']\ntrain-list = ['cat/1', 'dog/1']";
    assert!(error(&dir, both).contains("both a training and a test picture"));
}

#[test]
fn a_listed_picture_that_is_not_there_is_named_with_its_line() {
    let dir = tree(&["cat/1.png"]);
    fs::write(dir.path().join("all.txt"), "cat/1\ncat/7\n").unwrap();
    let text = error(&dir, "train-list = 'all.txt'");
    assert!(text.contains("line 2") && text.contains("all.txt") && text.contains("cat/7"));
    assert!(error(&dir, "train-list = 'none.txt'").contains("none.txt"));
}

#[test]
fn flat_folders_tell_the_class_in_the_file_name() {
    let dir = tree(&["big_cat_1.png", "big_cat_2.png", "Dog_1.png"]);
    let data = describe(&dir, "class-from = 'before-last-underscore'").unwrap();
    assert_eq!(data.info().class_names, ["Dog", "big cat"]);
    let data = describe(&dir, "class-from = 'after-first-underscore'").unwrap();
    assert_eq!(data.info().class_names, ["1", "cat 1", "cat 2"]);
    let dir = tree(&["cat.png"]);
    assert!(error(&dir, "class-from = 'after-first-underscore'").contains("cat.png"));
}

#[test]
fn nested_folders_exclusions_and_limits_are_obeyed() {
    let paths = ["cat/images/1.png", "cat/images/2.png", "cat/x.png", "dog/images/1.png", "emu/1.png"];
    let dir = tree(&paths);
    let data = describe(&dir, "nested = 'images'\nexclude = ['emu']").unwrap();
    assert_eq!(labels(&data, Split::Train), [0, 0, 1]);
    let data = describe(&dir, "nested = 'images'\nexclude = ['emu']\nlimit-per-class = 1");
    assert_eq!(labels(&data.unwrap(), Split::Train), [0, 1]);
}

#[test]
fn a_test_fraction_divides_every_class() {
    let dir = tree(&["cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png", "dog/2.png"]);
    let data = describe(&dir, "test-fraction = 0.4").unwrap();
    assert_eq!(labels(&data, Split::Train), [0, 0, 1]);
    assert_eq!(labels(&data, Split::Test), [0, 1]);
}

#[test]
fn folders_that_cannot_be_a_dataset_are_errors_that_name_them() {
    let dir = tree(&["cat/1.png", "empty/notes.txt"]);
    assert!(error(&dir, "").contains("empty"));
    let dir = tree(&["notes.txt"]);
    assert!(error(&dir, "").contains("no class folders"));
    assert!(error(&dir, "images = 'gone'").contains("gone"));
    let error = Folder::open(dir.path().join("gone")).err().unwrap();
    assert!(matches!(error, DatasetError::Missing { .. }));
}

#[test]
fn a_damaged_descriptor_is_an_error_with_its_line() {
    let dir = tree(&["cat/1.png"]);
    let text = error(&dir, "name = 'x'\nclass-names = [");
    assert!(text.contains("dataset.toml") && text.contains("line 2"), "{text}");
}
