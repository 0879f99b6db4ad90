//! `clf plan`: the arguments of a run, and what it will take.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::bench::Bench;

#[track_caller]
fn plan(bench: &Bench, arguments: &str) -> Value {
    serde_json::from_str(&bench.ok(&format!("plan --device cpu --json {arguments}"))).unwrap()
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let of = |entry: fs::DirEntry| {
        if entry.path().is_dir() { bytes_below(&entry.path()) } else { entry.metadata().unwrap().len() }
    };
    entries.map(of).sum()
}

#[test]
fn a_plan_names_tasks_and_steps_and_its_disk_is_that_of_the_run() {
    let bench = Bench::new();
    let made = plan(&bench, "--method zscl --scenario small.toml --set train.steps=30 --out run");
    assert!(!bench.path("run").exists(), "nothing is left behind");
    let names: Vec<&str> =
        made["tasks"].as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["warm", "cold"]);
    assert_eq!((&made["steps"], &made["scored-images"]), (&Value::from(62), &Value::from(3 * 16)));
    assert_eq!((&made["batch"]["images"], &made["batch"]["more-images"]), (&Value::from(4), &Value::from(4)));
    for key in ["total-seconds", "cpu-seconds", "peak-mib", "gflop-a-step"] {
        assert!(made[key].as_f64().unwrap() > 0.0, "{key}: {made:#}");
    }
    bench.ok("run --method zscl --scenario small.toml --set train.steps=30 --out run --device cpu");
    let (planned, found) = (made["disk-bytes"].as_u64().unwrap() as f64, bytes_below(&bench.path("run")) as f64);
    assert!((planned / found - 1.0).abs() < 0.05, "{planned} and {found}");
}

#[test]
fn every_kind_of_method_can_be_planned() {
    let bench = Bench::new();
    for method in ["zero-shot", "finetune", "icarl", "lwf", "joint", "rail", "linear-probe"] {
        let made = plan(&bench, &format!("--method {method} --scenario small.toml --steps 4"));
        assert!(made["total-seconds"].as_f64().unwrap() > 0.0, "{method}");
        assert_eq!(made["steps"].as_u64().unwrap() > 0, !["zero-shot", "rail"].contains(&method), "{method}");
    }
}

#[test]
fn a_plan_without_measuring_starts_nothing_and_says_how_rough_it_is() {
    let bench = Bench::new();
    let shown = bench.ok("plan --method zscl --scenario mtil-order-1 --dry --device cpu");
    for part in
        ["aircraft", "11011", "a factor of about three", "clf data fetch", "to download", "clf model fetch ViT-B-16"]
    {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert!(!bench.path("runs").exists());
}

#[test]
fn a_plan_without_measuring_counts_checkpoints_and_every_text() {
    let bench = Bench::new();
    let run = "--method zscl --scenario small.toml --set train.steps=12 --checkpoint-every 3 --keep-checkpoints 2";
    let made = plan(&bench, &format!("--dry {run}"));
    bench.ok(&format!("run {run} --out run --device cpu"));
    let sizes =
        fs::read_dir(bench.path("run/checkpoints")).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    let (planned, found) = (made["checkpoint-bytes"].as_u64().unwrap(), sizes.max().unwrap());
    assert!((planned as f64 / found as f64 - 1.0).abs() < 0.05, "{planned} and {found}");
    assert_eq!(made["disk"]["checkpoints"].as_u64(), Some(2 * planned));
    let weights = fs::metadata(bench.path("run/model.safetensors")).unwrap().len();
    let rest = made["disk-bytes"].as_u64().unwrap() - 2 * planned;
    assert!((rest as f64 / weights as f64 - 1.0).abs() < 0.05, "{rest} and {weights}");

    let texts = |key: &str, arguments: &str| {
        plan(&bench, &format!("--dry --scenario small.toml --method {arguments}"))["batch"][key].as_u64().unwrap()
    };
    assert_eq!(texts("texts", "finetune"), 2);
    assert_eq!(texts("texts", "finetune --set method.negatives=seen-classes"), 4);
    let drawn = "finetune --set method.negatives=reference-texts --set method.negatives-count=9";
    assert_eq!(texts("texts", drawn), 11);
    assert_eq!(texts("texts", "der++"), 2 + 4);
    assert_eq!([texts("teacher-texts", "zscl"), texts("teacher-texts", "zscl --set hook.distill.cache=false")], [0, 2]);
}

#[cfg(unix)]
#[test]
fn a_plan_removes_what_a_killed_one_left() {
    let bench = Bench::new();
    let wait = |is_there: &dyn Fn() -> bool| {
        while !is_there() {
            thread::sleep(Duration::from_millis(5));
        }
    };
    let folders = || -> Vec<PathBuf> {
        let paths = fs::read_dir(bench.path("")).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.to_string_lossy().contains("/.clf-plan-")).collect()
    };
    let arguments = "plan --device cpu --method finetune --scenario small.toml --steps";
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("clf"));
    command.args(arguments.split(' ')).arg("200").current_dir(bench.path("")).env("CLF_DATA", bench.path("data"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait(&|| folders().iter().any(|folder| folder.join("run").exists()));
    let left = folders().remove(0);
    child.kill().unwrap();
    child.wait().unwrap();
    // The process that measures goes on alone.
    let lock = File::options().append(true).open(left.join(".lock")).unwrap();
    wait(&|| lock.try_lock().is_ok());
    // What a process holds is left in peace.
    bench.ok(&format!("{arguments} 4"));
    assert_eq!(folders(), [left]);
    drop(lock);
    bench.ok(&format!("{arguments} 4"));
    assert_eq!(folders(), Vec::<PathBuf>::new());
}

#[test]
fn data_that_is_not_there_is_played_by_noise() {
    let bench = Bench::new();
    let arguments = "--method zscl --scenario cil-cifar100-50 --model mini-clip --steps 4 --set train.batch-size=4";
    let made = plan(&bench, &format!("{arguments} --set train.reference-batch-size=4"));
    let absent = made["needs"].as_array().unwrap().iter().filter(|need| need["state"] == "absent").count();
    assert!(absent >= 2, "{made:#}");
    assert_eq!(made["tasks"].as_array().unwrap().len(), 50);
}

#[test]
fn a_plan_fails_where_the_run_would() {
    let bench = Bench::new();
    bench.fails("plan --method zslc --scenario small.toml", 2, &["did you mean \"zscl\"?"]);
    bench.fails(
        "plan --method zscl --scenario small.toml --set train.batch-size=0",
        2,
        &["batch-size", "must be 1 or more"],
    );
    bench.fails("plan --method zscl --scenario small.toml --dry --steps 4", 2, &["--steps"]);
    bench.write("lost.toml", "summary = 'x'\nprocedure = 'mtil'\ntasks = [{ dataset = 'folder:lost' }]\n");
    bench.fails("plan --method finetune --scenario lost.toml", 3, &["lost"]);
}
