//! `clf data fetch`, `import`, `verify`, `where` and `list`, against a server on this machine.

use std::{env, fs, io::Cursor};

use clf_clip::image::{ImageFormat, Rgb, RgbImage};
use clf_fetch::testing::{Fault, Server};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::bench::{Bench, text};

/// A bench with a server, and other published files than the real ones.
pub struct Place {
    bench: Bench,
    server: Server,
}

impl Place {
    pub fn new() -> Self {
        Self { bench: Bench::new(), server: Server::start().unwrap() }
    }

    /// The arguments of a command that knows only of the files in `files.toml`.
    pub fn run(&self, arguments: &str) -> std::process::Output {
        let mut command = self.bench.command();
        if self.bench.path("files.toml").exists() {
            command.env("CLF_FILES", self.bench.path("files.toml"));
        }
        command.args(arguments.split_whitespace()).output().unwrap()
    }

    #[track_caller]
    pub fn ok(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "clf {arguments}\n{}", text(&output.stderr));
        text(&output.stdout)
    }

    #[track_caller]
    pub fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{arguments} --json"))).unwrap()
    }

    #[track_caller]
    pub fn fails(&self, arguments: &str, code: i32, parts: &[&str]) {
        let output = self.run(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "clf {arguments}\n{stderr}");
        assert_eq!(stderr.matches("error: ").count(), 1, "one error for clf {arguments}\n{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "no {part:?} in the error of clf {arguments}\n{stderr}");
        }
    }

    /// Publishes files, each unpacked as said if at all.
    pub fn publish(&self, set: &str, files: &[(&str, &[u8], &str)]) {
        let mut toml = String::new();
        for (file, bytes, rest) in files {
            self.server.put(&format!("/{file}"), bytes);
            let (url, length) = (self.server.url(&format!("/{file}")), bytes.len());
            toml += &format!("[[{set}]]\nfile = {file:?}\nurls = [{url:?}]\nbytes = {length}\n{rest}\n");
        }
        self.bench.write("files.toml", &toml);
    }

    /// A small CIFAR-10 of our own.
    fn publish_cifar10(&self) -> Vec<u8> {
        let archive = tar_gz(&cifar10());
        self.publish("cifar10", &[("cifar-10-binary.tar.gz", &archive, "unpack = 'tar-gz'")]);
        archive
    }

    fn asked(&self) -> usize {
        self.server.requests().len()
    }
}

/// CIFAR-10 in its binary version with ten training and ten test images.
fn cifar10() -> Vec<(String, Vec<u8>)> {
    let record = |i: u8| [&[i][..], &[i * 20; 3072]].concat();
    let batch = |range: std::ops::Range<u8>| range.flat_map(record).collect::<Vec<u8>>();
    let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
    let mut files = vec![("batches.meta.txt".to_owned(), names.as_bytes().to_vec())];
    files.extend((0..5).map(|i| (format!("data_batch_{}.bin", i + 1), batch(2 * i..2 * i + 2))));
    files.push(("test_batch.bin".to_owned(), batch(0..10)));
    files.into_iter().map(|(name, bytes)| (format!("cifar-10-batches-bin/{name}"), bytes)).collect()
}

pub fn tar_gz(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 90]));
    picture.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

