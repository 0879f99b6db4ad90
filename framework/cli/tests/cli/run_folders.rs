//! A folder of run folders in place of a run.

use std::fs;

use super::bench::Bench;

#[test]
fn a_folder_of_runs_is_no_run_and_the_command_that_was_meant_is_printed() {
    let bench = Bench::new();
    for out in ["runs/a", "runs/b", "c"] {
        bench.ok(&format!("run --method zero-shot --scenario small.toml --out {out}"));
    }
    let held = "error: runs: it is no run, and holds 2 runs";
    bench.fails("report runs", 2, &[held, "hint: clf report runs/*\n"]);
    bench.fails("compare c runs", 2, &[held, "hint: clf compare c runs/*\n"]);
    bench.fails("why c runs/", 2, &["holds 2 runs", "hint: clf why c runs/b\n"]);
    bench.fails("why runs runs", 2, &[held, "hint: clf why runs/a runs/b\n"]);
    bench.fails("export runs", 2, &[held, "hint: clf export runs/a\n"]);
    bench.fails("bundle runs", 2, &[held, "hint: clf bundle runs/a\n"]);
    bench.fails("metrics runs", 2, &[held, "hint: clf metrics runs/a\n"]);

    bench.write("runs/note.txt", "mine");
    bench.fails("report runs", 2, &["hint: clf report runs/*/\n"]);
    bench.ok("report runs/a/ runs/b/");
    fs::create_dir(bench.path("runs/figures")).unwrap();
    bench.fails("report runs", 2, &["hint: clf report runs/a runs/b\n"]);
    bench.fails("report runs/figures", 2, &["runs/figures: the folder is empty"]);
}
