//! Runs that were stopped: what they leave, and that the same command goes on to the same end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::bench::{Bench, text};

const RUN: &str = "run --method zscl --scenario small.toml --set train.steps=12 --checkpoint-every 3";
/// Everything that must not depend on whether a run was stopped.
const RESULTS: [&str; 8] = [
    "metrics.jsonl",
    "matrix.csv",
    "matrix.npy",
    "matrix-task-agnostic.npy",
    "zero-shot.npy",
    "model.safetensors",
    "predictions/01.npy",
    "predictions/02.npy",
];

#[track_caller]
fn assert_same(bench: &Bench, left: &str, right: &str) {
    for file in RESULTS {
        let content = |run: &str| fs::read(bench.path(run).join(file)).unwrap();
        assert!(content(left) == content(right), "{file} differs");
    }
}

fn start(bench: &Bench, arguments: &str) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("clf"));
    command.args(arguments.split(' ')).current_dir(bench.path("")).env("CLF_DATA", bench.path("data"));
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_for(path: &Path) {
    while !path.exists() {
        thread::sleep(Duration::from_millis(2));
    }
}

fn checkpoints(bench: &Bench, run: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(bench.path(run).join("checkpoints")).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// A run that a limit on the size of files has stopped at the first checkpoint within a task.
#[cfg(target_os = "linux")]
fn stopped_by_a_full_disk(bench: &Bench, run: &str) -> String {
    // Blocks of 1024 bytes; the signal that comes with the limit is ignored, so that writing fails as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f 10000; exec \"$0\" {RUN} --out {run}");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).arg(assert_cmd::cargo::cargo_bin("clf")).current_dir(bench.path(""));
    let output = command.env("CLF_DATA", bench.path("data")).output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    stderr
}

#[test]
#[cfg(unix)]
fn a_run_that_is_asked_to_stop_goes_on_with_the_same_command_and_ends_the_same() {
    let bench = Bench::new();
    bench.ok(&format!("{RUN} --out whole"));
    for signal in ["TERM", "INT", "USR1"] {
        let command = format!("{RUN} --out {signal}");
        let child = start(&bench, &command);
        wait_for(&bench.path(signal).join("metrics.jsonl"));
        wait_for(&bench.path(signal).join("checkpoints/task-000-step-0000003.safetensors"));
        assert!(
            Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap().success()
        );
        let output = child.wait_with_output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("interrupted at task") && stderr.contains("the same command goes on"), "{stderr}");
        let resumed = bench.clf(&command);
        let stderr = text(&resumed.stderr);
        assert!(stderr.contains(&format!("goes on in {signal} after")), "{stderr}");
        assert!(!stderr.contains("after 0 tasks and 0 steps"), "it begins anew: {stderr}");
        assert_same(&bench, signal, "whole");
        let [left, right] = [signal, "whole"].map(|run| {
            let result: Value = serde_json::from_str(&bench.read(format!("{run}/result.json"))).unwrap();
            let count = |name: &str| result["cost"][name].as_u64().unwrap();
            ["trained-parameters", "stored-parameters", "steps"].map(count)
        });
        assert_eq!(left, right, "the parts of a run cost what the whole does");
        assert_eq!(checkpoints(&bench, signal), Vec::<PathBuf>::new(), "a finished run needs none");
    }
}

#[test]
fn a_finished_run_is_not_repeated() {
    let bench = Bench::new();
    let command = format!("{RUN} --out run --keep-checkpoints 3");
    let first = bench.ok(&command);
    assert_eq!(checkpoints(&bench, "run").len(), 3);
    let written = || fs::metadata(bench.path("run/result.json")).unwrap().modified().unwrap();
    let before = written();
    let again = bench.clf(&command);
    assert_eq!(text(&again.stdout), first);
    assert!(text(&again.stderr).contains("finished earlier in run; --overwrite"), "{}", text(&again.stderr));
    assert_eq!(written(), before);
    bench.ok(&format!("{command} --overwrite"));
    assert_ne!(written(), before);
}

