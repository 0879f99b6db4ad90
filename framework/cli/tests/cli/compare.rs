use std::{
    fs,
    path::{Path, PathBuf},
};

use clf_clip::{ClipConfig, random_weights};
use serde_json::Value;

use super::bench::Bench;

const COMPARE: &str = "compare --scenario small.toml --methods zero-shot,finetune";

/// Stderr of a comparison that must succeed.
#[track_caller]
fn told(bench: &Bench, arguments: &str) -> String {
    let output = bench.clf(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "clf {arguments}\n{stderr}");
    stderr
}

fn json(bench: &Bench, arguments: &str) -> Value {
    serde_json::from_str(&bench.ok(&format!("{arguments} --json"))).unwrap()
}

/// Cells of the lines of a table.
fn cells(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split_whitespace().map(String::from).collect()).collect()
}

fn folders(bench: &Bench) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(bench.path("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn every_method_is_run_with_every_seed_and_put_into_two_tables() {
    let bench = Bench::new();
    let output = bench.clf(&format!("{COMPARE} --seeds 2 --set train.lr=1e-3"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    for line in ["run 1/4: zero-shot, seed 0", "run 2/4: finetune, seed 0", "run 4/4: finetune, seed 1"] {
        assert!(stderr.contains(line), "{stderr}");
    }
    let names: Vec<String> =
        ["finetune-0", "finetune-1", "zero-shot-0", "zero-shot-1"].map(|run| format!("small-{run}")).into();
    assert_eq!(
        folders(&bench).iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect::<Vec<_>>(),
        names
    );

    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines = cells(&stdout);
    let header = ["method", "transfer", "mtil_avg", "mtil_last", "forgetting", "seconds", "seeds"];
    assert!(lines.contains(&header.map(String::from).to_vec()), "{stdout}");
    assert!(lines.contains(&["last", "accuracy", "on", "warm", "cold"].map(String::from).to_vec()), "{stdout}");
    let rows: Vec<&Vec<String>> = lines.iter().filter(|row| row.len() > 7 && row[2] == "±").collect();
    let first = rows.iter().map(|row| row[0].as_str());
    // The figures with the task known, then those with the task withheld.
    assert_eq!(first.collect::<Vec<_>>(), ["zero-shot", "finetune", "zero-shot", "finetune"], "{stdout}");
    assert!(stdout.contains("task-agnostic") && stdout.contains("splits: as found"), "{stdout}");
    assert_eq!(rows[0][1..4], [rows[0][1].clone(), "±".into(), "0.0".into()], "two equal runs: {stdout}");
    assert_eq!(rows[0].last().unwrap(), "2");
}

#[test]
fn values_of_the_json_follow_from_the_run_folders() {
    let bench = Bench::new();
    let json = json(&bench, &format!("{COMPARE} --seeds 3 --set train.lr=1e-3"));
    let finetune = &json["methods"][1];
    assert_eq!((json["scenario"].as_str(), finetune["method"].as_str()), (Some("small"), Some("finetune")));
    let lasts: Vec<f64> = (0..3)
        .map(|seed| {
            let result = bench.read(format!("runs/small-finetune-{seed}/result.json"));
            let result: Value = serde_json::from_str(&result).unwrap();
            let last = result["metrics"]["mtil_last"].as_f64().unwrap();
            assert_eq!(finetune["runs"][seed]["metrics"]["mtil_last"].as_f64(), Some(last));
            assert_eq!(finetune["runs"][seed]["seed"].as_u64(), Some(seed as u64));
            last
        })
        .collect();
    let mean = lasts.iter().sum::<f64>() / 3.0;
    let std = (lasts.iter().map(|last| (last - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    assert!((finetune["metrics"]["mtil_last"]["mean"].as_f64().unwrap() - mean).abs() < 1e-9);
    assert!((finetune["metrics"]["mtil_last"]["std"].as_f64().unwrap() - std).abs() < 1e-9);
    assert_eq!(finetune["last-row"].as_array().unwrap().len(), 2);
}

#[test]
fn a_run_of_a_comparison_is_that_of_clf_run() {
    let bench = Bench::new();
    let arguments = "--scenario small.toml --set hook.l2.weight=0.5 --hook l2";
    bench.ok(&format!("compare --methods zscl --seeds 2 {arguments}"));
    bench.ok(&format!("run --method zscl --seed 1 {arguments} --out alone"));
    for file in ["model.safetensors", "matrix.npy", "environment.json", "config.toml"] {
        let read = |run: &str| fs::read(bench.path(run).join(file)).unwrap();
        assert_eq!(read("runs/small-zscl-1"), read("alone"), "{file}");
    }
}

#[test]
fn finished_runs_are_read_and_only_the_others_are_made() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml");
    let before = bench.read("runs/small-finetune-0/result.json");
    let stderr = told(&bench, &format!("{COMPARE} --seeds 2"));
    assert!(stderr.contains("run 2/4: finetune, seed 0, finished earlier in runs/small-finetune-0"), "{stderr}");
    assert_eq!(stderr.matches("finished earlier").count(), 1, "{stderr}");
    assert_eq!(bench.read("runs/small-finetune-0/result.json"), before);
    // As if it had been stopped after the first task.
    let unfinished =
        bench.read("runs/small-finetune-1/result.json").replace("\"finished\": true", "\"finished\": false");
    bench.write("runs/small-finetune-1/result.json", &unfinished);
    fs::remove_dir_all(bench.path("runs/small-zero-shot-1")).unwrap();
    let stderr = told(&bench, &format!("{COMPARE} --seeds 2"));
    assert_eq!(stderr.matches("finished earlier").count(), 2, "{stderr}");
    assert!(stderr.contains("run 4/4: finetune, seed 1\n"), "{stderr}");
    assert!(bench.read("runs/small-finetune-1/result.json").contains("\"finished\": true"));
}

#[test]
fn a_finished_run_with_other_settings_is_refused_with_the_key_and_both_values() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml --set train.lr=1e-3");
    let before = bench.read("runs/small-finetune-0/result.json");
    let parts = ["runs/small-finetune-0", "train.lr", "0.001", "0.0001", "--out", "--overwrite"];
    bench.fails(COMPARE, 2, &parts);
    assert_eq!(folders(&bench).len(), 1, "nothing was run");
    assert_eq!(bench.read("runs/small-finetune-0/result.json"), before);
    bench.ok(&format!("{COMPARE} --out elsewhere"));
    bench.ok(&format!("{COMPARE} --overwrite"));
    let stderr = told(&bench, &format!("{COMPARE} --overwrite"));
    assert_eq!(stderr.matches("finished earlier").count(), 2, "the same settings are never repeated: {stderr}");
}

#[test]
fn weights_reference_data_and_tasks_are_settings_too() {
    let bench = Bench::new();
    let compare = "compare --scenario small.toml --methods zscl";
    bench.ok(compare);
    random_weights(&ClipConfig::mini(), 1).write(bench.path("other.safetensors")).unwrap();
    bench.fails(&format!("{compare} --start other.safetensors"), 2, &["small-zscl-0", "start-sha256", "nothing"]);
    bench.fails(&format!("{compare} --model other.safetensors"), 2, &["small-zscl-0", "weights-sha256"]);
    bench.fails(&format!("{compare} --reference-images folder:cold"), 2, &["small-zscl-0", "reference", "cold"]);
    let scenario = bench.read("small.toml").replace("'folder:cold' }]", "'folder:cold', lr = 0.25 }]");
    bench.write("small.toml", &scenario);
    bench.fails(compare, 2, &["small-zscl-0", "tasks.1.settings.lr", "0.25", "nothing"]);
}

#[test]
fn a_method_that_cannot_run_stops_everything_before_it_begins() {
    let bench = Bench::new();
    let text = bench.read("small.toml");
    let (head, tail) = text.split_once("[reference]").unwrap();
    bench.write("bare.toml", &format!("{head}[train]{}", tail.split_once("[train]").unwrap().1));
    bench.fails("compare --scenario bare.toml --methods finetune,zscl", 2, &["\"zscl\"", "--reference-images"]);
    bench.fails(&format!("{COMPARE} --hook l2"), 2, &["method zero-shot", "never trains a step"]);
    bench.fails(&format!("{COMPARE} --set train.batch-size=0"), 2, &["method zero-shot", "train.batch-size"]);
    bench.fails("compare --scenario small.toml --methods finetune,zslc", 2, &["did you mean \"zscl\"?"]);
    bench.fails(&format!("{COMPARE},finetune"), 2, &["--methods", "\"finetune\" is listed twice"]);
    bench.fails(&format!("{COMPARE} --seeds 0"), 2, &["--seeds"]);
    bench.fails("compare --methods zscl", 2, &["--scenario"]);
    bench.fails("compare", 2, &["--methods", "--scenario"]);
    bench.fails(&format!("{COMPARE} --out occupied"), 2, &occupied(&bench));
    assert!(!bench.path("runs").exists(), "nothing was run");
}

/// Puts somebody's file where the last run would go; gives what the error must say.
fn occupied(bench: &Bench) -> [&'static str; 2] {
    fs::create_dir_all(bench.path("occupied/small-finetune-0")).unwrap();
    bench.write("occupied/small-finetune-0/config.toml", "own = 1");
    ["occupied/small-finetune-0", "is no run folder"]
}

#[test]
fn run_folders_are_grouped_by_method_in_order_of_appearance() {
    let bench = Bench::new();
    for (method, seed, out) in [("finetune", 4, "a"), ("zero-shot", 0, "b"), ("finetune", 7, "c")] {
        bench.ok(&format!("run --method {method} --scenario small.toml --seed {seed} --out {out}"));
    }
    let read = json(&bench, "compare a b c");
    let seeds = |method: usize| read["methods"][method]["seeds"].as_u64();
    assert_eq!((read["methods"][0]["method"].as_str(), seeds(0), seeds(1)), (Some("finetune"), Some(2), Some(1)));
    assert_eq!(read["methods"][1]["metrics"]["mtil_last"]["std"], Value::Null);

    let markdown = bench.ok("compare a b c --markdown");
    let mut lines = markdown.lines();
    assert_eq!(lines.next(), Some("| method | transfer | mtil_avg | mtil_last | forgetting | seconds | seeds |"));
    assert_eq!(lines.next(), Some("|---|---:|---:|---:|---:|---:|---:|"));
    assert!(lines.next().unwrap().starts_with("| finetune | "), "{markdown}");
    assert!(markdown.contains("| last accuracy on | warm | cold |"), "{markdown}");
    bench.fails("compare a b --seeds 2", 2, &["cannot be used with", "--seeds"]);
}

#[test]
fn run_folders_that_do_not_belong_together_are_named_with_the_reason() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml --out a");
    let run = |arguments: &str| drop(bench.ok(&format!("run --method zero-shot {arguments}")));
    bench.write("other.toml", &bench.read("small.toml"));
    run("--scenario other.toml --out b");
    bench.fails("compare a b", 2, &["a and b", "different scenario", "small", "other"]);
    let three = bench
        .read("small.toml")
        .replace("'folder:cold' }]", "'folder:cold' }, { name = 'x', dataset = 'folder:warm' }]");
    bench.write("small.toml", &three);
    run("--scenario small.toml --out d");
    bench.fails("compare a d", 2, &["a and d", "different number of tasks", "2", "3"]);
    bench.fails("compare a a", 2, &["a and a", "seed 0"]);
    bench.fails("compare a nothing", 6, &["nothing/result.json"]);
}

#[test]
fn unequal_conditions_are_shown_and_marked_and_strict_refuses_them() {
    let bench = Bench::new();
    random_weights(&ClipConfig::mini(), 1).write(bench.path("random.safetensors")).unwrap();
    bench.ok("run --method finetune --scenario small.toml --out a");
    bench.ok("run --method zero-shot --scenario small.toml --out b");
    bench.ok("run --method wc --scenario small.toml --model random.safetensors --set train.batch-size=2 --out c");
    bench.ok("run --method zscl --scenario small.toml --out d");
    bench.ok("compare a b --strict");
    let shown = bench.ok("compare a b c d");
    let lines = cells(&shown);
    let has = |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.iter().any(|cell| cell == word)));
    assert!(has(&["batch-size", "4", "finetune,", "zscl"]) && has(&["≠", "2", "wc"]), "{shown}");
    assert!(has(&["-", "zero-shot"]), "a method that never trains has no batch size: {shown}");
    assert!(shown.contains("equal in all methods: ") && shown.contains("task-id-at-test given"), "{shown}");

    bench.fails("compare a b c --strict", 2, &["--strict", "model: random", "(wc)", "batch-size: 2 (wc)", "--allow"]);
    bench.fails("compare a b c --strict --allow model", 2, &["batch-size: 2 (wc)"]);
    bench.fails("compare a b d --strict", 2, &["reference-data: ", "(zscl)"]);
    bench.ok("compare a b d --strict --allow reference-data,exemplars");
    bench.fails("compare a b d --strict --allow reference", 2, &["reference-data"]);

    let fairness = &json(&bench, "compare a b c d")["fairness"];
    let row = |name: &str| fairness["rows"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!(fairness["methods"].as_array().unwrap().len(), 4);
    let differs = |row: &Value| {
        row["cells"].as_array().unwrap().iter().map(|cell| cell["differs"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(differs(&row("model")), [false, false, true, false]);
    assert_eq!(differs(&row("prompts")), [false; 4]);
    assert_eq!(row("reference-data")["cells"][0]["text"], "none");
}

#[test]
fn runs_of_one_method_with_other_settings_are_a_row_of_their_own() {
    let bench = Bench::new();
    let run = "run --method finetune --scenario small.toml";
    bench.ok(&format!("{run} --out a"));
    bench.ok(&format!("{run} --seed 1 --set train.lr=1e-3 --out b"));
    bench.ok(&format!("{run} --seed 2 --out c"));
    bench.ok(&format!("{run} --seed 2 --set train.lr=1e-3 --set train.steps=2 --out d"));
    let read = json(&bench, "compare a b c d");
    let named = read["methods"].as_array().unwrap().iter().map(|row| (row["method"].as_str(), row["seeds"].as_u64()));
    let expected = [("finetune", 2), ("finetune [train.lr=0.001]", 1), ("finetune [train.lr=0.001, ...]", 1)];
    assert_eq!(named.collect::<Vec<_>>(), expected.map(|(name, seeds)| (Some(name), Some(seeds))));
    bench.fails("compare a b --strict", 2, &["learning-rate: 1e-3 (finetune [train.lr=0.001])"]);
    bench.fails("compare a b c b", 2, &["b and b", "seed 1"]);
    let unfinished = bench.read("b/result.json").replace("\"finished\": true", "\"finished\": false");
    bench.write("b/result.json", &unfinished);
    bench.fails("compare a b", 2, &["b: ", "not finished"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_finished_runs_for_the_next_call() {
    use std::{process, thread, time::Duration};

    let bench = Bench::new();
    let compare = format!("{COMPARE} --set train.steps=100000");
    let mut child = process::Command::new(assert_cmd::cargo::cargo_bin("clf"))
        .args(compare.split(' '))
        .current_dir(bench.path(""))
        .stderr(process::Stdio::null())
        .spawn()
        .unwrap();
    let started: &Path = &bench.path("runs/small-finetune-0/matrix.csv");
    while !started.exists() {
        thread::sleep(Duration::from_millis(50));
    }
    assert!(process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    bench.fails(COMPARE, 2, &["runs/small-zero-shot-0", "train.steps = 100000, but this one has 3"]);
    let stop = bench.path("runs/small-finetune-0/checkpoints");
    assert!(fs::read_dir(&stop).unwrap().count() > 0);
    // The rest of that run would take long; the other one is taken as it is.
    fs::remove_dir_all(bench.path("runs/small-finetune-0")).unwrap();
    let kept = bench.read("runs/small-zero-shot-0/config.toml");
    bench.write("runs/small-zero-shot-0/config.toml", &kept.replace("steps = 100000", "steps = 3"));
    let stderr = told(&bench, COMPARE);
    assert!(stderr.contains("run 1/2: zero-shot, seed 0, finished earlier"), "{stderr}");
    assert!(stderr.contains("run 2/2: finetune, seed 0\n"), "{stderr}");
}

#[test]
fn a_run_of_another_build_of_the_program_is_not_taken_for_one_of_this() {
    let bench = Bench::new();
    bench.ok(COMPARE);
    let place = "runs/small-finetune-0/environment.json";
    let mut environment: Value = serde_json::from_str(&bench.read(place)).unwrap();
    environment["program-sha256"] = "0".repeat(64).into();
    bench.write(place, &environment.to_string());
    bench.fails(COMPARE, 2, &["runs/small-finetune-0", "another build", "--overwrite"]);
    bench.ok(&format!("{COMPARE} --overwrite"));
    bench.ok(COMPARE);
    bench.fails(&format!("{COMPARE} --set seed=3"), 2, &["--set seed=3", "--seeds"]);
}