#[test]
fn a_dataset_is_fetched_once_and_then_used_verified_listed_and_found() {
    let place = Place::new();
    let archive = place.publish_cifar10();
    place.server.fail("/cifar-10-binary.tar.gz", Fault::Cut(archive.len() / 2));
    let fetch = "data fetch cifar10 --partial-data";
    let row = &place.json(fetch)[0];
    let home = place.bench.path("data/cifar10");
    assert_eq!((&row["train"], &row["test"], &row["new"]), (&json!(10), &json!(10), &json!(true)));
    let stamp = place.bench.read("data/cifar10/fetched.toml");
    assert!(stamp.contains("cifar-10-binary.tar.gz") && stamp.contains("sha256") && stamp.contains("date"), "{stamp}");
    assert!(!place.bench.path("data/downloads/cifar10").exists());
    let asked = place.asked();
    assert!(place.ok(fetch).contains("was there before"));
    assert_eq!(place.asked(), asked);
    assert_eq!(place.ok("data where cifar10").trim(), home.to_str().unwrap());
    let verified = place.json("data verify cifar10 --partial-data");
    assert_eq!(verified[0], json!({"split": "train", "images": 10, "damaged": 0, "first": []}));
    let listed = place.json("data list --partial-data");
    let row = listed.as_array().unwrap().iter().find(|row| row["name"] == "cifar10").unwrap();
    assert_eq!((&row["state"], &row["classes"], &row["images"]), (&json!("partial"), &json!(10), &json!(60000)));
    assert_eq!(row["found"], 20);
    assert!(row["reason"].as_str().unwrap().contains("published are 50000"), "{row}");
    let text = place.ok("data list");
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("cifar10 ").contains("20/60000") && line("cifar10 ").contains("partial"), "{text}");
    assert!(line("sun397").contains("39.1 GB") && line("sun397").contains("absent"), "{text}");
}

#[test]
fn fewer_images_than_were_published_are_named_and_the_archive_is_kept() {
    let place = Place::new();
    place.publish_cifar10();
    place.fails("data fetch cifar10", 3, &["found 10 train images, published are 50000", "--partial-data"]);
    let asked = place.asked();
    assert!(place.bench.path("data/downloads/cifar10/cifar-10-binary.tar.gz").exists());
    place.fails("data fetch cifar10", 3, &["all of its files were loaded", "another fetch brings the same"]);
    place.ok("data fetch cifar10 --partial-data --keep-archives");
    assert_eq!(place.asked(), asked, "what was unpacked is used");
    assert!(place.bench.read("data/cifar10/fetched.toml").contains("sha256"));
    place.ok("data fetch cifar10 --partial-data");
    assert!(!place.bench.path("data/downloads").exists());
}

#[test]
fn where_no_link_is_alive_the_error_has_every_mirror_and_the_way_by_hand() {
    let place = Place::new();
    let archive = place.publish_cifar10();
    let text = place.bench.read("files.toml");
    let dead = text.replace("urls = [", &format!("urls = ['{}', ", place.server.url("/dead")));
    place.bench.write("files.toml", &dead.replace("/cifar-10-binary.tar.gz\"]", "/gone\"]"));
    let parts = ["/dead: status 404", "/gone: status 404", "get cifar-10-binary.tar.gz by hand"];
    place.fails("data fetch cifar10", 3, &parts);
    place.fails("data fetch cifar10", 3, &["clf data import cifar10 PATH"]);
    // The user's own mirror comes first.
    place.server.put("/own/cifar-10-binary.tar.gz", &archive);
    let mut command = place.bench.command();
    command.env("CLF_FILES", place.bench.path("files.toml")).env("CLF_MIRROR", place.server.url("/own"));
    command.args(["data", "fetch", "cifar10", "--partial-data"]).assert().success();
    place.fails(
        "data fetch imagenet",
        3,
        &["no link leads to its files", "image-net.org", "clf data import imagenet PATH"],
    );
    place.fails("data fetch cifar1", 2, &["unknown dataset \"cifar1\"", "cifar10"]);
    place.fails("data where dtd", 3, &["clf data fetch dtd"]);
    place.bench.write("files.toml", "[[dtd]]\nurl = 'x'\n");
    place.fails("data fetch dtd", 2, &["CLF_FILES", "url"]);
}

