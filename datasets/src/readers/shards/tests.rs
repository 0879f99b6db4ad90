use std::{fs, io::Cursor, ops::Range, sync::Arc};

use clf_core::data::{Dataset, Split};
use image::{DynamicImage, ImageFormat, RgbImage};
use tar::{Builder, EntryType, Header};

use super::*;

fn picture(width: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::new(width, 2)).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Samples of the widths in a range, with the class `width % 3`.
fn classed(widths: Range<u32>) -> Vec<u8> {
    let all: Vec<_> = widths
        .map(|width| (width.to_string(), picture(width, ImageFormat::Png), (width % 3).to_string()))
        .flat_map(|(key, png, class)| [(format!("{key}.png"), png), (format!("{key}.cls"), class.into_bytes())])
        .collect();
    tar(&all.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>())
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn open(dir: &tempfile::TempDir) -> Result<Shards, DatasetError> {
    Shards::open(dir.path(), InfoOverrides::default())
}

fn error(shard: &[u8]) -> String {
    open(&folder(&[("train-0.tar", shard)])).err().unwrap().to_string()
}

fn train(dir: &tempfile::TempDir) -> Arc<dyn Samples> {
    open(dir).unwrap().split(Split::Train).unwrap()
}

#[test]
fn shards_hold_pictures_with_their_classes() {
    let names: &[u8] = b"cat\ndog\n\nsea lion\n";
    let templates: &[u8] = b"a photo of a {c}.\na {c}.\n";
    let dir = folder(&[
        ("train-000001.tar", &classed(5..7)),
        ("train-000000.tar", &classed(1..5)),
        ("val-000000.tar", &classed(1..3)),
        ("classnames.txt", names),
        ("zeroshot_classification_templates.txt", templates),
    ]);
    let data = open(&dir).unwrap();
    assert_eq!(data.info().class_names, ["cat", "dog", "sea lion"]);
    assert_eq!(data.info().templates, ["a photo of a {}.", "a {}."]);
    let train = data.split(Split::Train).unwrap();
    let read: Vec<_> =
        (0..6).rev().map(|i| (train.image(i).unwrap().width() as usize, train.label(i).unwrap())).collect();
    assert_eq!(read, [(6, 0), (5, 2), (4, 1), (3, 0), (2, 2), (1, 1)]);
    assert_eq!(data.split(Split::Test).unwrap().len(), 2);
    assert!(train.image(6).is_err() && train.label(6).is_none());
}

#[test]
fn captions_come_from_text_or_json_and_may_lack_their_picture() {
    let png = picture(4, ImageFormat::Png);
    let shard = tar(&[
        ("a.b.jpg", &png),
        ("a.txt", b" a dog \n"),
        ("c.json", br#"{"caption": "a cat", "url": "x"}"#),
        ("sub/a.PNG", &png),
        ("sub/a.json", br#"{"caption": "a bird", "label": 3}"#),
        ("sub/a.npy", b"?"),
        ("a.png", &png),
    ]);
    let dir = folder(&[("0.tar", &shard)]);
    let refused = open(&dir).err().unwrap().to_string();
    assert!(refused.contains("sample a.png has no class"), "{refused}");
    let shard = tar(&[("a.png", &png), ("c.json", br#"{"caption": "a cat"}"#), ("a.txt", b" a dog \n")]);
    let samples = train(&folder(&[("0.tar", &shard)]));
    assert_eq!([0, 1, 2].map(|index| samples.caption(index)), [Some("a dog"), Some("a cat"), None]);
    assert_eq!([0, 1].map(|index| samples.has_image(index)), [true, false]);
    assert_eq!((samples.place(0), samples.place(1), samples.source(1)), (Some(512), None, None));
    assert!(samples.image(1).unwrap_err().to_string().contains("sample c is a caption without a picture"));
}

#[test]
fn one_shard_alone_is_a_training_split() {
    let dir = folder(&[("cats.tar", &classed(1..3))]);
    let data = Shards::open(dir.path().join("cats.tar"), InfoOverrides::default()).unwrap();
    assert_eq!((data.info().name.as_str(), data.info().class_names.len()), ("cats", 3));
    assert_eq!(data.split(Split::Train).unwrap().len(), 2);
    let missing = data.split(Split::Test).err().unwrap().to_string();
    assert!(missing.contains("test-files"), "{missing}");
}

#[test]
fn a_descriptor_names_files_and_classes() {
    let toml: &[u8] = b"train-files = ['a.tar']\ntest-files = ['b.tar']\nclass-names = ['x', 'y', 'z']";
    let dir = folder(&[("a.tar", &classed(1..3)), ("b.tar", &classed(3..4)), ("dataset.toml", toml)]);
    let data = open(&dir).unwrap();
    assert_eq!(data.info().class_names, ["x", "y", "z"]);
    assert_eq!(data.split(Split::Test).unwrap().image(0).unwrap().width(), 3);
    fs::write(dir.path().join("dataset.toml"), "label-column = 'x'").unwrap();
    assert!(open(&dir).err().unwrap().to_string().contains("label-column"));
    fs::write(dir.path().join("dataset.toml"), "class-names = ['x', 'y']").unwrap();
    assert!(open(&dir).err().unwrap().to_string().contains("label 2 has no name"));
}

#[test]
fn what_is_wrong_with_an_entry_is_said_with_its_name() {
    let png = picture(4, ImageFormat::Png);
    assert!(error(&tar(&[("1.png", &png), ("1.cls", b"cat")])).contains("entry 1.cls: it holds \"cat\""));
    assert!(error(&tar(&[("1.png", &png), ("1.jpg", &png)])).contains("entry 1.jpg: its sample has another"));
    assert!(error(&tar(&[("1.png", &png), ("1.json", b"{")])).contains("entry 1.json: "));
    assert!(error(&tar(&[("1.cls", b"1")])).contains("sample 1 has neither"));
    let json: &[u8] = br#"{"label": "cat"}"#;
    assert!(error(&tar(&[("1.png", &png), ("1.json", json)])).contains("its JSON is \"cat\""));
    assert!(error(&tar(&[("readme.md", b"x")])).contains("train-0.tar") && error(&tar(&[])).contains("no pictures"));
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "1.png", "2.png").unwrap();
    assert!(error(&builder.into_inner().unwrap()).contains("entry 1.png: it is no plain file"));
    let twice = [tar(&[("1.png", &png)]), tar(&[("2.png", &png)])].concat();
    assert!(error(&twice).contains("more behind its end"));
    let dir = folder(&[("0.tar", &tar(&[("1.png", b"not a picture"), ("1.cls", b"0")]))]);
    let undecodable = train(&dir).image(0).unwrap_err().to_string();
    assert!(undecodable.contains("0.tar/1.png"), "{undecodable}");
}

#[test]
fn a_shard_cut_off_anywhere_is_an_error() {
    let whole = classed(1..4);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("train-0.tar");
    // The last block is a second empty one.
    for length in (0..whole.len() - 512).step_by(37).chain((0..whole.len() - 512).step_by(512)) {
        // Some file systems wait for the disk when a file is written over.
        let _ = fs::remove_file(&path);
        fs::write(&path, &whole[..length]).unwrap();
        let error = Shards::open(dir.path(), InfoOverrides::default()).err();
        let error = error.unwrap_or_else(|| panic!("{length} of {} bytes open", whole.len())).to_string();
        assert!(error.contains("train-0.tar"), "{error}");
    }
    fs::write(&path, classed(1..3)).unwrap();
    let samples = Shards::open(dir.path(), InfoOverrides::default()).unwrap().split(Split::Train).unwrap();
    fs::write(&path, &whole[..700]).unwrap();
    assert!(samples.image(1).unwrap_err().to_string().contains("train-0.tar"));
}

#[test]
fn damaged_shards_never_panic() {
    let whole = classed(1..3);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("train-0.tar");
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        let _ = fs::remove_file(&path);
        fs::write(&path, damaged).unwrap();
        if let Ok(data) = Shards::open(dir.path(), InfoOverrides::default()) {
            let samples = data.split(Split::Train).unwrap();
            for index in 0..samples.len() {
                let _ = samples.image(index);
            }
        }
    }
}

#[test]
fn long_names_are_read_whole() {
    let png = picture(4, ImageFormat::Png);
    let key = "folder/".repeat(20) + &"k".repeat(120);
    let shard = tar(&[(&format!("{key}.png"), &png), (&format!("{key}.cls"), b"1")]);
    let dir = folder(&[("0.tar", &shard)]);
    let samples = train(&dir);
    assert_eq!((samples.len(), samples.label(0), samples.image(0).unwrap().width()), (1, Some(1), 4));
}
