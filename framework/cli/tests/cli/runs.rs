use std::fs;

use clf_clip::StateDict;
use serde_json::Value;

use super::bench::Bench;

const CLASS_INCREMENTAL: &str = "summary = 'x'\nprocedure = 'class-incremental'\ndataset = 'folder:warm'\n\
     initial-increment = 1\nincrement = 1\nclass-order = [1, 0]\n[train]\nepochs = 1\nbatch-size = 2\nwarmup = 1\n";

/// The lines of `metrics.jsonl`.
fn steps(bench: &Bench, run: &str) -> Vec<Value> {
    bench.read(format!("{run}/metrics.jsonl")).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_run_leaves_everything_that_it_promises() {
    let bench = Bench::new();
    let table = bench.ok("run --method zscl --scenario small.toml --out run --set hook.l2.weight=0.5");
    for part in ["zero-shot", "warm", "cold", "transfer", "mtil_avg", "mtil_last", "difference"] {
        assert!(table.contains(part), "no {part} in\n{table}");
    }
    // Three steps and the one at rate 0, for each of two tasks.
    let steps = steps(&bench, "run");
    assert_eq!(steps.len(), 8);
    for term in ["ce", "distill-image", "distill-text", "l2"] {
        assert!(steps[0]["terms"][term].is_f64(), "no {term} in {}", steps[0]);
    }
    assert_eq!(steps[3]["lr"], 0.0);
    let timing: Value = serde_json::from_str(bench.read("run/timing.jsonl").lines().nth(5).unwrap()).unwrap();
    assert_eq!((&timing["task"], &timing["step"]), (&1.into(), &1.into()));
    for part in ["seconds", "images-per-second", "data-seconds"] {
        assert!(timing[part].as_f64().unwrap() >= 0.0, "{part}");
    }
    let config = bench.read("run/config.toml");
    assert!(config.contains("weight = 0.5  # --set hook.l2.weight=0.5"), "{config}");
    assert!(config.contains("lr = 0.0001  # scenario small"), "{config}");
    assert_eq!(bench.read("run/matrix.csv").lines().count(), 4);
    let result: Value = serde_json::from_str(&bench.read("run/result.json")).unwrap();
    assert_eq!(result["finished"], true);
    for file in ["environment.json", "log.txt", "model.safetensors", "predictions/00.npy", "predictions/02.npy"] {
        assert!(bench.path("run").join(file).exists(), "no {file}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_does_not() {
    let bench = Bench::new();
    for (run, seed) in [("a", 3), ("b", 3), ("c", 4)] {
        bench.ok(&format!("run --method zscl --scenario small.toml --seed {seed} --out {run}"));
    }
    assert_eq!(steps(&bench, "a"), steps(&bench, "b"));
    assert_ne!(steps(&bench, "a"), steps(&bench, "c"));
    let weights = |run: &str| fs::read(bench.path(run).join("model.safetensors")).unwrap();
    assert_eq!(weights("a"), weights("b"));
    assert_ne!(weights("a"), weights("c"));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bench = Bench::new();
    for threads in ["1", "3"] {
        let arguments = format!("run --method zscl --scenario small.toml --out threads-{threads}");
        let output = bench.command().args(arguments.split(' ')).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success());
    }
    assert_eq!(steps(&bench, "threads-1"), steps(&bench, "threads-3"));
    let weights = |run: &str| fs::read(bench.path(run).join("model.safetensors")).unwrap();
    assert_eq!(weights("threads-1"), weights("threads-3"));
}

#[test]
fn final_weights_score_as_the_last_row_says() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml --out run --set train.lr=1e-3");
    let eval = bench.ok("eval --checkpoint run/model.safetensors --scenario small.toml --json");
    let eval: Value = serde_json::from_str(&eval).unwrap();
    let matrix = bench.read("run/matrix.csv");
    let last: Vec<f64> = matrix.lines().last().unwrap().split(',').skip(1).map(|cell| cell.parse().unwrap()).collect();
    for (task, accuracy) in last.iter().enumerate() {
        assert_eq!(eval["tasks"][task]["accuracy"].as_f64(), Some(*accuracy));
    }
}

#[test]
fn a_method_that_never_trains_leaves_the_weights_and_the_first_row_alone() {
    let bench = Bench::new();
    bench.ok("run --method zero-shot --scenario small.toml --out run");
    let matrix = bench.read("run/matrix.csv");
    let rows: Vec<&str> = matrix.lines().skip(1).map(|line| line.split_once(',').unwrap().1).collect();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| *row == rows[0]), "{matrix}");
    assert!(bench.read("run/metrics.jsonl").is_empty());
}

#[test]
fn classes_arrive_in_increments() {
    let bench = Bench::new();
    bench.write("cil.toml", CLASS_INCREMENTAL);
    let result = bench.ok("run --method finetune --scenario cil.toml --out run --json");
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["procedure"], "class-incremental");
    assert!(result["metrics"]["cil_last"].is_f64() && result["metrics"]["transfer"].is_null());
    // Four images in batches of two, and the step at rate 0, for each of two tasks.
    assert_eq!(steps(&bench, "run").len(), 6);
    let rows: Vec<String> = bench.read("run/matrix.csv").lines().map(str::to_owned).collect();
    assert!(rows[2].ends_with(','), "task 2 is not scored before it is learned: {}", rows[2]);
}