#[test]
fn a_damaged_archive_leaves_nothing_behind_and_one_failure_does_not_stop_the_others() {
    let place = Place::new();
    let archive = tar_gz(&cifar10());
    let files = |set: &str, path: &str| {
        format!("[[{set}]]\nfile = 'a.tar.gz'\nurls = ['{}']\nunpack = 'tar-gz'\n", place.server.url(path))
    };
    place.server.put("/half", &archive[..archive.len() / 2]);
    place.server.put("/whole", &archive);
    place.bench.write("files.toml", &(files("dtd", "/half") + &files("cifar10", "/whole")));
    place.fails("data fetch dtd cifar10 --partial-data", 3, &["a.tar.gz", "damaged"]);
    assert!(!place.bench.path("data/dtd").exists());
    assert!(!place.bench.path("data/downloads").exists(), "what cannot be unpacked is loaded anew");
    place.server.put("/half", &archive);
    place.fails("data fetch dtd --partial-data", 3, &["dtd"]);
    let asked = place.asked();
    place.server.put("/half", b"no archive");
    let sealed = files("dtd", "/half") + &format!("sha256 = '{}'\n", sha256(b"no archive"));
    place.bench.write("files.toml", &sealed);
    place.fails("data fetch dtd --partial-data", 3, &["a.tar.gz", "delete it to load it anew"]);
    assert_eq!(place.asked(), asked + 1);
    assert!(place.bench.path("data/cifar10/cifar-10-batches-bin/test_batch.bin").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_data_folder_that_cannot_be_written_is_one_clear_error() {
    let place = Place::new();
    place.publish_cifar10();
    place.bench.write("file", "");
    place.fails("data fetch cifar10 --data file/data", 6, &["file/data", "is a file", "--data DIR"]);
    fs::create_dir_all(place.bench.path("data")).unwrap();
    place.bench.write("data/cifar10", "");
    place.fails("data fetch cifar10", 6, &["data/cifar10 is a file", "move it away"]);
    assert_eq!(place.asked(), 0, "nothing is loaded for a place that is taken");
}

#[test]
fn a_folder_is_linked_from_above_within_and_below_and_copied_on_demand() {
    let place = Place::new();
    for (name, bytes) in cifar10() {
        let path = place.bench.path("mine").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let home = place.bench.path("data/cifar10");
    place.fails("data import cifar10 mine", 3, &["found 10 train images, published are 50000", "--partial-data"]);
    assert!(!home.exists());
    for (path, rest) in [("mine", ""), ("mine/cifar-10-batches-bin", "--link"), ("mine", "--copy")] {
        let row = place.json(&format!("data import cifar10 {path} {rest} --partial-data"));
        assert_eq!((&row["train"], &row["test"]), (&json!(10), &json!(10)));
        assert_eq!(home.is_symlink(), cfg!(unix) && rest != "--copy");
        assert!(place.ok("data verify cifar10 --partial-data").contains("test: 10 images, 0 damaged"));
        place.fails("data import cifar10 mine --partial-data", 2, &["is there already"]);
        if home.is_symlink() {
            place.fails("data fetch cifar10", 3, &["is a link to a folder of yours"]);
            fs::remove_file(&home).unwrap();
        } else {
            fs::remove_dir_all(&home).unwrap();
        }
    }
    place.fails("data import cifar10 nowhere", 3, &["nowhere"]);
    place.fails("data import dtd mine", 3, &["is not its folder", "labels/test1.txt"]);
}

#[test]
fn published_files_are_imported_verified_whatever_they_are_called_now() {
    let place = Place::new();
    let archive = place.publish_cifar10();
    place.bench.write("files.toml", &(place.bench.read("files.toml") + &format!("sha256 = '{}'\n", sha256(&archive))));
    fs::write(place.bench.path("renamed.tgz"), &archive).unwrap();
    let row = place.json("data import cifar10 renamed.tgz --partial-data");
    assert_eq!(row["train"], 10);
    assert!(place.bench.read("data/cifar10/fetched.toml").contains(&sha256(&archive)));
    fs::remove_dir_all(place.bench.path("data/cifar10")).unwrap();
    // A folder that holds the archives does as well.
    fs::create_dir_all(place.bench.path("archives")).unwrap();
    fs::write(place.bench.path("archives/cifar-10-binary.tar.gz"), &archive).unwrap();
    place.ok("data import cifar10 archives --partial-data");
    fs::remove_dir_all(place.bench.path("data/cifar10")).unwrap();
    let mut wrong = archive.clone();
    wrong[20] ^= 1;
    fs::write(place.bench.path("archives/cifar-10-binary.tar.gz"), &wrong).unwrap();
    let import = "data import cifar10 archives/cifar-10-binary.tar.gz --partial-data";
    place.fails(import, 3, &["is not the published file: its SHA-256 is", "expected", "giving its folder"]);
    assert!(!place.bench.path("data/cifar10").exists());
    place.fails("data import mnist archives", 3, &["is not its folder", "t10k-labels-idx1-ubyte"]);
}

#[test]
fn no_neighbour_of_the_folder_that_was_named_is_imported() {
    let place = Place::new();
    let archive = place.publish_cifar10();
    for (name, bytes) in cifar10() {
        let path = place.bench.path("mine").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    for folder in ["mine/other", "mine/archives"] {
        fs::create_dir_all(place.bench.path(folder)).unwrap();
    }
    place.fails("data import cifar10 mine/other --partial-data", 3, &["not found at", "mine/other"]);
    assert!(!place.bench.path("data").exists(), "a refused import leaves nothing");
    fs::write(place.bench.path("mine/archives/cifar-10-binary.tar.gz"), &archive).unwrap();
    let output = place.run("data import cifar10 mine/archives --partial-data");
    assert!(output.status.success() && text(&output.stderr).contains("archives/cifar-10-binary.tar.gz"));
    assert!(!place.bench.path("data/cifar10").is_symlink());
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_copy_leaves_nothing() {
    use std::process::Command;
    let place = Place::new();
    for (name, bytes) in cifar10() {
        let path = place.bench.path("mine").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    // Nobody writes into it, so that the copy waits for ever.
    assert!(Command::new("mkfifo").arg(place.bench.path("mine/pipe")).status().unwrap().success());
    let program = Command::new(env!("CARGO_BIN_EXE_clf"))
        .args(["data", "import", "cifar10", "--copy", "--partial-data", "--data"])
        .args([place.bench.path("data"), place.bench.path("mine")])
        .spawn();
    let (mut program, staging) = (program.unwrap(), place.bench.path("data/.cifar10.importing"));
    while !staging.exists() && program.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    // The few small files are copied by now, and the copy waits for the pipe.
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap().success());
    assert_eq!(program.wait().unwrap().code(), Some(130));
    assert!(!staging.exists());
}

#[test]
fn damaged_and_empty_folders_are_called_so() {
    let place = Place::new();
    let row = |name: &str| {
        let rows = place.json("data list");
        rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone()
    };
    fs::create_dir_all(place.bench.path("data/conceptual-captions")).unwrap();
    assert_eq!(row("conceptual-captions")["state"], "absent");
    place.fails("data where conceptual-captions", 3, &["clf data fetch conceptual-captions"]);
    place.publish_cifar10();
    place.ok("data fetch cifar10 --partial-data");
    place.bench.write("data/cifar10/cifar-10-batches-bin/data_batch_1.bin", "short");
    let damaged = row("cifar10");
    assert_eq!(damaged["state"], "damaged");
    assert!(damaged["reason"].as_str().unwrap().contains("data_batch_1.bin"), "{damaged}");
    assert!(text(&place.run("data where cifar10").stderr).contains("cifar10 is damaged"));
}

#[test]
fn mistakes_of_the_user_are_named_before_anything_is_loaded() {
    let place = Place::new();
    place.publish("cifar10", &[("../../a", b"", "")]);
    place.fails("data fetch cifar10", 2, &["CLF_FILES", "../../a"]);
    place.publish("cifar11", &[("a", b"", "")]);
    place.fails("data fetch cifar10", 2, &["CLF_FILES", "cifar11", "did you mean"]);
    place.publish_cifar10();
    place.fails("data fetch cifar10 --texts", 2, &["--texts", "cifar10"]);
    place.fails("data fetch cifar10 --minimum 0.5", 2, &["--minimum", "cifar10"]);
    place.fails("data where folder:warm", 2, &["folder:warm", "locator"]);
    let mut command = place.bench.command();
    let output = command.env("CLF_MIRROR", "garbage").args(["data", "fetch", "cifar10"]).output().unwrap();
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("CLF_MIRROR"));
}

fn sha256(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), bytes).unwrap();
    clf_fetch::sha256_of(&dir.path().join("a")).unwrap()
}

#[test]
fn damaged_images_are_listed_with_their_number() {
    let place = Place::new();
    for i in 0..4 {
        fs::write(place.bench.path(format!("warm/train/red/{i}.png")), "damaged").unwrap();
    }
    fs::write(place.bench.path("cold/test/blue/2.png"), "damaged").unwrap();
    let output = place.run("data verify folder:warm");
    assert_eq!(output.status.code(), Some(3));
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(out.contains("train: 8 images, 4 damaged") && out.contains("red/3.png"), "{out}");
    assert!(err.contains("4 of 16 images cannot be decoded"), "{err}");
    let output = place.run("data verify folder:cold --json");
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &rows[1]["damaged"]), (Some(3), &json!(1)));
    assert!(rows[1]["first"][0].as_str().unwrap().contains("blue/2.png"));
}

