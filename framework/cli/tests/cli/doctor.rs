//! `clf doctor` on a machine that is well, and on one where something is broken.

use std::fs;

use clf_clip::{ClipConfig, StateDict, random_weights};
use serde_json::Value;

use super::bench::{Bench, text};

/// The checks of a run that ended with `code`.
#[track_caller]
fn checks(bench: &Bench, arguments: &str, code: i32) -> Value {
    let output = bench.clf(&format!("doctor --device cpu --json {arguments}"));
    assert_eq!(output.status.code(), Some(code), "clf doctor {arguments}\n{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// State, finding and advice of a check.
#[track_caller]
fn find(report: &Value, name: &str) -> [String; 3] {
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
    ["state", "finding", "advice"].map(|key| check[key].as_str().unwrap_or_default().to_owned())
}

fn weights(bench: &Bench, name: &str) -> StateDict {
    fs::create_dir_all(bench.path("data/models")).unwrap();
    let dict = random_weights(&ClipConfig::mini(), 3);
    dict.write(bench.path(name)).unwrap();
    dict
}

#[test]
fn a_machine_that_is_well_has_no_failed_check_and_takes_less_than_a_minute() {
    let bench = Bench::new();
    let report = checks(&bench, "", 0);
    assert_eq!(report["healthy"], true);
    assert!(report["seconds"].as_f64().unwrap() < 60.0, "{report:#}");
    for name in
        ["program", "registry", "run folder", "device", "arithmetic", "tokenizer", "pictures", "logits", "training"]
    {
        assert_eq!(find(&report, name)[0], "ok", "{name}: {report:#}");
    }
    assert_eq!(find(&report, "weights")[0], "not-applicable");
    assert!(!bench.path("runs").exists(), "nothing is left behind");
    let shown = bench.ok("doctor --device cpu");
    assert!(shown.contains("open_clip") && shown.contains("Pillow") && shown.contains("0 failed"), "{shown}");
}

#[test]
fn weights_that_are_not_there_fail_with_the_command_that_fetches_them() {
    let bench = Bench::new();
    let report = checks(&bench, "--model ViT-B-16", 4);
    let [state, finding, advice] = find(&report, "weights");
    assert_eq!(state, "failed");
    assert!(finding.contains("ViT-B-16") && advice.contains("clf model fetch ViT-B-16"), "{finding}, {advice}");
    // Everything else was looked at all the same.
    assert_eq!(find(&report, "datasets")[0], "ok");
    bench.fails("doctor --device cpu --model ViT-B-17", 2, &["did you mean \"ViT-B-16\""]);
}

#[test]
fn damaged_weights_fail_and_whole_ones_are_loaded_and_computed_with() {
    let bench = Bench::new();
    let dict = weights(&bench, "mine.safetensors");
    let report = checks(&bench, "--model ./mine.safetensors", 0);
    assert!(find(&report, "weights")[1].contains("it computes"), "{report:#}");
    let bytes = fs::read(bench.path("mine.safetensors")).unwrap();
    fs::write(bench.path("mine.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(find(&checks(&bench, "--model ./mine.safetensors", 4), "weights")[0], "failed");

    // A single number that is none.
    let mut broken = dict;
    broken.tensors.get_mut("visual.proj").unwrap().data[5] = f32::NAN;
    broken.write(bench.path("nan.safetensors")).unwrap();
    assert_eq!(find(&checks(&bench, "--model ./nan.safetensors", 4), "weights")[0], "failed");
}

#[test]
fn logits_that_differ_from_a_record_beside_the_weights_fail() {
    let bench = Bench::new();
    weights(&bench, "mine.safetensors");
    let record = "{\"made-by\": \"nobody\", \"texts\": [\"a\"], \"ids\": [[1022, 320, 1023]], \"logits\": [[99.0]]}";
    bench.write("mine.safetensors.logits.json", record);
    let [state, finding, _] = find(&checks(&bench, "--model ./mine.safetensors", 5), "weights");
    assert!(state == "failed" && finding.contains("from nobody"), "{finding}");
    bench.write("mine.safetensors.logits.json", "{}");
    assert_eq!(find(&checks(&bench, "--model ./mine.safetensors", 4), "weights")[0], "failed");
}

#[test]
fn a_run_folder_that_cannot_be_written_fails() {
    let bench = Bench::new();
    bench.write("runs", "a file");
    let [state, finding, advice] = find(&checks(&bench, "", 6), "run folder");
    assert_eq!(state, "failed");
    assert!(finding.contains("runs") && advice.contains("file"), "{finding}, {advice}");
    assert_eq!(find(&checks(&bench, "--out elsewhere", 0), "run folder")[0], "ok");
}

#[test]
fn a_part_of_a_dataset_fails_unless_it_is_accepted() {
    let bench = Bench::new();
    // One picture in each folder of EuroSAT.
    for class in folders_of_eurosat(&bench) {
        let folder = bench.path("data/eurosat/2750").join(class);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(bench.path("warm/train/red/0.png"), folder.join("picture_1.jpg")).unwrap();
    }
    let [state, finding, advice] = find(&checks(&bench, "", 3), "datasets");
    assert!(
        state == "failed" && finding.contains("eurosat") && advice.contains("--partial-data"),
        "{finding}, {advice}"
    );
    assert_eq!(find(&checks(&bench, "--partial-data", 0), "datasets")[0], "warning");
}

fn folders_of_eurosat(bench: &Bench) -> Vec<String> {
    let shown: Value = serde_json::from_str(&bench.ok("show dataset eurosat --json")).unwrap();
    let toml: toml::Table = shown["toml"].as_str().unwrap().parse().unwrap();
    let folders = toml["folder"]["class-folders"].as_array().unwrap();
    folders.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
#[cfg(not(feature = "cuda"))]
fn cuda_that_is_asked_for_and_not_there_fails() {
    let bench = Bench::new();
    let output = bench.clf("doctor --device cuda:0 --json");
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [state, finding, _] = find(&report, "device");
    assert!(state == "failed" && finding.contains("no CUDA"), "{finding}");
    assert_eq!(find(&report, "logits")[0], "not-applicable");
    // The default is content with the CPU.
    let output = bench.clf("doctor --device auto");
    assert!(output.status.success(), "{}", text(&output.stderr));
    bench.fails("doctor --device gpu", 2, &["unknown device"]);
}
