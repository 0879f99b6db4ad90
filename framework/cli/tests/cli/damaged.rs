//! Run folders with damaged files: all commands say and do the same.

use std::fs;

use super::bench::{Bench, text};

/// Commands, and the files of a run that each reads.
const READ: [(&str, &[&str]); 7] = [
    (
        "report a",
        &["config.toml", "environment.json", "result.json", "matrix.npy", "zero-shot.npy", "matrix-task-agnostic.npy"],
    ),
    ("compare a b", &["config.toml", "environment.json", "result.json", "matrix.npy", "zero-shot.npy"]),
    ("why a b", &["config.toml", "environment.json", "result.json", "matrix.npy", "zero-shot.npy", "metrics.jsonl"]),
    ("export a", &["metrics.jsonl", "timing.jsonl"]),
    ("export a --format tensorboard --out events", &["result.json", "matrix.npy", "matrix-task-agnostic.npy"]),
    ("bundle a", &["command.json", "environment.json", "scenario.toml", "result.json", "matrix.npy", "log.txt"]),
    ("metrics a", &["result.json", "matrix.npy", "zero-shot.npy"]),
];

/// Finished runs `a` and `b`.
fn bench() -> Bench {
    let bench = Bench::new();
    for (seed, out) in ["a", "b"].into_iter().enumerate() {
        bench.ok(&format!("run --method finetune --scenario small.toml --seed {seed} --out {out}"));
    }
    bench
}

#[test]
fn a_last_step_that_was_cut_off_is_left_out_and_a_broken_one_before_it_is_an_error_in_all_commands() {
    let bench = bench();
    let readers = ["report a", "why a b", "export a", "export a --format tensorboard --out events"];
    for file in ["a/metrics.jsonl", "a/timing.jsonl"] {
        let whole = bench.read(file);
        bench.write(file, &whole[..whole.len() - 9]);
        for command in readers {
            let output = bench.clf(command);
            let stderr = text(&output.stderr);
            assert!(output.status.success(), "clf {command}\n{stderr}");
            assert!(stderr.contains(&format!("{file}: the last line was cut off")), "clf {command}\n{stderr}");
        }
        bench.write(file, &whole.replacen("\n{", "\nwhat {", 1));
        for command in readers {
            bench.fails(command, 3, &[file, "line 2 is no record of a step"]);
        }
        bench.write(file, &whole);
    }
}

#[test]
fn a_damaged_file_of_a_run_folder_ends_every_command_with_the_same_code_and_is_named() {
    let bench = bench();
    for (command, files) in READ {
        bench.ok(command);
        for file in files.iter().map(|file| format!("a/{file}")) {
            let whole = fs::read(bench.path(&file)).unwrap();
            for damage in [&b"= what?\n"[..], b"\xff\xfe\x00\n"] {
                // Any text is a log.
                if !(file == "a/log.txt" && damage[0].is_ascii()) {
                    fs::write(bench.path(&file), damage).unwrap();
                    bench.fails(command, 3, &[&file, "\n  hint: "]);
                }
            }
            fs::write(bench.path(&file), whole).unwrap();
        }
    }
    // What never was a run, or is not there, is not damaged.
    bench.fails("why a warm", 6, &["warm/config.toml"]);
    bench.write("warm/config.toml", "mine = true\n");
    bench.fails("why a warm", 2, &["warm/config.toml", "name a run folder"]);
}