/// A table of six links, of which the first four are alive, as the published captions.
fn publish_captions(place: &Place) {
    let line = |i: usize| format!("caption {i}\t{}\n", place.server.url(&format!("/{i}.jpg")));
    let table: String = (0..6).map(line).collect();
    place.publish("conceptual-captions", &[("Validation_GCC-1.1.0-Validation.tsv", table.as_bytes(), "")]);
    for i in 0..4 {
        place.server.put(&format!("/{i}.jpg"), &picture(600, 400));
    }
}

#[test]
fn captions_come_with_the_images_whose_links_are_alive() {
    let place = Place::new();
    publish_captions(&place);
    let fetch = "data fetch conceptual-captions --jobs 3";
    let output = place.run(fetch);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("found 4 of 6 images (66.7%)"), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("2 status 404"));
    let index = place.bench.read("data/conceptual-captions/Validation_GCC-1.1.0-Validation_output.csv");
    assert!(index.starts_with("title\tfilepath\ncaption 0\tcc_data/val/0/0.jpg\n"), "{index}");
    let stamp = place.bench.read("data/conceptual-captions/fetched.toml");
    assert!(
        stamp.contains("rows = 6") && stamp.contains("found = 4") && stamp.contains("\"status 404\" = 2"),
        "{stamp}"
    );
    let asked = place.asked();
    let row = &place.json(fetch)[0];
    assert_eq!((&row["train"], &row["new"]), (&json!(4), &json!(false)));
    assert_eq!(place.asked(), asked, "dead links are remembered");
    assert!(place.ok("data verify conceptual-captions").contains("train: 4 images, 0 damaged"));
    let run = "run --method zscl --scenario small.toml --out run --reference-images conceptual-captions";
    place.ok(&format!("{run} --reference-texts conceptual-captions"));
}

