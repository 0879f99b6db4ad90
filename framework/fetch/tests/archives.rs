//! Honest archives and hostile ones.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
};

use clf_fetch::{Inner, Limits, RemoteFile, Unpack, install, unpack};
use flate2::{Compression, write::GzEncoder};
use tar::{EntryType, Header};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

/// An entry of a tar: kind, name, content or target of a link.
type Item<'a> = (EntryType, &'a str, &'a str);

/// A tar with these entries, whatever their names are.
fn tar(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, text) in items {
        let mut header = Header::new_gnu();
        // Written by hand: the crate would refuse hostile names.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o4777);
        let is_file = *kind == EntryType::Regular;
        if !is_file {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        let content = if is_file { text.as_bytes() } else { &[] };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(items: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in items {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn unpack(&self, bytes: &[u8], kind: Unpack, limits: Limits) -> Result<(), String> {
        let archive = self.path("archive.bin.gz");
        fs::write(&archive, bytes).unwrap();
        unpack(&archive, kind, &self.path("set"), limits, &()).map_err(|error| error.to_string())
    }

    /// Unpacking that must work.
    #[track_caller]
    fn takes(&self, bytes: &[u8], kind: Unpack) {
        self.unpack(bytes, kind, Limits::for_size(bytes.len() as u64)).unwrap();
    }

    /// Unpacking that must fail with `part` in its message, and must leave nothing behind.
    #[track_caller]
    fn refuses(&self, bytes: &[u8], kind: Unpack, part: &str) {
        let error = self.unpack(bytes, kind, Limits::for_size(bytes.len() as u64)).unwrap_err();
        assert!(error.contains(part), "no {part:?} in {error}");
        assert!(error.contains("archive.bin"), "{error}");
        let names: Vec<_> = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["archive.bin.gz"]);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path("set").join(name)).unwrap()
    }
}

use EntryType::{Char, Directory, Fifo, Link, Regular, Symlink};

#[test]
fn tar_gzipped_or_not_zip_and_gz_come_out_as_they_went_in() {
    let items = [(Directory, "a", ""), (Regular, "a/b.txt", "one"), (Regular, "./c/d/e.txt", "two")];
    for (bytes, kind) in [
        (tar(&items), Unpack::Tar),
        (tar(&items), Unpack::TarGz),
        (gz(&tar(&items)), Unpack::TarGz),
        (zip(&[("a/b.txt", b"one"), ("c\\d/e.txt", b"two")]), Unpack::Zip),
    ] {
        let bench = Bench::new();
        bench.takes(&bytes, kind);
        assert_eq!((bench.read("a/b.txt"), bench.read("c/d/e.txt")), ("one".to_owned(), "two".to_owned()));
    }
    let bench = Bench::new();
    bench.takes(&[gz(b"one"), gz(b"two")].concat(), Unpack::Gz);
    assert_eq!(bench.read("archive.bin"), "onetwo");
}

#[cfg(unix)]
#[test]
fn modes_are_plain_whatever_the_archive_says() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.takes(&tar(&[(Regular, "a", "x")]), Unpack::Tar);
    let mode = fs::metadata(bench.path("set/a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7111, 0, "{mode:o}");
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    for name in ["../out", "/out", "a/../../out", ".."] {
        Bench::new().refuses(&tar(&[(Regular, "ok", ""), (Regular, name, "x")]), Unpack::Tar, "leaves the folder");
        Bench::new().refuses(&zip(&[("ok", b""), (name, b"x")]), Unpack::Zip, "leaves the folder");
    }
    Bench::new().refuses(&zip(&[("..\\out", b"x")]), Unpack::Zip, "leaves the folder");
}

#[test]
fn links_that_leave_the_folder_are_refused() {
    for (kind, target) in [(Symlink, "/etc"), (Symlink, "../../out"), (Link, "/etc/passwd"), (Link, "../out")] {
        let bytes = tar(&[(Regular, "a/b", "x"), (kind, "a/link", target)]);
        Bench::new().refuses(&bytes, Unpack::Tar, "leaves the folder");
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("link", "../out", SimpleFileOptions::default()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    Bench::new().refuses(&bytes, Unpack::Zip, "leaves the folder");
}

#[test]
fn nothing_is_written_through_a_link() {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().to_str().unwrap();
    let bytes = tar(&[(Symlink, "a", target), (Regular, "a/b", "x")]);
    Bench::new().refuses(&bytes, Unpack::Tar, "leaves the folder");
    // Each link stays inside by its own text, and the second would leave through the first.
    let bytes = tar(&[(Symlink, "d/e/up", "../.."), (Symlink, "out", "d/e/up/.."), (Regular, "out/x", "x")]);
    Bench::new().refuses(&bytes, Unpack::Tar, "its link d/e/up points to a folder");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn links_inside_become_names_of_the_same_file() {
    let bench = Bench::new();
    let items = [
        (Symlink, "a/second", "first"),
        (Symlink, "third", "a/second"),
        (Regular, "a/first", "one"),
        (Link, "fourth", "a/first"),
        (Symlink, "nothing", "a/none"),
    ];
    bench.takes(&tar(&items), Unpack::Tar);
    for name in ["a/second", "third", "fourth"] {
        assert_eq!(bench.read(name), "one");
    }
    assert!(!bench.path("set/nothing").exists());
    let bytes = tar(&[(Regular, "a/b", ""), (Symlink, "c", "a")]);
    Bench::new().refuses(&bytes, Unpack::Tar, "points to a folder");
}

#[test]
fn devices_duplicates_and_files_that_are_folders_are_refused() {
    for kind in [Char, Fifo, EntryType::Block] {
        Bench::new().refuses(&tar(&[(kind, "a", "")]), Unpack::Tar, "device");
    }
    Bench::new().refuses(&tar(&[(Regular, "a", "1"), (Regular, "./a", "2")]), Unpack::Tar, "two of its entries");
    Bench::new().refuses(&tar(&[(Regular, "a", "1"), (Regular, "a/b", "2")]), Unpack::Tar, "a file and a folder");
    Bench::new().refuses(&tar(&[(Regular, "a/b", "1"), (Regular, "a", "2")]), Unpack::Tar, "two of its entries");
}

#[test]
fn archives_that_swell_are_stopped() {
    let bomb = gz(&tar(&[(Regular, "a", &"0".repeat(3_000_000))]));
    let bench = Bench::new();
    let limits = Limits { bytes: 1_000_000, entries: 10 };
    assert!(bench.unpack(&bomb, Unpack::TarGz, limits).unwrap_err().contains("more than 1000000 bytes"));
    let zipped = zip(&[("a", &vec![0; 3_000_000])]);
    assert!(bench.unpack(&zipped, Unpack::Zip, limits).unwrap_err().contains("more than 1000000 bytes"));
    assert!(bench.unpack(&gz(&vec![0; 3_000_000]), Unpack::Gz, limits).unwrap_err().contains("more than"));
    let many: Vec<_> = (0..11).map(|i| format!("{i}")).collect();
    let items: Vec<_> = many.iter().map(|name| (Regular, name.as_str(), "")).collect();
    assert!(bench.unpack(&tar(&items), Unpack::Tar, limits).unwrap_err().contains("more than 10 entries"));
    assert!(!bench.path("set").exists());
    assert_eq!(Limits::for_size(1000).bytes, 20_000 + (1 << 30));
}

#[test]
fn damaged_and_cut_archives_are_refused() {
    let text = (0..50_000_u32).map(|i| char::from(b'a' + (i * i % 23) as u8)).collect::<String>();
    let whole = tar(&[(Regular, "a", &text), (Regular, "b", "x")]);
    let packed = gz(&whole);
    for cut in [packed.len() - 4, packed.len() / 2, 20] {
        Bench::new().refuses(&packed[..cut], Unpack::TarGz, "damaged");
    }
    Bench::new().refuses(&whole[..30_000], Unpack::Tar, "damaged");
    let mut flipped = packed.clone();
    let at = packed.len() - 6;
    flipped[at] ^= 1;
    Bench::new().refuses(&flipped, Unpack::TarGz, "damaged");
    let zipped = zip(&[("a", text.as_bytes())]);
    Bench::new().refuses(&zipped[..zipped.len() / 2], Unpack::Zip, "damaged");
    for (kind, part) in [(Unpack::TarGz, "holds nothing"), (Unpack::Zip, "damaged"), (Unpack::Gz, "damaged")] {
        Bench::new().refuses(b"", kind, part);
        Bench::new().refuses(b"<html>no such file, and some more text to make a block</html>", kind, "");
    }
}

#[test]
fn a_folder_that_is_there_keeps_what_it_has_and_gets_the_rest() {
    let bench = Bench::new();
    for (name, text) in [("images/old", "kept"), ("images/new", "replaced"), ("list", "kept")] {
        let path = bench.path("set").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    bench.takes(&tar(&[(Regular, "images/new", "new"), (Regular, "more/x", "x")]), Unpack::Tar);
    let texts = ["images/old", "images/new", "list", "more/x"].map(|name| bench.read(name));
    assert_eq!(texts, ["kept", "new", "kept", "x"]);
}

#[test]
fn what_macos_adds_is_left_out() {
    let bench = Bench::new();
    let items = [(Regular, "a/1.jpg", "x"), (Regular, "a/._1.jpg", "y"), (Regular, "__MACOSX/a/1.jpg", "z")];
    bench.takes(&tar(&[&items[..], &[(Regular, "a/.DS_Store", "w")]].concat()), Unpack::Tar);
    assert_eq!(fs::read_dir(bench.path("set")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(bench.path("set/a")).unwrap().count(), 1);
}

#[test]
fn an_archive_inside_of_an_archive_is_unpacked_too() {
    let bench = Bench::new();
    let inner = gz(&tar(&[(Regular, "101_ObjectCategories/ant/image_0001.jpg", "ant")]));
    fs::write(bench.path("caltech-101.zip"), zip(&[("caltech-101/101.tar.gz", &inner), ("caltech-101/x", b"x")]))
        .unwrap();
    let then = vec![Inner { file: "caltech-101/101.tar.gz".into(), unpack: Unpack::TarGz, into: Some("".into()) }];
    let file = RemoteFile { unpack: Some(Unpack::Zip), then, ..RemoteFile::default() };
    install(&file, &bench.path("caltech-101.zip"), &bench.path("set"), &()).unwrap();
    assert_eq!(bench.read("101_ObjectCategories/ant/image_0001.jpg"), "ant");
    assert!(bench.path("set/caltech-101/x").exists() && !bench.path("set/caltech-101/101.tar.gz").exists());
}

#[test]
fn a_tar_of_tars_gives_each_a_folder_of_its_name() {
    let bench = Bench::new();
    let parts = ["n01", "n02"].map(|name| zip(&[(&*format!("{name}_1.JPEG"), b"x")]));
    fs::write(bench.path("all.zip"), zip(&[("n01.zip", &parts[0]), ("n02.zip", &parts[1])])).unwrap();
    let then = vec![Inner { file: "*".into(), unpack: Unpack::Zip, into: Some("{stem}".into()) }];
    let (unpack, into) = (Some(Unpack::Zip), Some("train".into()));
    let file = RemoteFile { unpack, into, then, ..RemoteFile::default() };
    install(&file, &bench.path("all.zip"), &bench.path("set"), &()).unwrap();
    for name in ["train/n01/n01_1.JPEG", "train/n02/n02_1.JPEG"] {
        assert_eq!(bench.read(name), "x");
    }
    assert!(!bench.path("set/train/n01.zip").exists());
}

#[test]
fn a_file_that_is_no_archive_is_copied_to_its_place() {
    let bench = Bench::new();
    fs::write(bench.path("labels.mat"), "labels").unwrap();
    let file = RemoteFile { file: "labels.mat".to_owned(), into: Some("devkit".into()), ..RemoteFile::default() };
    install(&file, &bench.path("labels.mat"), &bench.path("set"), &()).unwrap();
    assert_eq!(bench.read("devkit/labels.mat"), "labels");
    let file = RemoteFile { into: Some(Path::new("../out").into()), ..file };
    assert!(install(&file, &bench.path("labels.mat"), &bench.path("set"), &()).is_err());
}
