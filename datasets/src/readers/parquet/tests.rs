use std::{fs, path::Path};

use clf_core::data::{Dataset, Split};

use super::*;

/// Files that `tests/fixtures/elsewhere/make.py` wrote.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/elsewhere").join(name)
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, from) in files {
        fs::copy(fixture(from), dir.path().join(name)).unwrap();
    }
    dir
}

fn open(path: &Path) -> Result<Parquet, DatasetError> {
    Parquet::open(path, InfoOverrides::default())
}

fn with_descriptor(file: &str, text: &str) -> Result<Parquet, DatasetError> {
    let dir = folder(&[("train.parquet", file)]);
    fs::write(dir.path().join("dataset.toml"), text).unwrap();
    open(dir.path())
}

fn error(file: &str, text: &str) -> String {
    with_descriptor(file, text).err().unwrap().to_string()
}

#[test]
fn columns_that_are_not_there_or_of_another_kind_are_named() {
    let error = |text| error("older.parquet", text);
    assert!(
        error("image-column = 'picture'")
            .contains("no column \"picture\", as image-column says; it has img, fine_label")
    );
    assert!(error("image-column = 'fine_label'").contains("\"fine_label\" holds no pictures"));
    assert!(error("label-column = 'img'\nclass-names = ['a']").contains("not UTF-8"));
    assert!(error("caption-column = 'fine_label'").contains("as caption-column says"));
    assert!(error("train-files = ['*.parquet']\nlabel-column = 'coarse'").contains("no column \"coarse\""));
}

#[test]
fn names_are_given_or_those_of_the_schema_or_numbers() {
    let names = |file, text: &str| with_descriptor(file, text).unwrap().info().class_names.clone();
    assert_eq!(names("older.parquet", ""), ["0", "1", "2"]);
    assert_eq!(names("older.parquet", "class-names = ['a', 'b', 'c', 'd']"), ["a", "b", "c", "d"]);
    assert_eq!(names("hub/data/test-00000-of-00001.parquet", ""), ["cat", "dog", "sea lion"]);
    let refused = error("older.parquet", "class-names = ['a', 'b']");
    assert!(refused.contains("label 2 has no name"), "{refused}");
}

#[test]
fn texts_as_labels_are_sorted_reordered_or_renamed() {
    let labels = |text: &str| {
        let data = with_descriptor("texts/train.parquet", text).unwrap();
        let samples = data.split(Split::Train).unwrap();
        let labels: Vec<_> = (0..3).map(|index| samples.label(index).unwrap()).collect();
        (data.info().class_names.join("|"), labels)
    };
    assert_eq!(labels(""), ("cat|dog|sea lion".to_owned(), vec![0, 1, 2]));
    assert_eq!(labels("class-names = ['sea lion', 'cat', 'dog']"), ("sea lion|cat|dog".to_owned(), vec![1, 2, 0]));
    assert_eq!(labels("class-names = ['a', 'b', 'c']"), ("a|b|c".to_owned(), vec![0, 1, 2]));
    assert!(error("texts/train.parquet", "class-names = ['a', 'b']").contains("2 class names for 3 classes"));
}

#[test]
fn a_test_split_with_secret_labels_gives_way_to_the_validation_split() {
    let data = open(&fixture("secret")).unwrap();
    let test = data.split(Split::Test).unwrap();
    assert_eq!([0, 1, 2].map(|index| test.label(index)), [Some(2), Some(0), Some(1)]);
    let dir = folder(&[("train.parquet", "secret/train.parquet"), ("test.parquet", "secret/test.parquet")]);
    assert_eq!(open(dir.path()).unwrap().split(Split::Test).unwrap().label(0), None);
    fs::write(dir.path().join("dataset.toml"), "train-files = ['train.parquet', 'test.parquet']\ntest-files = []")
        .unwrap();
    let refused = open(dir.path()).err().unwrap().to_string();
    assert!(refused.contains("test.parquet") && refused.contains("no labels"), "{refused}");
}

#[test]
fn class_names_that_differ_between_files_are_an_error() {
    let dir = folder(&[("train.parquet", "hub/data/train-00001-of-00002.parquet")]);
    let other = fs::read(fixture("hub/data/test-00000-of-00001.parquet")).unwrap();
    // The same length, so that the footer stays what it is.
    let place = |bytes: &[u8]| bytes.windows(10).position(|it| it == b"\"sea lion\"").unwrap();
    let mut changed = other.clone();
    changed[place(&other) + 1] = b't';
    fs::write(dir.path().join("test.parquet"), changed).unwrap();
    let refused = open(dir.path()).err().unwrap().to_string();
    assert!(refused.contains("test.parquet") && refused.contains("class names are others"), "{refused}");
}

#[test]
fn rows_past_the_end_are_errors_and_not_panics() {
    let data = open(&fixture("older.parquet")).unwrap();
    let samples = data.split(Split::Train).unwrap();
    assert!(samples.image(40).is_err() && samples.image(usize::MAX).is_err());
    assert_eq!((samples.label(40), samples.caption(40), samples.has_image(40)), (None, None, false));
    assert!(data.split(Split::Test).err().unwrap().to_string().contains("test-files"));
}

/// Opens a file of these bytes and reads all of it.
fn read_all(path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
    // Some file systems wait for the disk when a file is written over.
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
    let samples = open(path)?.split(Split::Train)?;
    for index in 0..samples.len() {
        let _ = (samples.image(index), samples.has_image(index), samples.caption(index), samples.label(index));
    }
    Ok(())
}

const DAMAGED: [&str; 4] = [
    "hub/data/train-00001-of-00002.parquet",
    "hub/data/train-00000-of-00002.parquet",
    "older.parquet",
    "texts/train.parquet",
];

#[test]
fn a_file_cut_off_anywhere_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.parquet");
    for name in DAMAGED {
        let whole = fs::read(fixture(name)).unwrap();
        for length in 0..whole.len() {
            let error =
                read_all(&path, &whole[..length]).err().unwrap_or_else(|| panic!("{length} bytes of {name} open"));
            assert!(error.to_string().contains("cut.parquet"), "{error}");
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.parquet");
    for name in DAMAGED {
        let whole = fs::read(fixture(name)).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= if at % 2 == 0 { 1 << (at / 2 % 8) } else { 0xff };
            let _ = read_all(&path, &damaged);
        }
    }
}
