//! A temporary folder with a small scenario, and the program to run in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use assert_cmd::Command;
use clf_clip::image::{Rgb, RgbImage};
use tempfile::TempDir;

/// Two tasks of two classes each, told apart by colour, and reference images with class names.
pub struct Bench {
    folder: TempDir,
}

const SCENARIO: &str = "
summary = 'two tasks of colours'
procedure = 'mtil'
model = 'mini-clip'
tasks = [{ dataset = 'folder:warm' }, { dataset = 'folder:cold' }]

[reference]
images = 'folder:warm'
texts = 'folder:cold'

[train]
lr = 1e-4
steps = 3
warmup = 1
batch-size = 4
reference-batch-size = 4
";

impl Bench {
    pub fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.pictures("warm", [("red", [200, 30, 30]), ("yellow", [220, 210, 40])]);
        bench.pictures("cold", [("blue", [30, 40, 200]), ("green", [30, 180, 60])]);
        bench.write("small.toml", SCENARIO);
        bench
    }

    fn pictures(&self, dataset: &str, classes: [(&str, [u8; 3]); 2]) {
        for split in ["train", "test"] {
            for (class, colour) in classes {
                let folder = self.path(dataset).join(split).join(class);
                fs::create_dir_all(&folder).unwrap();
                for i in 0..4_u8 {
                    let picture = RgbImage::from_fn(40, 36, |x, y| Rgb(colour.map(|c| c ^ (x + y) as u8 & (7 + i))));
                    picture.save(folder.join(format!("{i}.png"))).unwrap();
                }
            }
        }
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::cargo_bin("clf").unwrap();
        command.current_dir(self.folder.path()).env("CLF_DATA", self.path("data")).env_remove("RUST_LOG");
        command
    }

    pub fn clf(&self, arguments: &str) -> Output {
        self.command().args(arguments.split_whitespace()).output().unwrap()
    }

    /// A run that must succeed; gives stdout.
    #[track_caller]
    pub fn ok(&self, arguments: &str) -> String {
        let output = self.clf(arguments);
        assert!(output.status.success(), "clf {arguments}\n{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// A run that must fail with `code` and one error that has all of `parts`.
    #[track_caller]
    pub fn fails(&self, arguments: &str, code: i32, parts: &[&str]) {
        let output = self.clf(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "clf {arguments}\n{stderr}");
        assert_eq!(stderr.matches("error: ").count(), 1, "one error for clf {arguments}\n{stderr}");
        assert!(!stderr.contains("panicked"), "clf {arguments}\n{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "no {part:?} in the error of clf {arguments}\n{stderr}");
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
