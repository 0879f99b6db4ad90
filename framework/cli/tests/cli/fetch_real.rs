//! `clf data fetch` with real sets, packed as they are published.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    bench::text,
    fetch::{Place, tar_gz},
};

/// Small copies of real sets, or a line that says that `test` is skipped.
fn realdata_for(test: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/realdata");
    let found = env::var_os("CLF_REALDATA").map_or_else(beside, PathBuf::from).canonicalize().ok();
    if found.is_none() {
        let line = format!("\nSKIPPED {test}: needs real data at CLF_REALDATA\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

/// All files below `folder`, named from `prefix` on.
fn files_below(folder: &Path, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            files.extend(files_below(&path, &name));
        } else {
            files.push((name, fs::read(&path).unwrap()));
        }
    }
    files
}

/// A set with its archives, the folder that is packed and its name inside, and the files that are published as they are.
type Packed<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn real_sets_come_out_of_archives_as_they_are_published() {
    let Some(real) = realdata_for("real_sets_come_out_of_archives_as_they_are_published") else { return };
    let sets: [Packed<'_>; 7] = [
        ("cifar100", &[("cifar-100/cifar-100-python", "cifar-100-python")], &[]),
        ("dtd", &[("dtd", "dtd")], &[]),
        (
            "flowers102",
            &[("flowers102/jpg", "jpg")],
            &["flowers102/imagelabels.mat", "flowers102/setid.mat", "flowers102/SUBSET.json"],
        ),
        ("food101", &[("food-101", "food-101")], &[]),
        ("tiny-imagenet", &[("tiny-imagenet-200", "tiny-imagenet-200")], &[]),
        ("oxford-pets", &[("oxford-iiit-pet/images", "images"), ("oxford-iiit-pet/annotations", "annotations")], &[]),
        (
            "stanford-cars",
            &[("stanford_cars/cars_train", "cars_train"), ("stanford_cars/devkit", "devkit")],
            &["stanford_cars/SUBSET.tsv"],
        ),
    ];
    for (name, archives, plain) in sets {
        let place = Place::new();
        let pack = |(folder, inside): &(&str, &str)| {
            (format!("{inside}.tar.gz"), tar_gz(&files_below(&real.join(folder), inside)), "unpack = 'tar-gz'")
        };
        let copy = |path: &&str| {
            let file = path.rsplit('/').next().unwrap().to_owned();
            (file, fs::read(real.join(path)).unwrap(), "")
        };
        let published: Vec<_> = archives.iter().map(pack).chain(plain.iter().map(copy)).collect();
        let files: Vec<_> = published.iter().map(|(file, bytes, how)| (file.as_str(), &bytes[..], *how)).collect();
        place.publish(name, &files);
        let row = &place.json(&format!("data fetch {name} --partial-data"))[0];
        let whole = place.json(&format!("data verify {name} --partial-data"));
        assert!(row["train"].as_u64().unwrap() > 30, "{name}: {row}");
        assert_eq!((&whole[0]["images"], &whole[0]["damaged"]), (&row["train"], &json!(0)), "{name}");
        println!("{name}: {} training and {} test images", row["train"], row["test"]);
    }
}

#[test]
fn caltech101_lies_in_an_archive_inside_of_its_archive() {
    let Some(real) = realdata_for("caltech101_lies_in_an_archive_inside_of_its_archive") else { return };
    let place = Place::new();
    let inner = tar_gz(&files_below(&real.join("caltech101/101_ObjectCategories"), "101_ObjectCategories"));
    let outer = tar_gz(&[("caltech-101/101_ObjectCategories.tar.gz".to_owned(), inner)]);
    let then = "unpack = 'tar-gz'\nthen = [{ file = 'caltech-101/101_ObjectCategories.tar.gz', unpack = 'tar-gz' }]";
    place.publish("caltech101", &[("caltech-101.tar.gz", &outer, then)]);
    let row = &place.json("data fetch caltech101 --partial-data")[0];
    let (train, test) = (row["train"].as_u64().unwrap(), row["test"].as_u64().unwrap());
    assert_eq!(train + test, 808, "eight of each class, without the background");
    assert!(place.ok("data verify caltech101 --partial-data").contains("0 damaged"));
}

#[test]
fn mnist_is_whole_from_its_published_files() {
    let Some(real) = realdata_for("mnist_is_whole_from_its_published_files") else { return };
    let place = Place::new();
    let contents: Vec<_> = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]
        .map(|name| format!("{name}-ubyte.gz"))
        .map(|name| (fs::read(real.join("mnist").join(&name)).unwrap(), name))
        .into();
    let files: Vec<_> = contents.iter().map(|(bytes, name)| (name.as_str(), &bytes[..], "")).collect();
    place.publish("mnist", &files);
    let row = &place.json("data fetch mnist")[0];
    assert_eq!((&row["train"], &row["test"]), (&json!(60000), &json!(10000)));
    assert!(place.ok("data verify mnist").contains("train: 60000 images, 0 damaged"));
    assert!(place.ok("data list").lines().any(|line| line.starts_with("mnist") && line.contains("present")));
}

#[test]
fn a_part_of_a_real_set_stands_for_the_whole_and_that_is_said() {
    let Some(real) = realdata_for("a_part_of_a_real_set_stands_for_the_whole_and_that_is_said") else { return };
    let place = Place::new();
    let import = |path: &str| format!("data import food101 {} --copy --partial-data", real.join(path).display());
    place.fails(&import("food101-64px"), 3, &["food101-64px is not its folder"]);
    let output = place.run(&import("food-101/images"));
    let said = format!("copying {}\n", real.join("food-101").display());
    assert!(output.status.success() && text(&output.stderr).contains(&said), "{}", text(&output.stderr));
}
