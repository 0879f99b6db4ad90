use std::{fs, path::Path};

use serde_json::Value;

use super::bench::{Bench, text};

const RUN: &str = "run --method zscl --scenario small.toml --json";

#[test]
fn a_run_on_prepared_images_is_the_same_run() {
    let bench = Bench::new();
    bench.ok(&format!("{RUN} --out decoded"));
    let files: Value = serde_json::from_str(&bench.ok("data prepare folder:warm --size 32 --train --json")).unwrap();
    bench.ok("data prepare folder:cold --size 32 --train");
    let paths: Vec<&str> = files.as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert!(paths[0].ends_with("test-32.pixels") && paths[1].ends_with("train-originals.pixels"), "{paths:?}");
    assert!(paths.iter().all(|path| fs::metadata(path).unwrap().len() > 0));
    bench.ok(&format!("{RUN} --out prepared"));
    for file in ["model.safetensors", "matrix.csv"] {
        assert_eq!(
            fs::read(bench.path("decoded").join(file)).unwrap(),
            fs::read(bench.path("prepared").join(file)).unwrap()
        );
    }
    assert!(bench.ok("data prepare folder:warm --size 32").contains("was prepared before"));
}

#[test]
fn prepared_images_that_no_longer_fit_are_named_with_what_to_do() {
    let bench = Bench::new();
    bench.ok("data prepare folder:warm --size 32");
    fs::copy(bench.path("warm/test/red/0.png"), bench.path("warm/test/red/9.png")).unwrap();
    let parts = ["test-32.pixels", "have changed since", "clf data prepare folder:warm"];
    bench.fails(&format!("{RUN} --out run"), 3, &parts);
    bench.ok("data prepare folder:warm --size 32");
    bench.ok(&format!("{RUN} --out run"));
}

#[test]
fn what_a_killed_preparation_left_is_removed_and_a_failed_one_leaves_nothing() {
    let bench = Bench::new();
    fs::write(bench.path("warm/test/red/0.png"), b"this is no picture").unwrap();
    bench.fails("data prepare folder:warm --size 32", 3, &["warm/test/red/0.png"]);
    assert!(!bench.path("data").exists(), "an empty folder is left");
    let files: Value = serde_json::from_str(&bench.ok("data prepare folder:cold --size 32 --json")).unwrap();
    let path = Path::new(files[0]["path"].as_str().unwrap());
    let left = path.with_file_name(".test-32.pixels.4711.tmp");
    fs::write(&left, "half of the pictures").unwrap();
    bench.ok("data prepare folder:cold --size 32");
    assert!(!left.exists());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn only_pictures_that_are_decoded_are_prepared() {
    let bench = Bench::new();
    bench.fails("data prepare mini:shapes", 3, &["mini:shapes", "decoding takes no time"]);
    bench.fails("data prepare folder:nowhere", 3, &["nowhere"]);
    bench.fails("data prepare cifar-100", 2, &["did you mean \"cifar100\"?"]);
}

#[test]
fn a_damaged_parquet_file_is_one_error_without_the_words_of_a_panic() {
    let bench = Bench::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/tests/fixtures/elsewhere");
    let mut bytes = fs::read(fixtures.join("older.parquet")).unwrap();
    // The kind of a page, at which the decoder panics.
    bytes[305] ^= 0xff;
    fs::create_dir(bench.path("broken")).unwrap();
    fs::write(bench.path("broken/train.parquet"), bytes).unwrap();
    let command = "data verify parquet:broken";
    bench.fails(command, 3, &["parquet:broken", "cannot be decoded"]);
    let output = bench.clf(command);
    let [stdout, stderr] = [text(&output.stdout), text(&output.stderr)];
    assert!(
        stdout.contains("train.parquet") && stdout.contains("it cannot be decoded: called `Option::unwrap()`"),
        "{stdout}"
    );
    for words in ["thread '", "unwrap", "backtrace", ".rs:"] {
        assert!(!stderr.contains(words), "{words:?} in {stderr}");
    }
}