#[test]
fn other_settings_in_the_same_folder_are_refused_with_every_difference() {
    let bench = Bench::new();
    bench.ok(&format!("{RUN} --out run"));
    let before = bench.read("run/metrics.jsonl");
    let parts = ["train.steps = 12, but this one has 13", "seed = 0, but this one has 7", "--out", "--overwrite"];
    bench.fails(&format!("{RUN} --out run --seed 7 --set train.steps=13"), 2, &parts);
    assert_eq!(bench.read("run/metrics.jsonl"), before);
    // How often a run is saved is no setting of it.
    bench.ok("run --method zscl --scenario small.toml --set train.steps=12 --checkpoint-every off --out run");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_loses_nothing_that_was_safe() {
    let bench = Bench::new();
    bench.ok(&format!("{RUN} --out whole"));
    let stderr = stopped_by_a_full_disk(&bench, "run");
    assert!(stderr.contains("run/checkpoints/task-000-step-0000003"), "{stderr}");
    assert!(stderr.contains("free some space"), "{stderr}");
    let kept = checkpoints(&bench, "run");
    assert!(kept.len() == 1 && kept[0].ends_with("task-000-step-0000000.safetensors"), "{kept:?}");
    bench.ok(&format!("{RUN} --out run"));
    assert_same(&bench, "run", "whole");
}

#[test]
#[cfg(target_os = "linux")]
fn a_damaged_checkpoint_gives_way_to_an_older_one_and_none_is_an_error() {
    let bench = Bench::new();
    let command = format!("{RUN} --out run --keep-checkpoints 99");
    let whole = bench.ok(&command);
    // As it was before the last task was scored.
    let result = bench.read("run/result.json").replace("\"finished\": true", "\"finished\": false");
    bench.write("run/result.json", &result);
    fs::rename(bench.path("run"), bench.path("kept")).unwrap();
    let copy = |to: &str| {
        assert!(Command::new("cp").args(["-r", "kept", to]).current_dir(bench.path("")).status().unwrap().success());
    };
    let cut = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 100]).unwrap();
    };
    copy("run");
    let files = checkpoints(&bench, "run");
    files.iter().rev().take(3).for_each(|path| cut(path));
    let output = bench.clf(&command);
    let stderr = text(&output.stderr);
    assert_eq!(stderr.matches("is passed over for an older one: it is cut off").count(), 3, "{stderr}");
    assert_eq!(text(&output.stdout).lines().count(), whole.lines().count());
    assert_same(&bench, "run", "kept");

    fs::remove_dir_all(bench.path("run")).unwrap();
    copy("run");
    for path in checkpoints(&bench, "run") {
        cut(&path);
    }
    let newest = files.last().unwrap().file_name().unwrap().to_str().unwrap();
    bench.fails(&command, 3, &[newest, "it is cut off", "--overwrite"]);
    assert_eq!(checkpoints(&bench, "run").len(), files.len(), "nothing is removed");
}

/// Loses, cuts and changes `file` of the run in turn: each time `command` says so, leaves all as it is, and the file comes back.
#[track_caller]
fn is_missed(bench: &Bench, command: &str, file: &str) {
    let path = bench.path("run").join(file);
    let whole = fs::read(&path).unwrap();
    let says = |what: &str| bench.fails(command, 3, &["run: ", file, what, "--out", "--overwrite"]);
    fs::remove_file(&path).unwrap();
    says("is missing, which the run wrote");
    assert!(!path.exists());
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    says("is damaged: it has");
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    fs::write(&path, &changed).unwrap();
    says("is damaged: its content is not what the run wrote");
    assert_eq!(fs::read(&path).unwrap(), changed);
    fs::write(&path, &whole).unwrap();
}

#[test]
fn a_run_that_goes_on_misses_what_its_finished_tasks_wrote() {
    let bench = Bench::new();
    let command = format!("{RUN} --out run --keep-checkpoints 99");
    bench.ok(&command);
    bench.ok(&format!("{RUN} --out whole"));
    // As it was before the last task was scored.
    let result = bench.read("run/result.json").replace("\"finished\": true", "\"finished\": false");
    bench.write("run/result.json", &result);
    let before = bench.read("run/metrics.jsonl");
    for file in ["predictions/01.npy", "model.safetensors", "metrics.jsonl", "timing.jsonl", "zero-shot.npy"] {
        is_missed(&bench, &command, file);
    }
    assert_eq!(bench.read("run/metrics.jsonl"), before);
    // What is written again is not missed.
    fs::remove_file(bench.path("run/predictions/02.npy")).unwrap();
    fs::remove_file(bench.path("run/matrix.csv")).unwrap();
    let output = bench.clf(&command);
    assert!(text(&output.stderr).contains("goes on in run after 2 tasks"), "{}", text(&output.stderr));
    assert_same(&bench, "run", "whole");
}

#[test]
fn a_finished_run_is_whole_or_says_what_it_misses() {
    let bench = Bench::new();
    let command = format!("{RUN} --out run");
    let shown = bench.ok(&command);
    for file in ["predictions/00.npy", "model.safetensors", "metrics.jsonl", "matrix.npy"] {
        is_missed(&bench, &command, file);
    }
    assert_eq!(bench.ok(&command), shown);
    fs::remove_file(bench.path("run/files.json")).unwrap();
    bench.fails(&command, 3, &["run: files.json is missing"]);
    bench.ok(&format!("{command} --overwrite"));
    assert!(bench.read("run/files.json").contains("predictions/02.npy"));
}

#[test]
#[cfg(unix)]
fn two_programs_do_not_work_on_one_run() {
    let bench = Bench::new();
    let command = "run --method finetune --scenario small.toml --set train.steps=100000 --out run";
    let mut child = start(&bench, command);
    wait_for(&bench.path("run/matrix.csv"));
    bench.fails(command, 2, &["run: another program is at work"]);
    bench.fails(&format!("{command} --overwrite"), 2, &["run: another program is at work"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_run_that_was_killed_before_it_began_begins() {
    let bench = Bench::new();
    bench.ok(&format!("{RUN} --out run"));
    fs::remove_file(bench.path("run/result.json")).unwrap();
    // What only a run has that had begun is never replaced unasked.
    bench.fails(
        &format!("{RUN} --out run"),
        2,
        &["run: it holds a run that cannot be read", "result.json", "--overwrite"],
    );
    for file in ["environment.json", "metrics.jsonl", "matrix.npy", "model.safetensors"] {
        fs::remove_file(bench.path("run").join(file)).unwrap();
    }
    bench.ok(&format!("{RUN} --out run"));
    assert!(bench.read("run/result.json").contains("\"finished\": true"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_may_not_be_written_is_named() {
    let bench = Bench::new();
    bench.fails(&format!("{RUN} --out /sys/clf-run"), 6, &["/sys/clf-run", "--out"]);
}