#[test]
fn pre_training_lowers_the_loss_and_writes_weights_that_load() {
    let bench = Bench::new();
    bench.ok(
        "pretrain --pairs folder:warm --pairs folder:cold --steps 12 --set batch-size=8 --set warmup=2 --set lr=1e-3 \
         --out made.safetensors --log log.jsonl",
    );
    let losses: Vec<f64> = bench
        .read("log.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64().unwrap())
        .collect();
    assert_eq!(losses.len(), 13);
    assert!(losses[12] < losses[0], "{losses:?}");
    bench.ok("eval --model made.safetensors --scenario small.toml");
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_cleanly_and_keeps_what_is_finished() {
    use std::{process, thread, time::Duration};

    let bench = Bench::new();
    let program = assert_cmd::cargo::cargo_bin("clf");
    let arguments = "run --method finetune --scenario small.toml --set train.steps=100000 --out run";
    let mut child = process::Command::new(program)
        .args(arguments.split(' '))
        .current_dir(bench.path(""))
        .stderr(process::Stdio::null())
        .spawn()
        .unwrap();
    let started = bench.path("run/matrix.csv");
    while !started.exists() {
        thread::sleep(Duration::from_millis(50));
    }
    let kill = process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(bench.read("run/matrix.csv").lines().count(), 2);
    assert!(bench.read("run/log.txt").contains("interrupted at task 0"));
}

#[test]
fn interpolation_ends_at_the_two_models() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml --out run --set train.lr=1e-2 --set train.steps=8");
    let checkpoint = "eval --checkpoint run/model.safetensors --scenario small.toml --json";
    let json = |arguments: &str| -> Value { serde_json::from_str(&bench.ok(arguments)).unwrap() };
    let sweep = json(&format!("{checkpoint} --interpolate 0:1:0.25"));
    let sweep = sweep["interpolations"].as_array().unwrap();
    let shares: Vec<f64> = sweep.iter().map(|row| row["share"].as_f64().unwrap()).collect();
    assert_eq!(shares, [0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!(sweep[0]["tasks"], json("eval --scenario small.toml --json")["tasks"]);
    assert_eq!(sweep[4]["tasks"], json(checkpoint)["tasks"]);
    assert_ne!(sweep[0]["tasks"], sweep[4]["tasks"]);
    let with_itself = json(&format!("{checkpoint} --interpolate 0,0.5 --base run/model.safetensors"));
    assert_eq!(with_itself["interpolations"][0]["tasks"], sweep[4]["tasks"]);
}

#[test]
fn joint_training_has_a_last_row_alone() {
    let bench = Bench::new();
    let result = bench.ok("run --method joint --scenario small.toml --out run --json");
    let result: Value = serde_json::from_str(&result).unwrap();
    assert!(result["metrics"]["mtil_last"].is_f64());
    assert!(result["metrics"]["transfer"].is_null() && result["metrics"]["mtil_avg"].is_null());
    // Two tasks of three steps, and the step at rate 0.
    assert_eq!(steps(&bench, "run").len(), 7);
    let rows: Vec<String> = bench.read("run/matrix.csv").lines().map(str::to_owned).collect();
    assert_eq!(rows[2], "warm,,");
    assert!(!rows[3].ends_with(','));
}

#[test]
fn the_published_code_is_one_setting_away() {
    let bench = Bench::new();
    bench.ok("run --method icarl --scenario small.toml --out paper");
    bench.ok("run --method icarl --scenario small.toml --out published --set compat=reference");
    let config = |run: &str| bench.read(format!("{run}/config.toml"));
    assert!(config("paper").contains("teacher = \"task-start\""), "{}", config("paper"));
    let published = "teacher = \"zero-shot\"  # method icarl, as published, mtil";
    assert!(config("published").contains(published), "{}", config("published"));
    assert!(config("published").contains("selection = \"published\""));
    assert!(bench.ok("show method icarl").contains("[as-published"));

    // The class-incremental code scores random crops, whatever the method.
    bench.write("cil.toml", CLASS_INCREMENTAL);
    bench.ok("run --method zero-shot --scenario cil.toml --out cil --set compat=reference");
    let transform = "transform = \"train\"  # default, as published, class-incremental";
    assert!(config("cil").contains(transform), "{}", config("cil"));
}

#[test]
fn micro_batches_change_neither_losses_nor_weights_but_for_rounding() {
    let bench = Bench::new();
    for method in ["zscl", "der++", "icarl", "image-fc", "ewc"] {
        let run = |name: &str, more: &str| {
            bench.ok(&format!("run --method {method} --scenario small.toml --out {method}-{name} {more}"));
            (steps(&bench, &format!("{method}-{name}")), model(&bench, &format!("{method}-{name}")))
        };
        let ((all, whole), (parts, small)) = (run("all", ""), run("parts", "--micro-batch 3"));
        for (all, part) in all.iter().zip(&parts) {
            for value in ["loss", "grad-norm"] {
                let [left, right] = [all, part].map(|step| step[value].as_f64().unwrap());
                assert!((left - right).abs() <= 1e-5 * left.abs().max(1.0), "{method}, {value}: {all} and {part}");
            }
        }
        // Where a gradient is zero up to rounding, Adam turns rounding into moves.
        let gaps = whole.tensors.iter().flat_map(|(name, all)| {
            all.data.iter().zip(&small.tensors[name].data).map(|(all, part)| (all - part).abs())
        });
        let (count, apart) = gaps.fold((0, 0), |(count, apart), gap| (count + 1, apart + usize::from(gap > 1e-5)));
        assert!(apart * 100 <= count, "{method}: {apart} of {count} weights");
    }
}

fn model(bench: &Bench, run: &str) -> StateDict {
    StateDict::read(bench.path(run).join("model.safetensors")).unwrap()
}
