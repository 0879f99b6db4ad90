//! Prepared images are what decoding would give, and whatever could make them something else is an error.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::{
    data::{
        Augment, Concat, DataFolder, DatasetError, HostBatch, Samples, Split, Subset, Transform, load_batch,
        prepared::{self, Form, Made},
    },
    random::Key,
    registry::{open_dataset, open_unprepared},
};
use clf_datasets as _;
use image::{GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;

const SIZE: usize = 32;
const TEST: Form = Form::Test(SIZE as u32);

/// Pictures of several sizes and formats, in two splits.
struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        for split in ["train", "test"] {
            let class = world.path("set").join(split).join("class");
            fs::create_dir_all(&class).unwrap();
            for i in 0..5_u32 {
                let colours = |x: u32, y: u32| Rgb([(x * 9 + i) as u8, (y * 7) as u8, (x * y) as u8]);
                let picture = RgbImage::from_fn(40 + 13 * i, 61 - 5 * i, colours);
                picture.save(class.join(format!("{i}.jpg"))).unwrap();
                picture.save(class.join(format!("{i}.png"))).unwrap();
            }
            let grey = GrayImage::from_fn(50, 33, |x, y| Luma([(x * 5 + y) as u8]));
            grey.save(class.join("grey.jpg")).unwrap();
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn unprepared(&self, split: Split) -> Arc<dyn Samples> {
        open_unprepared("folder:set", self.folder.path(), &DataFolder::new(self.path("data")))
            .unwrap()
            .split(split)
            .unwrap()
    }

    fn open(&self, split: Split) -> Result<Arc<dyn Samples>, DatasetError> {
        open_dataset("folder:set", self.folder.path(), &DataFolder::new(self.path("data"))).unwrap().split(split)
    }

    fn file(&self, split: Split, form: Form) -> PathBuf {
        prepared::file(&prepared::folder("folder:set", self.folder.path(), &self.path("data")), split, form)
    }

    fn prepare(&self, split: Split, form: Form) -> Made {
        prepared::prepare(&self.file(split, form), &*self.unprepared(split), form, |_| {}).unwrap()
    }

    /// Why the prepared images of the test split are refused when all of them are read.
    fn refusal(&self) -> String {
        let read = |samples: Arc<dyn Samples>| {
            (0..samples.len()).try_for_each(|index| samples.prepared(index, SIZE).map(drop))
        };
        self.open(Split::Test).and_then(read).unwrap_err().to_string()
    }
}

fn all(samples: &dyn Samples, transform: Transform) -> HostBatch {
    load_batch(samples, &(0..samples.len()).collect::<Vec<_>>(), 3, transform).unwrap()
}

fn assert_same(prepared: &dyn Samples, unprepared: &dyn Samples, transform: Transform) {
    let (made, expected) = (all(prepared, transform), all(unprepared, transform));
    let bits = |batch: &HostBatch| batch.pixels.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert!(bits(&made) == bits(&expected));
    assert_eq!((made.labels, made.indices), (expected.labels, expected.indices));
}

#[test]
fn prepared_test_images_are_those_of_the_decoder_to_the_last_bit() {
    let world = World::new();
    assert_eq!(world.prepare(Split::Test, TEST), Made::Now);
    let (prepared, unprepared) = (world.open(Split::Test).unwrap(), world.unprepared(Split::Test));
    assert!((0..11).all(|index| prepared.prepared(index, SIZE).unwrap().is_some()));
    assert_same(&*prepared, &*unprepared, Transform::test(SIZE));
    // Another size and a random crop are not what lies ready.
    assert_same(&*prepared, &*unprepared, Transform::test(SIZE - 1));
    assert_same(&*prepared, &*unprepared, Transform::train(SIZE, Augment::RandomResizedCrop, Key::default()));
}

#[test]
fn random_crops_of_prepared_originals_are_those_of_the_decoder_to_the_last_bit() {
    let world = World::new();
    assert_eq!(world.prepare(Split::Train, Form::Originals), Made::Now);
    let (prepared, unprepared) = (world.open(Split::Train).unwrap(), world.unprepared(Split::Train));
    for path in (0..prepared.len()).map(|index| prepared.source(index).unwrap()) {
        assert!(path.is_file());
    }
    // What is read does not come from the pictures any more.
    let length = fs::metadata(prepared.source(0).unwrap()).unwrap().len();
    let expected = all(&*unprepared, Transform::train(SIZE, Augment::RandomResizedCrop, Key::default()));
    fs::write(prepared.source(0).unwrap(), vec![0; length as usize]).unwrap();
    let made = all(&*prepared, Transform::train(SIZE, Augment::RandomResizedCrop, Key::default()));
    assert!(made.pixels == expected.pixels);
}

#[test]
fn selections_and_unions_hand_prepared_images_on() {
    let world = World::new();
    world.prepare(Split::Test, TEST);
    let pick = |samples: Arc<dyn Samples>| {
        let subset: Arc<dyn Samples> = Arc::new(Subset::of_indices(samples.clone(), &[7, 2, 7]));
        Concat::new(vec![subset, samples])
    };
    let (prepared, unprepared) = (pick(world.open(Split::Test).unwrap()), pick(world.unprepared(Split::Test)));
    assert!((0..prepared.len()).all(|index| prepared.prepared(index, SIZE).unwrap().is_some()));
    assert_eq!(prepared.source(0), unprepared.source(0));
    assert_same(&prepared, &unprepared, Transform::test(SIZE));
}

#[test]
fn what_is_prepared_is_not_made_again_unless_a_picture_changed_or_it_is_damaged() {
    let world = World::new();
    assert_eq!([TEST, TEST].map(|form| world.prepare(Split::Test, form)), [Made::Now, Made::Before]);
    let file = world.file(Split::Test, TEST);
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!([TEST, TEST].map(|form| world.prepare(Split::Test, form)), [Made::Now, Made::Before]);
    RgbImage::new(9, 9).save(world.path("set/test/class/0.png")).unwrap();
    let refusal = world.refusal();
    for part in ["test-32.pixels", "have changed since", "clf data prepare folder:set"] {
        assert!(refusal.contains(part), "{refusal}");
    }
    assert_eq!([TEST, TEST].map(|form| world.prepare(Split::Test, form)), [Made::Now, Made::Before]);
    let left: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [file]);
}

