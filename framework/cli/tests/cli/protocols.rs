use serde_json::Value;

use super::bench::Bench;

fn result(bench: &Bench, run: &str) -> Value {
    serde_json::from_str(&bench.read(format!("{run}/result.json"))).unwrap()
}

#[test]
fn a_run_has_figures_with_and_without_the_task_at_test() {
    let bench = Bench::new();
    let table = bench.ok("run --method finetune --scenario small.toml --out run");
    assert!(table.contains("task withheld at test") && table.contains("splits: as found"), "{table}");
    let result = result(&bench, "run");
    assert_eq!(result["other"]["protocol"], "task-agnostic");
    let last = |figures: &Value| figures["mtil_last"].as_f64().unwrap();
    assert!(last(&result["other"]["metrics"]) <= last(&result["metrics"]), "more classes compete");
    assert_eq!(bench.read("run/matrix-task-agnostic.csv").lines().count(), 4);
    let scores = bench.ok("eval --scenario small.toml --checkpoint run/model.safetensors --json");
    let scores: Value = serde_json::from_str(&scores).unwrap();
    for (task, column) in [(0, "warm"), (1, "cold")] {
        let row = &scores["tasks"][task];
        let line = bench.read("run/matrix-task-agnostic.csv").lines().last().unwrap().to_owned();
        let expected: f64 = line.split(',').nth(task + 1).unwrap().parse().unwrap();
        assert_eq!((row["task"].as_str(), row["task-agnostic"].as_f64()), (Some(column), Some(expected)));
    }
}

#[test]
fn class_incremental_runs_are_scored_with_the_task_known_as_well() {
    let bench = Bench::new();
    bench.write(
        "cil.toml",
        "summary = 'x'\nprocedure = 'class-incremental'\ndataset = 'folder:warm'\ninitial-increment = 1\nincrement = 1\n\
         [train]\nepochs = 1\nbatch-size = 2\nwarmup = 1\n",
    );
    bench.ok("run --method finetune --scenario cil.toml --model mini-clip --out run");
    let result = result(&bench, "run");
    assert_eq!(result["other"]["protocol"], "task-aware");
    // One class competes with nothing.
    assert_eq!(result["other"]["metrics"]["cil_last"], 100.0);
}

#[test]
fn a_part_of_the_data_is_named_in_every_output() {
    let bench = Bench::new();
    let limits = "--limit-per-class 1 --limit-test 3";
    let line = format!("compare --methods zero-shot,finetune --scenario small.toml {limits} --out runs --json");
    let comparison: Value = serde_json::from_str(&bench.ok(&line)).unwrap();
    assert_eq!(comparison["scenario"], "small_limit-per-class-1_limit-test-3");
    let result = result(&bench, "runs/small_limit-per-class-1_limit-test-3-finetune-0");
    assert_eq!(result["test-images"], serde_json::json!([3, 3]));
    let environment = bench.read("runs/small_limit-per-class-1_limit-test-3-finetune-0/environment.json");
    let environment: Value = serde_json::from_str(&environment).unwrap();
    assert_eq!(environment["tasks"][0]["train-images"], 2);
    bench.fails("run --method finetune --scenario small.toml --limit-test 0", 2, &["--limit-test"]);
}

#[test]
fn few_shot_tasks_have_so_many_images_of_a_class() {
    let bench = Bench::new();
    let few = format!("few-shot = {{ per-class = 3, seed = 42, augment-once = true }}\n{}", bench.read("small.toml"));
    bench.write("few.toml", &few);
    bench.ok("run --method finetune --scenario few.toml --out run");
    let environment: Value = serde_json::from_str(&bench.read("run/environment.json")).unwrap();
    assert_eq!(environment["tasks"][1]["train-images"], 6);
}