#[test]
fn too_few_images_are_refused_and_kept_and_the_captions_alone_can_be_had() {
    let place = Place::new();
    publish_captions(&place);
    for i in 0..3 {
        place.server.fail(&format!("/{i}.jpg"), Fault::Status(503));
    }
    let fetch = "data fetch conceptual-captions";
    place.fails(fetch, 3, &["found 1 of 6 images, fewer than 50%", "--minimum 0.16", "--texts"]);
    assert!(place.bench.path("data/conceptual-captions/cc_data/val/3/3.jpg").exists());
    place.fails(&format!("{fetch} --minimum 1.5"), 2, &[]);
    place.ok(&format!("{fetch} --texts"));
}

#[test]
fn texts_alone_are_fetched_without_asking_for_images() {
    let place = Place::new();
    publish_captions(&place);
    assert_eq!(place.json("data fetch conceptual-captions --texts")[0]["captions"], 6);
    assert_eq!(place.asked(), 1);
    assert!(place.ok("data fetch conceptual-captions --texts").contains("6 captions and 0 images"));
    let listed = place.ok("data list");
    let line = listed.lines().find(|line| line.starts_with("conceptual-captions")).unwrap();
    assert!(line.contains("texts") && line.contains("  -  "), "{line}");
    assert_eq!(place.json("data fetch conceptual-captions")[0]["train"], 4, "the images come later");
}
