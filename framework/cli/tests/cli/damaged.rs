//! Run folders with damaged files: all commands say and do the same.

use super::bench::{Bench, text};

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
            bench.fails(command, 2, &[file, "line 2 is no record of a step"]);
        }
        bench.write(file, &whole);
    }
}