#[test]
fn a_file_that_is_cut_off_or_has_a_wrong_bit_anywhere_is_refused() {
    let world = World::new();
    world.prepare(Split::Test, TEST);
    let file = world.file(Split::Test, TEST);
    let whole = fs::read(&file).unwrap();
    // All of the header and the index, and some of every image.
    let header = 120 + 32 * 11;
    let places: Vec<_> = (0..header).chain((header..whole.len()).step_by(997)).collect();
    for at in places {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, damaged).unwrap();
        assert!(world.refusal().contains("test-32.pixels"), "byte {at}");
        fs::write(&file, &whole[..at]).unwrap();
        assert!(world.refusal().contains("test-32.pixels"), "cut at {at}");
    }
    fs::write(&file, [&whole[..7], &[9], &whole[8..]].concat()).unwrap();
    assert!(world.refusal().contains("another version"));
}

/// The folder of real data; without it a line that cannot be overlooked.
fn real(test: &str) -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/realdata");
    let real = std::env::var_os("CLF_REALDATA").map_or_else(default, PathBuf::from);
    if real.is_dir() {
        return Some(real.canonicalize().unwrap());
    }
    let line = format!("\nSKIPPED {test}: needs real data at {}\n", real.display());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

/// Prepares a split of `locator`, and compares every third image with what decoding gives.
fn assert_prepared_to_the_last_bit(locator: &str, base: &Path, data: &DataFolder, forms: &[Form]) -> usize {
    let unprepared = open_unprepared(locator, base, data).unwrap().split(Split::Train).unwrap();
    let indices: Vec<usize> = (0..unprepared.len()).step_by(3).collect();
    for form in forms {
        let path = prepared::file(&prepared::folder(locator, base, &data.path), Split::Train, *form);
        assert_eq!(prepared::prepare(&path, &*unprepared, *form, |_| {}).unwrap(), Made::Now);
    }
    let prepared = open_dataset(locator, base, data).unwrap().split(Split::Train).unwrap();
    let select = |samples: &Arc<dyn Samples>| Subset::of_indices(samples.clone(), &indices);
    assert_same(&select(&prepared), &select(&unprepared), Transform::test(224));
    let train = Transform::train(224, Augment::RandomResizedCrop, Key::default());
    assert_same(&select(&prepared), &select(&unprepared), train);
    unprepared.len()
}

#[test]
fn real_pictures_are_prepared_to_the_last_bit() {
    let Some(real) = real("real_pictures_are_prepared_to_the_last_bit") else { return };
    let folder = tempfile::tempdir().unwrap();
    for set in ["imagenet-sample-images", "caltech101"] {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{set}.toml"));
        let text = format!("root = '{}'\n{}", real.join(set).display(), fs::read_to_string(fixture).unwrap());
        fs::write(folder.path().join(format!("{set}.toml")), text).unwrap();
        let data = DataFolder::new(folder.path().join("data"));
        let forms = [Form::Test(224), Form::Originals];
        assert_prepared_to_the_last_bit(&format!("folder:{set}.toml"), folder.path(), &data, &forms);
    }
}

#[cfg(unix)]
#[test]
fn named_datasets_are_prepared_to_the_last_bit() {
    let Some(real) = real("named_datasets_are_prepared_to_the_last_bit") else { return };
    let folder = tempfile::tempdir().unwrap();
    for set in real.read_dir().unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        std::os::unix::fs::symlink(set.path(), folder.path().join(set.file_name())).unwrap();
    }
    let data = DataFolder { partial: true, ..DataFolder::new(folder.path()) };
    let images = ["caltech101", "dtd", "flowers102", "food101", "oxford-pets", "stanford-cars", "tiny-imagenet"]
        .map(|name| assert_prepared_to_the_last_bit(name, Path::new(""), &data, &[Form::Test(224)]));
    assert_eq!(images, [646, 80, 160, 140, 66, 264, 2400]);
}
