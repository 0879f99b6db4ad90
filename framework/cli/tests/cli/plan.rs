//! `clf plan`: the arguments of a run, and what it will take.

use std::{fs, path::Path};

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
    bench.fails("plan --method zscl --scenario small.toml --set train.batch-size=0", 2, &["batch-size", "at least 1"]);
    bench.fails("plan --method zscl --scenario small.toml --dry --steps 4", 2, &["--steps"]);
    bench.write("lost.toml", "summary = 'x'\nprocedure = 'mtil'\ntasks = [{ dataset = 'folder:lost' }]\n");
    bench.fails("plan --method finetune --scenario lost.toml", 3, &["lost"]);
}
