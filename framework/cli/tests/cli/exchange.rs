//! What leaves a run for other programs and people: TensorBoard files, tables, bundles, explanations.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};

use super::bench::{Bench, text};

/// A run on the built-in world that takes seconds.
const SMALL: &str = "run --method zscl --scenario mtil-mini --set train.steps=2 --limit-test 8";

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The steps of a run without what depends on the clock.
fn steps(folder: &Path) -> Vec<Value> {
    let line = |line: &str| {
        let mut record = json_of(line);
        for timing in ["images-per-second", "data-seconds"] {
            record.as_object_mut().unwrap().remove(timing);
        }
        record
    };
    fs::read_to_string(folder.join("metrics.jsonl")).unwrap().lines().map(line).collect()
}

/// What TensorBoard itself reads, which are numbers of 32 bits; without a Python that has it a line that cannot be overlooked.
fn tensorboard(test: &str, folder: &Path) -> Option<BTreeMap<String, Vec<(u64, f32)>>> {
    let Some(python) = std::env::var_os("CLF_PYTHON") else {
        let line = format!("\nSKIPPED {test}: needs CLF_PYTHON, a Python that has tensorboard\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../logs/tests/read_events.py");
    let output = Command::new(&python).arg(script).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn tensorboard_shows_every_step_and_accuracy_of_a_run() {
    let bench = Bench::new();
    bench.ok("run --method zscl --scenario small.toml --out run");
    // Made again from the record, the files are the same curves.
    bench.ok("export run --format tensorboard --out again");
    let test = "tensorboard_shows_every_step_and_accuracy_of_a_run";
    let Some(curves) = tensorboard(test, &bench.path("run/tensorboard")) else { return };
    assert_eq!(Some(&curves), tensorboard(test, &bench.path("again")).as_ref());

    let lines = steps(&bench.path("run"));
    let curve = |key: &str| -> Vec<(u64, f32)> {
        let value = |line: &Value| line.pointer(key).unwrap().as_f64().unwrap() as f32;
        lines.iter().enumerate().map(|(i, line)| (i as u64 + 1, value(line))).collect()
    };
    for (tag, key) in [("train/loss", "/loss"), ("train/lr", "/lr"), ("train/grad-norm", "/grad-norm")] {
        assert_eq!(curves[tag], curve(key), "{tag}");
    }
    for term in ["ce", "distill-image", "distill-text", "l2"] {
        assert_eq!(curves[&format!("terms/{term}")], curve(&format!("/terms/{term}")), "{term}");
    }
    assert_eq!(curves["train/images-per-second"].len(), 8);

    let result = json_of(&bench.read("run/result.json"));
    for figure in ["transfer", "mtil_avg", "mtil_last", "forgetting"] {
        let expected = result["metrics"][figure].as_f64().unwrap() as f32;
        assert_eq!(curves[&format!("figures/{figure}")].last(), Some(&(8, expected)), "{figure}");
    }
    let places = |tag: &str| curves[tag].iter().map(|(step, _)| *step).collect::<Vec<_>>();
    assert_eq!(places("accuracy/warm"), [0, 4, 8]);
    assert_eq!(places("accuracy-task-agnostic/cold"), [0, 4, 8]);
}

#[cfg(unix)]
#[test]
fn a_run_that_was_killed_goes_on_in_tensorboard_where_it_goes_on() {
    let bench = Bench::new();
    let arguments = "run --method finetune --scenario small.toml --set train.steps=30 --checkpoint-every 3 --out run";
    let program = assert_cmd::cargo::cargo_bin("clf");
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace()).current_dir(bench.path("")).env("CLF_DATA", bench.path("data"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let checkpoint = bench.path("run/checkpoints/task-000-step-0000006.safetensors");
    while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    bench.ok(arguments);

    let test = "a_run_that_was_killed_goes_on_in_tensorboard_where_it_goes_on";
    let Some(curves) = tensorboard(test, &bench.path("run/tensorboard")) else { return };
    let losses = steps(&bench.path("run")).into_iter().map(|line| line["loss"].as_f64().unwrap() as f32);
    let expected: Vec<(u64, f32)> = losses.enumerate().map(|(i, loss)| (i as u64 + 1, loss)).collect();
    assert_eq!(expected.len(), 62);
    assert_eq!(curves["train/loss"], expected);
    let places: Vec<u64> = curves["accuracy/warm"].iter().map(|(step, _)| *step).collect();
    assert_eq!(places, [0, 31, 62]);
}

#[test]
fn a_wide_table_has_a_row_a_step() {
    let bench = Bench::new();
    bench.ok("run --method zscl --scenario small.toml --out run");
    let table = bench.ok("export run");
    bench.ok("export run --format csv --out tables/run.csv");
    assert_eq!(table, bench.read("tables/run.csv"));
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 9);
    assert_eq!(rows[0][..4], ["global-step", "task", "step", "loss"]);
    let column = rows[0].iter().position(|name| *name == "distill-text").unwrap();
    let expected = steps(&bench.path("run"))[5]["terms"]["distill-text"].as_f64().unwrap();
    assert_eq!(rows[6][column].parse::<f64>().unwrap(), expected);
    bench.fails("export nowhere", 6, &["nowhere", "check the path"]);
}

/// Unpacks an archive and gives the folder in it.
fn unpack(archive: &Path, into: &Path) -> PathBuf {
    tar::Archive::new(GzDecoder::new(File::open(archive).unwrap())).unpack(into).unwrap();
    let mut entries = fs::read_dir(into).unwrap();
    entries.next().unwrap().unwrap().path()
}

/// Follows the bundle's own instructions.
#[track_caller]
fn run_again(folder: &Path) {
    let program = assert_cmd::cargo::cargo_bin("clf");
    let output = Command::new("sh")
        .arg("rerun.sh")
        .current_dir(folder)
        .env("CLF", program)
        .env("CLF_DATA", folder.join("no-data"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[cfg(unix)]
#[test]
fn a_bundle_is_run_again_elsewhere_to_the_same_bits() {
    let bench = Bench::new();
    bench.write("mine.toml", "[hook.l2]\nweight = 0.25\n");
    bench.ok(&format!("{SMALL} --seed 3 --config mine.toml --hook ema --out runs/mine"));
    bench.ok("bundle runs/mine --out mine.tar.gz");
    let checked = bench.ok("bundle --check mine.tar.gz");
    assert!(checked.contains("all as in SHA256SUMS"), "{checked}");

    let folder = unpack(&bench.path("mine.tar.gz"), &bench.path("elsewhere"));
    assert!(folder.ends_with("mine"));
    let sums = Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&folder).output();
    assert!(sums.unwrap().status.success());
    run_again(&folder);
    assert_eq!(steps(&folder.join("rerun")), steps(&bench.path("runs/mine")));
    for file in ["matrix.npy", "model.safetensors", "predictions/07.npy", "environment.json"] {
        let read = |folder: &Path| fs::read(folder.join(file)).unwrap();
        assert_eq!(read(&folder.join("rerun")), read(&bench.path("runs/mine")), "{file}");
    }
    let why = bench.ok("why elsewhere/mine elsewhere/mine/rerun");
    assert!(why.contains("The runs are identical: 21 steps and every accuracy agree to the last bit."), "{why}");
}

/// `run` was made with the weights of `first`, and is not bundled with any others.
#[track_caller]
fn is_held_against_its_hash(bench: &Bench, run: &str, key: &str) {
    let path = bench.path("first/model.safetensors");
    let kept = fs::read(&path).unwrap();
    let mut changed = kept.clone();
    // The lowest bits of the last number.
    changed[kept.len() - 4] ^= 1;
    fs::write(&path, changed).unwrap();
    let environment = json_of(&bench.read(format!("{run}/environment.json")));
    let recorded = environment[key].as_str().unwrap();
    let made_with = format!(", and the run was made with weights of {recorded}");
    bench.fails(&format!("bundle {run}"), 4, &["first/model.safetensors", "their SHA-256 is ", &made_with]);
    fs::write(&path, kept).unwrap();
}

#[cfg(unix)]
#[test]
fn a_bundle_is_run_again_otherwise_where_its_reader_says_so() {
    let bench = Bench::new();
    bench.ok(&format!("{SMALL} --seed 3 --device cpu --set train.lr=1e-4 --out mine"));
    bench.ok("bundle mine");
    let folder = unpack(&bench.path("mine.tar.gz"), &bench.path("there"));
    let flags = "--out elsewhere --device auto --seed 5 --seed 6 --set train.lr=2e-4 --hook ema";
    let mut script = Command::new(folder.join("rerun.sh"));
    script.args(flags.split(' ')).env("CLF", assert_cmd::cargo::cargo_bin("clf"));
    let output = script.env("CLF_DATA", folder.join("no-data")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!folder.join("rerun").exists());
    let config = fs::read_to_string(folder.join("elsewhere/config.toml")).unwrap();
    for line in ["seed = 6 ", "lr = 0.0002 ", "[hook.ema]"] {
        assert!(config.contains(line), "no {line:?} in {config}");
    }
    run_again(&folder);
    assert_eq!(steps(&folder.join("rerun")), steps(&bench.path("mine")));
}

#[cfg(unix)]
#[test]
fn a_bundle_brings_weights_that_have_no_name_and_says_which_data_it_needs() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml --out first --set train.lr=1e-3");
    let arguments = "--method finetune --scenario small.toml --model first/model.safetensors --activation quick-gelu \
                     --start first/model.safetensors --set train.lr=1e-4 --limit-per-class 3 --out second";
    bench.ok(&format!("run {arguments}"));
    is_held_against_its_hash(&bench, "second", "weights-sha256");
    bench.ok("run --method finetune --scenario small.toml --start first/model.safetensors --out third");
    is_held_against_its_hash(&bench, "third", "start-sha256");
    bench.ok("bundle second --with-weights --with-predictions");
    let folder = unpack(&bench.path("second.tar.gz"), &bench.path("elsewhere"));
    for file in ["model.safetensors", "predictions/02.npy", "weights/model/model.safetensors"] {
        assert!(folder.join(file).is_file(), "no {file}");
    }
    let readme = fs::read_to_string(folder.join("RERUN.md")).unwrap();
    assert!(readme.contains("- `folder:warm`: own data, looked for in scenario/warm"), "{readme}");

    fs::rename(bench.path("warm"), folder.join("scenario/warm")).unwrap();
    fs::rename(bench.path("cold"), folder.join("scenario/cold")).unwrap();
    run_again(&folder);
    assert_eq!(steps(&folder.join("rerun")), steps(&bench.path("second")));
    let result = |folder: &Path| {
        let mut result = json_of(&fs::read_to_string(folder.join("result.json")).unwrap());
        // What the clock and the machine say.
        result["seconds"] = Value::Null;
        result["cost"] = Value::Null;
        result
    };
    assert_eq!(result(&folder.join("rerun")), result(&bench.path("second")));
}

#[test]
fn equal_runs_make_equal_bundles_that_do_not_name_their_maker() {
    let bench = Bench::new();
    bench.ok("run --method zero-shot --scenario small.toml --out run");
    bench.ok("bundle run --out a.tar.gz");
    bench.ok("bundle run --out b.tar.gz");
    let archive = fs::read(bench.path("a.tar.gz")).unwrap();
    assert_eq!(archive, fs::read(bench.path("b.tar.gz")).unwrap());
    let mut bytes = Vec::new();
    GzDecoder::new(&archive[..]).read_to_end(&mut bytes).unwrap();
    let here = bench.path("").canonicalize().unwrap().to_string_lossy().into_owned();
    assert!(!String::from_utf8_lossy(&bytes).contains(here.trim_end_matches('/')));

    // The log names the folder of the run, as it was given.
    let whole = bench.path("whole");
    bench.ok(&format!("run --method zero-shot --scenario small.toml --out {}", whole.display()));
    let output = bench.clf("bundle whole");
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("log.txt names a path of this machine"), "{}", text(&output.stderr));
}

#[test]
fn a_damaged_bundle_and_a_folder_without_a_run_are_refused_by_name() {
    let bench = Bench::new();
    bench.ok("run --method zero-shot --scenario small.toml --out run");
    bench.ok("bundle run");
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(bench.path("run.tar.gz")).unwrap()).read_to_end(&mut bytes).unwrap();
    let place = bytes.windows(9).position(|window| window == b"mtil_last").unwrap();
    bytes[place] = b'M';
    let mut changed = GzEncoder::new(File::create(bench.path("changed.tar.gz")).unwrap(), Compression::fast());
    changed.write_all(&bytes).unwrap();
    changed.finish().unwrap();
    bench.fails("bundle --check changed.tar.gz", 3, &["changed.tar.gz", "result.json differs from SHA256SUMS"]);
    let whole = fs::read(bench.path("run.tar.gz")).unwrap();
    fs::write(bench.path("cut.tar.gz"), &whole[..whole.len() / 2]).unwrap();
    bench.fails("bundle --check cut.tar.gz", 3, &["cut.tar.gz", "ask for the archive again"]);
    bench.fails("bundle --check small.toml", 3, &["small.toml"]);
    bench.fails("bundle warm", 6, &["warm", "command.json"]);
    fs::remove_file(bench.path("run/command.json")).unwrap();
    bench.fails("bundle run", 2, &["run", "command.json", "repeat the run"]);
    bench.fails("bundle", 2, &["RUN"]);
}

#[test]
fn why_names_what_differs_and_where_two_runs_part() {
    let bench = Bench::new();
    let run = "run --method zscl --scenario small.toml";
    bench.ok(&format!("{run} --out a"));
    bench.ok(&format!("{run} --set hook.l2.weight=0.5 --out b"));
    bench.ok(&format!("{run} --seed 1 --start a/model.safetensors --out c"));
    let why = |pair: &str| json_of(&bench.ok(&format!("why {pair} --json")));

    let settings = why("a b");
    let change = &settings["configuration"][0];
    assert_eq!(change["key"], "hook.l2.weight");
    assert_eq!([&change["left"], &change["left-origin"]], ["1.0", "hook l2"]);
    assert_eq!([&change["right"], &change["right-origin"]], ["0.5", "--set hook.l2.weight=0.5"]);
    assert_eq!(settings["configuration"].as_array().unwrap().len(), 1);
    assert_eq!(settings["data"], json!([]));
    // The penalty is zero at the start, so the first step is the same.
    assert_eq!(settings["curves"]["parting"]["at"], json!({"task": 0, "step": 1, "before": 1}));
    assert_eq!(settings["curves"]["parting"]["fields"][0]["name"], "loss");
    assert_eq!(settings["curves"]["gaps"][0]["after"], 0);
    let verdict = settings["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("Identical for 1 step; they part at task 0, step 1"), "{verdict}");
    assert!(verdict.ends_with("What differs: configuration (hook.l2.weight)."), "{verdict}");

    let start = why("a c");
    let keys: Vec<&Value> = start["weights"].as_array().unwrap().iter().map(|change| &change["key"]).collect();
    assert_eq!(keys, ["start-sha256"]);
    let verdict = start["verdict"].as_str().unwrap();
    let expected = "They part at task 0, step 0, before any update: so data, weights or configuration. What differs: \
                    configuration (seed), weights (start-sha256).";
    assert_eq!(verdict, expected);

    let text = bench.ok("why a b");
    for part in [
        "data: the same",
        "hook.l2.weight",
        "they are the same up to number 1",
        "files bit-identical: ",
        verdict_of(&settings),
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    bench.fails("why a warm", 6, &["warm/config.toml"]);
}

fn verdict_of(why: &Value) -> &str {
    why["verdict"].as_str().unwrap()
}

#[test]
fn why_tells_another_program_from_another_device_and_reads_unfinished_runs() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml --out a");
    bench.ok("run --method finetune --scenario small.toml --out b");
    let edit = |file: &str, from: &str, to: &str| {
        let text = bench.read(format!("b/{file}"));
        assert!(text.contains(from), "{text}");
        bench.write(&format!("b/{file}"), &text.replacen(from, to, 1));
    };
    edit("environment.json", "\"program-sha256\": \"", "\"program-sha256\": \"00");
    let verdict = |pair: &str| verdict_of(&json_of(&bench.ok(&format!("why {pair} --json")))).to_owned();
    let same = "what differs had no influence: environment (program-sha256).";
    assert!(verdict("a b").ends_with(same), "{}", verdict("a b"));

    // Another norm of the third gradient.
    let metrics = bench.read("b/metrics.jsonl");
    let line = metrics.lines().nth(2).unwrap();
    let norm = line.split("\"grad-norm\":").nth(1).unwrap().split(',').next().unwrap();
    edit("metrics.jsonl", norm, &format!("1{norm}"));
    fs::remove_file(bench.path("b/result.json")).unwrap();
    let found = verdict("a b");
    assert!(found.starts_with("Identical for 2 steps; they part at task 0, step 2, in the gradient alone"), "{found}");
    assert!(found.ends_with("configuration, data and weights are the same: another build of the program."), "{found}");
}
