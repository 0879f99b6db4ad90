//! The named datasets on trees of the published layout, with a few pictures of our own in them.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{fs, path::Path, sync::Arc};

use clf_core::{
    data::{DataFolder, Dataset, Split},
    registry::open_dataset,
};
use clf_datasets as _;
use image::RgbImage;
use tempfile::TempDir;

/// A data folder with pictures at `paths`, the first one pixel wide, the second two, and so on.
fn tree(paths: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, width) in paths.iter().zip(1..) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::new(width, 1).save(path).unwrap();
    }
    dir
}

fn open(dir: &TempDir, name: &str) -> Arc<dyn Dataset> {
    let data = DataFolder { partial: true, ..DataFolder::new(dir.path()) };
    open_dataset(name, Path::new(""), &data).unwrap_or_else(|error| panic!("{error}"))
}

fn error(dir: &TempDir, name: &str) -> String {
    let data = DataFolder { partial: true, ..DataFolder::new(dir.path()) };
    open_dataset(name, Path::new(""), &data).err().unwrap().to_string()
}

/// Width and class name of every picture of a split.
fn pictures(data: &dyn Dataset, split: Split) -> Vec<(u32, String)> {
    let samples = data.split(split).unwrap();
    let picture = |index| {
        let class = samples.label(index).unwrap();
        (samples.image(index).unwrap().width(), data.info().class_names[class].clone())
    };
    (0..samples.len()).map(picture).collect()
}

fn named(pictures: &[(u32, &str)]) -> Vec<(u32, String)> {
    pictures.iter().map(|(width, class)| (*width, (*class).to_owned())).collect()
}

#[test]
fn aircraft_variants_may_have_spaces_and_slashes() {
    let root = "aircraft/fgvc-aircraft-2013b/data";
    let images = ["0000001", "0000002", "0000003"].map(|id| format!("{root}/images/{id}.png"));
    let dir = tree(&images.each_ref().map(String::as_str));
    let write = |name: &str, text: &str| fs::write(dir.path().join(root).join(name), text).unwrap();
    write("images_variant_train.txt", "0000001 Eurofighter Typhoon\n0000002 F/A-18\n");
    write("images_variant_test.txt", "0000003 Cessna 172\n");
    let variants = clf_datasets::Descriptor::named("aircraft").unwrap().folder.class_folders.unwrap();
    write("variants.txt", &variants.join("\n"));
    let data = open(&dir, "aircraft");
    assert_eq!(pictures(&*data, Split::Train), named(&[(1, "Eurofighter Typhoon"), (2, "F/A-18")]));
    assert_eq!(pictures(&*data, Split::Test), named(&[(3, "Cessna 172")]));
    assert_eq!(data.info().class_names.len(), 100);

    let mut swapped = variants;
    swapped.swap(3, 4);
    write("variants.txt", &swapped.join("\n"));
    let error = error(&dir, "aircraft");
    assert!(error.contains("variants.txt") && error.contains("line 4"), "{error}");
}

#[test]
fn eurosat_is_permuted_in_the_order_of_its_file_names() {
    let names = ["Forest_1", "Forest_2", "Forest_10", "River_1", "River_3"];
    let paths = names.map(|name| format!("eurosat/2750/{}/{name}.png", name.split_once('_').unwrap().0));
    let dir = tree(&paths.each_ref().map(String::as_str));
    let data = open(&dir, "eurosat");
    // Sorted bytewise the widths are 1, 3, 2, 4, 5; torch.randperm(5) with seed 42 is 2, 4, 3, 0, 1.
    let all = [(2, "forest"), (5, "river"), (4, "river"), (1, "forest"), (3, "forest")];
    assert_eq!(pictures(&*data, Split::Train), named(&all[..4]));
    assert_eq!(pictures(&*data, Split::Test), named(&all[4..]));
    assert_eq!(data.info().split_family, "reference-80-20, partial copy");
}

#[test]
fn scenes_of_sun397_lie_in_nested_folders() {
    let dir = tree(&[
        "sun397/SUN397/a/abbey/sun_a.png",
        "sun397/SUN397/a/apse/indoor/sun_b.png",
        "sun397/SUN397/j/jail_cell/sun_c.png",
        "sun397/SUN397/j/jail/indoor/sun_d.png",
        "sun397/SUN397/y/youth_hostel/sun_e.png",
    ]);
    fs::write(dir.path().join("sun397/SUN397/ClassName.txt"), "").unwrap();
    let data = open(&dir, "sun397");
    let mut all = pictures(&*data, Split::Train);
    all.extend(pictures(&*data, Split::Test));
    all.sort();
    let expected = [(1, "abbey"), (2, "apse/indoor"), (3, "jail cell"), (4, "jail/indoor"), (5, "youth hostel")];
    assert_eq!(all, named(&expected));
}

#[test]
fn imagenet_serves_as_reference_without_its_validation_images() {
    let dir = tree(&["imagenet/train/n01443537/a.png", "imagenet/train/n15075141/b.png"]);
    let data = open(&dir, "imagenet");
    assert_eq!(pictures(&*data, Split::Train), named(&[(1, "goldfish"), (2, "toilet paper")]));
    assert!(data.split(Split::Test).is_err());
}

#[test]
fn imagenet100_is_a_part_of_the_same_files() {
    let paths = ["train/n01443537/a", "train/n15075141/b", "val_in_folder/n01440764/c", "val/n01443537/d"];
    let paths = paths.map(|path| format!("ImageNet/{path}.png"));
    let dir = tree(&paths.each_ref().map(String::as_str));
    let data = open(&dir, "imagenet100");
    assert_eq!(pictures(&*data, Split::Train), named(&[(1, "goldfish")]));
    assert_eq!(pictures(&*data, Split::Test), named(&[(3, "tench")]));
}

#[test]
fn a_folder_that_is_no_class_is_an_error_that_names_it() {
    let dir = tree(&["eurosat/2750/Forest/a.png", "eurosat/2750/Desert/b.png"]);
    assert!(error(&dir, "eurosat").contains("Desert"));
}
