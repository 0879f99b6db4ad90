use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::bench::Bench;

/// Two rates with two seeds.
const FILE: &str = "scenario = 'small.toml'\nmethods = ['finetune']\nseeds = 2\nout = 'out'\ndevice = 'cpu'\n\
     [set]\ntrain.steps = 2\n[grid]\ntrain.lr = [1e-4, 1e-3]\n";

fn bench(file: &str) -> Bench {
    let bench = Bench::new();
    bench.write("lr.toml", file);
    bench
}

/// Entries of the ledger.
fn entries(bench: &Bench) -> Vec<Value> {
    let text = fs::read_to_string(bench.path("out/ledger.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How often `event` happened to points whose name has `part`.
fn count(bench: &Bench, event: &str, part: &str) -> usize {
    let is = |entry: &&Value| entry["event"] == event && entry["point"].as_str().unwrap().contains(part);
    entries(bench).iter().filter(is).count()
}

fn json(bench: &Bench, arguments: &str) -> Value {
    serde_json::from_str(&bench.ok(&format!("{arguments} --json"))).unwrap()
}

/// The run folder of the first point that was started and whose name has `part`.
fn folder(bench: &Bench, part: &str) -> PathBuf {
    let entries = entries(bench);
    let names = entries.iter().map(|entry| entry["point"].as_str().unwrap());
    bench.path("out").join(names.into_iter().find(|name| name.contains(part)).unwrap())
}

/// The program in the background.
fn start(bench: &Bench, arguments: &str) -> Child {
    Command::new(assert_cmd::cargo::cargo_bin("clf"))
        .args(arguments.split(' '))
        .current_dir(bench.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(2), "not {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_sweep_runs_every_point_once_and_a_larger_one_only_what_is_new() {
    let bench = bench(FILE);
    let output = bench.clf("sweep lr.toml --jobs 2");
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{stderr}");
    for part in ["4 points: 0 finished earlier, 4 to run, 2 at a time, RAYON_NUM_THREADS=", "[4/4] finished finetune"] {
        assert!(stderr.contains(part), "no {part} in\n{stderr}");
    }
    for part in ["train.lr", "1e-4", "±", "best by mtil_avg: finetune train.lr=", "4 points: 4 finished"] {
        assert!(stdout.contains(part), "no {part} in\n{stdout}");
    }
    assert_eq!((count(&bench, "started", ""), count(&bench, "finished", "")), (4, 4));
    assert_eq!(bench.read("out/ledger.csv").lines().count(), 5);

    // The figures are those of the run folders.
    let view = json(&bench, "sweep lr.toml --status");
    assert_eq!((view["states"]["finished"].as_u64(), view["settings"][0]["seeds"].as_u64()), (Some(4), Some(2)));
    for point in view["points"].as_array().unwrap() {
        let result = bench.read(format!("out/{}/result.json", point["name"].as_str().unwrap()));
        let result: Value = serde_json::from_str(&result).unwrap();
        assert_eq!(point["metrics"], result["metrics"]);
        assert_eq!(point["seed"], result["seed"]);
    }
    let config = fs::read_to_string(folder(&bench, "lr0.001").join("config.toml")).unwrap();
    assert!(config.contains("lr = 0.001  # --set train.lr=0.001"), "{config}");

    // Again: nothing. With one more rate: two runs.
    let before = entries(&bench);
    bench.ok("sweep lr.toml");
    assert_eq!(entries(&bench), before);
    bench.write("lr.toml", &FILE.replace("1e-3]", "1e-3, 1e-2]"));
    bench.ok("sweep lr.toml");
    assert_eq!(count(&bench, "started", ""), 6);
    assert_eq!(count(&bench, "started", "lr0.01-"), 2);
}

#[test]
fn a_dry_run_prints_commands_that_work_and_starts_nothing() {
    let bench = bench(&FILE.replace("[grid]", "[random]\nsamples = 2\ntrain.warmup = { int = [1, 2] }\n[grid]"));
    let printed = bench.ok("sweep lr.toml --dry-run");
    let commands: Vec<&str> = printed.lines().filter(|line| line.starts_with("clf run ")).collect();
    assert!((4..=8).contains(&commands.len()), "two rates, two seeds, up to two draws:\n{printed}");
    assert!(printed.contains("(waiting)") && !bench.path("out").exists(), "{printed}");
    bench.ok(commands[0].strip_prefix("clf ").unwrap());
    let view = json(&bench, "sweep lr.toml --status");
    assert_eq!(view["states"]["finished"], 1, "the command made the point: {view}");
    let planned = json(&bench, "sweep lr.toml --dry-run");
    assert_eq!(planned[0]["state"], "finished");
    assert_eq!(planned[0]["command"][1], "run");
}

#[test]
fn mistakes_anywhere_are_found_before_the_first_run() {
    let cases = [
        ("seeds", "seedz", "did you mean \"seeds\"?"),
        ("finetune", "finetun", "did you mean \"finetune\"?"),
        ("train.lr", "train.lrr", "did you mean \"train.lr\"?"),
        ("1e-3]", "'fast']", "point finetune train.lr=fast"),
        ("train.steps = 2", "train.batch-size = 0", "train.batch-size"),
        ("small.toml", "smal.toml", "smal.toml"),
        ("'cpu'", "'gpu'", "unknown device"),
        ("out = 'out'", "out = 'out'\nlimit-test = 'x'", "--limit-test"),
        ("out = 'out'", "out = 'out'\nhooks = ['l3']", "unknown hook"),
        ("out = 'out'", "out = 'out'\nmetric = 'mtil_lst'", "did you mean \"mtil_last\"?"),
        ("[grid]", "[grid", "lr.toml"),
    ];
    for (from, to, part) in cases {
        let bench = bench(&FILE.replace(from, to));
        let output = bench.clf("sweep lr.toml");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(2 | 6)), "{to}: {stderr}");
        assert!(stderr.contains(part) && stderr.matches("error: ").count() == 1, "{to}: {stderr}");
        assert!(!bench.path("out").exists(), "{to} started something");
    }
    let bench = bench(FILE);
    bench.fails("sweep lr.toml --point finetune-x", 2, &["unknown point", "lr.toml"]);
    bench.fails("sweep lr.toml --devices gpu", 2, &["unknown device"]);
    bench.fails("sweep none.toml", 6, &["none.toml"]);
}

#[test]
fn a_point_that_fails_does_not_stop_the_others() {
    let bench = bench(&FILE.replace("[1e-4, 1e-3]", "[1e30, 1e-3]").replace("seeds = 2", "seeds = 1"));
    bench.fails("sweep lr.toml", 5, &["1 of 2 runs failed", "--status", "--skip-failed"]);
    assert_eq!((count(&bench, "finished", "lr0.001-"), count(&bench, "failed", "lr1e30-")), (1, 1));
    let failed = entries(&bench).into_iter().find(|entry| entry["event"] == "failed").unwrap();
    assert_eq!(failed["exit-code"], 5);
    assert!(failed["error"].as_str().unwrap().contains("at task 0"), "{failed}");
    let status = bench.ok("sweep lr.toml --status");
    assert!(status.contains("1 finished, 1 failed") && status.contains("exit code 5"), "{status}");

    bench.ok("sweep lr.toml --skip-failed");
    assert_eq!(count(&bench, "started", "lr1e30-"), 1);
    bench.fails("sweep lr.toml", 5, &["1 of 1 run failed"]);
    assert_eq!((count(&bench, "started", "lr1e30-"), count(&bench, "started", "lr0.001-")), (2, 1));
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
}

/// Whether the run of the first point whose name has `part` has scored the untouched model.
fn is_at_work(bench: &Bench, part: &str) -> bool {
    count(bench, "started", part) == 1 && folder(bench, part).join("matrix.csv").exists()
}

#[cfg(unix)]
#[test]
fn a_killed_sweep_goes_on_and_no_point_is_run_twice() {
    let bench = bench(&FILE.replace("train.steps = 2", "train.steps = 150").replace("seeds = 2", "seeds = 1"));
    let mut killed = start(&bench, "sweep lr.toml");
    wait_until("at work", || count(&bench, "started", "") == 1 && is_at_work(&bench, "lr1e-4-"));
    signal(&killed, "-KILL");
    killed.wait().unwrap();
    // The run itself lives on, and the next sweep leaves it alone.
    let status = bench.ok("sweep lr.toml --status");
    assert!(status.contains("1 running, 1 waiting"), "{status}");
    bench.ok("sweep lr.toml --jobs 2");
    for part in ["lr1e-4-", "lr0.001-"] {
        assert_eq!((count(&bench, "started", part), count(&bench, "finished", part)), (1, 1), "{part}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_reaches_the_runs_and_the_same_command_goes_on() {
    let bench = bench(&FILE.replace("train.steps = 2", "train.steps = 100000").replace("seeds = 2", "seeds = 1"));
    let mut stopped = start(&bench, "sweep lr.toml --jobs 1");
    wait_until("at work", || count(&bench, "started", "") == 1 && is_at_work(&bench, "lr1e-4-"));
    signal(&stopped, "-INT");
    assert_eq!(stopped.wait().unwrap().code(), Some(130));
    assert_eq!((count(&bench, "started", ""), count(&bench, "stopped", "lr1e-4-")), (1, 1));
    let status = bench.ok("sweep lr.toml --status");
    assert!(status.contains("1 stopped, 1 waiting") && status.contains("interrupted"), "{status}");
    let mut again = start(&bench, "sweep lr.toml --jobs 1");
    wait_until("started again", || count(&bench, "started", "lr1e-4-") == 2);
    signal(&again, "-TERM");
    assert_eq!(again.wait().unwrap().code(), Some(130));
}

#[test]
fn finished_runs_of_another_build_are_in_the_way_until_the_user_decides() {
    let bench = bench(&FILE.replace("seeds = 2", "seeds = 1"));
    bench.ok("sweep lr.toml");
    let place = folder(&bench, "lr0.001-").join("environment.json");
    let mut environment: Value = serde_json::from_str(&fs::read_to_string(&place).unwrap()).unwrap();
    environment["program-sha256"] = "0".repeat(64).into();
    fs::write(&place, environment.to_string()).unwrap();
    bench.fails("sweep lr.toml", 2, &["another build", "--any-build", "--overwrite"]);
    bench.ok("sweep lr.toml --any-build");
    assert_eq!(count(&bench, "started", ""), 2);
    bench.ok("sweep lr.toml --overwrite");
    assert_eq!((count(&bench, "started", "lr0.001-"), count(&bench, "started", "lr1e-4-")), (2, 1));
    bench.ok("sweep lr.toml");
}

#[test]
fn a_machine_without_slurm_says_so() {
    let bench = bench(FILE);
    let output = bench.command().args(["sweep", "lr.toml", "--slurm"]).env("PATH", "").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("sbatch") && stderr.contains("--jobs N"), "{stderr}");
    let output = bench.ok("sweep lr.toml --slurm --dry-run");
    assert!(output.contains("4 points, not submitted"), "{output}");
    let script = bench.read("out/slurm/job.sh");
    assert!(script.contains("#SBATCH --array=0-3\n") && script.contains("exec "), "{script}");
    assert_eq!(entries(&bench), [] as [Value; 0], "nothing was submitted");
}

#[test]
fn points_run_as_tasks_of_a_real_slurm() {
    let found = |program: &str| {
        ["/usr/bin", "/usr/sbin", "/bin", "/usr/local/bin"]
            .iter()
            .any(|folder| Path::new(folder).join(program).exists())
    };
    let is_root = || Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    if !["sbatch", "slurmctld", "slurmd", "munged"].into_iter().all(found) || !is_root() {
        println!(
            "SKIPPED a sweep through Slurm: it needs root, and slurm-wlm and munge (apt-get install slurm-wlm munge)"
        );
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm.sh");
    let output = Command::new("bash").arg(script).arg(assert_cmd::cargo::cargo_bin("clf")).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
}
