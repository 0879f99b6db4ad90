//! Methods on real pictures, in the formats of their downloads, through the real binary.
//!
//! Needs small copies of public sets in the folder `CLF_REALDATA`, by default `../shared/realdata` beside the
//! repository; without them the test is skipped, and says so.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn realdata() -> Option<PathBuf> {
    let folder =
        env::var_os("CLF_REALDATA").map_or_else(|| PathBuf::from(ROOT).join("../shared/realdata"), PathBuf::from);
    folder.canonicalize().ok()
}

/// The folder, or a line that says that `test` is skipped, written past the test harness, which would swallow it.
fn realdata_for(test: &str) -> Option<PathBuf> {
    let found = realdata();
    if found.is_none() {
        let line = format!("SKIPPED {test}: needs real data at CLF_REALDATA\n");
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    }
    found
}

fn run(folder: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_clf")).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn cifar100_in_ten_tasks_runs_where_its_data_is() {
    let Some(real) = realdata_for("cifar100_in_ten_tasks_runs_where_its_data_is") else { return };
    let folder = tempfile::tempdir().unwrap();
    let real = real.to_str().unwrap();
    let arguments =
        ["run", "--method", "finetune", "--scenario", "cil-cifar100-10", "--model", "mini-clip", "--data", real];
    let result = run(
        folder.path(),
        &[&arguments[..], &["--partial-data", "--set", "train.steps=2", "--out", "run", "--json"]].concat(),
    );
    assert_eq!(result["tasks"].as_array().unwrap().len(), 10);
    assert_eq!(result["test-images"], serde_json::json!([50, 50, 50, 50, 50, 50, 50, 50, 50, 50]));
    assert!(result["metrics"]["cil_last"].is_f64());
}

#[test]
fn zscl_learns_six_real_datasets_in_a_row() {
    let Some(real) = realdata_for("zscl_learns_six_real_datasets_in_a_row") else { return };
    let folder = tempfile::tempdir().unwrap();
    let real = real.display();
    for (descriptor, set) in
        [("dtd", "dtd"), ("oxford-iiit-pet", "oxford-iiit-pet"), ("imagenet-sample-images", "imagenet-sample-images")]
    {
        let text = fs::read_to_string(format!("{ROOT}/datasets/tests/fixtures/{descriptor}.toml")).unwrap();
        fs::write(folder.path().join(format!("{set}.toml")), format!("root = '{real}/{set}'\n{text}")).unwrap();
    }
    let scenario = format!(
        "summary = 'six real datasets'\nmodel = 'mini-clip'\nprocedure = 'mtil'\ntasks = [\n\
         {{ dataset = 'cifar:{real}/cifar-10' }}, {{ dataset = 'cifar:{real}/cifar-100' }},\n\
         {{ dataset = 'folder:dtd.toml' }}, {{ dataset = 'flowers:{real}/flowers102' }},\n\
         {{ dataset = 'folder:oxford-iiit-pet.toml' }}, {{ dataset = 'cifar:{real}/cifar-10', name = 'again' }},\n]\n\
         [reference]\nimages = 'folder:imagenet-sample-images.toml'\n\
         texts = 'captions:{real}/conceptual_captions'\ntexts-limit = 64\n\
         [train]\nlr = 1e-4\nsteps = 3\nwarmup = 1\nbatch-size = 8\nreference-batch-size = 8\n"
    );
    fs::write(folder.path().join("real.toml"), scenario).unwrap();
    let arguments = ["run", "--method", "zscl", "--scenario", "real.toml", "--out", "run", "--json"];
    let result = run(folder.path(), &arguments);
    assert_eq!(result["test-images"], serde_json::json!([300, 500, 40, 128, 30, 300]));
    assert!(result["metrics"]["transfer"].as_f64().unwrap() > 0.0);
    let steps = fs::read_to_string(folder.path().join("run/metrics.jsonl")).unwrap();
    assert_eq!(steps.lines().count(), 6 * 4);
}

#[test]
fn tiny_imagenet_in_eleven_tasks_runs_on_a_part_of_its_images() {
    let Some(real) = realdata_for("tiny_imagenet_in_eleven_tasks_runs_on_a_part_of_its_images") else { return };
    let folder = tempfile::tempdir().unwrap();
    let line = format!(
        "run --method finetune --scenario cil-tinyimagenet-10 --model mini-clip --partial-data --limit-per-class 2 \
         --limit-test 20 --set train.epochs=0 --set train.steps=1 --out run --json --data {}",
        real.display()
    );
    let result = run(folder.path(), &line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(result["scenario"], "cil-tinyimagenet-10_limit-per-class-2_limit-test-20");
    assert_eq!(result["test-images"], serde_json::json!(vec![20; 11]));
    assert_eq!(result["other"]["protocol"], "task-aware");
}

#[test]
fn zscl_learns_the_named_datasets_in_a_row_from_partial_copies() {
    let Some(real) = realdata_for("zscl_learns_the_named_datasets_in_a_row_from_partial_copies") else { return };
    let folder = tempfile::tempdir().unwrap();
    let names =
        ["caltech101", "cifar10", "cifar100", "dtd", "flowers102", "food101", "mnist", "oxford-pets", "tiny-imagenet"];
    let tasks: Vec<String> = names.iter().map(|name| format!("{{ dataset = '{name}' }}")).collect();
    let scenario = format!(
        "summary = 'real'\nmodel = 'mini-clip'\nprocedure = 'mtil'\ntasks = [{}]\n[reference]\nimages = 'dtd'\n\
         texts = 'conceptual-captions'\ntexts-limit = 64\n[train]\nlr = 1e-4\nsteps = 2\nwarmup = 1\nbatch-size = 8\n\
         reference-batch-size = 8\n",
        tasks.join(", ")
    );
    fs::write(folder.path().join("real.toml"), scenario).unwrap();
    let line = format!(
        "run --method zscl --scenario real.toml --partial-data --limit-test 40 --out run --json --data {}",
        real.display()
    );
    let result = run(folder.path(), &line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(result["tasks"], serde_json::json!(names));
    assert_eq!(result["other"]["protocol"], "task-agnostic");
    let withheld = result["other"]["metrics"]["mtil_last"].as_f64().unwrap();
    assert!(withheld <= result["metrics"]["mtil_last"].as_f64().unwrap(), "more classes compete");
    let environment = fs::read_to_string(folder.path().join("run/environment.json")).unwrap();
    let environment: Value = serde_json::from_str(&environment).unwrap();
    let splits = environment["tasks"].as_array().unwrap().iter().map(|task| task["split-family"].as_str().unwrap());
    assert_eq!(splits.filter(|family| family.ends_with(", partial copy")).count(), names.len() - 1);
}
