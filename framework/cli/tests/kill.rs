//! Runs that are killed (`kill -9`) at random moments, twenty times each: the same command always goes on, and the run ends
//! with the very bytes of one that was left alone.
//!
//! ```text
//! cargo test --release -p clf --test kill -- --nocapture
//! ```
//!
//! prints where every kill came. `CLF_KILL_SEED` draws other moments.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where something is not as it should be, and says what it saw"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use clf_core::random::{Key, Purpose};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Kills of each run.
const KILLS: usize = 20;
/// A small part of the mini world, saved so often that many kills come while a checkpoint is written.
const SMALL: &str = "--limit-per-class 12 --limit-test 24 --set train.steps=16 --checkpoint-every 2";
/// Steps between two checkpoints in it.
const EVERY: usize = 2;
/// What does not depend on how often a run was killed.
const SAME: [&str; 6] =
    ["metrics.jsonl", "matrix.csv", "matrix.npy", "matrix-task-agnostic.npy", "zero-shot.npy", "model.safetensors"];

fn command(method: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clf"));
    command.args(["run", "--method", method, "--scenario", "mtil-mini", "--out"]).arg(folder);
    command.args(SMALL.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn lines(folder: &Path, file: &str) -> usize {
    fs::read_to_string(folder.join(file)).map_or(0, |text| text.lines().count())
}

/// What the files in `folder` say about what a run was doing.
fn doing(folder: &Path) -> &'static str {
    let partial = |path: PathBuf| path.extension().is_some_and(|ending| ending == "partial");
    let files = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    if files(&folder.join("checkpoints")).into_iter().any(partial) {
        return "writing a checkpoint";
    }
    match (lines(folder, "matrix.csv"), lines(folder, "metrics.jsonl")) {
        (0, _) => "before the first row",
        // 17 steps a task, and a row with the header more than tasks.
        (rows, lines) if lines >= 17 * (rows - 1) => "between steps and scores",
        _ => "in a task",
    }
}

/// Waits for the end, at most until `moment`.
fn ends_within(child: &mut Child, moment: Duration) -> bool {
    let started = Instant::now();
    while started.elapsed() < moment {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "a run failed by itself: {status}");
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    false
}

/// How a run is treated.
struct Treatment<'a> {
    method: &'a str,
    /// How long a start takes, and all the rest.
    start: Duration,
    rest: Duration,
    rng: ChaCha8Rng,
}

impl Treatment<'_> {
    /// Starts and kills a run at most `kills` times, and lets it end then; what it was doing when it was killed.
    fn kill_and_go_on(&mut self, folder: &Path, kills: usize) -> Vec<&'static str> {
        let (mut seen, mut before) = (Vec::new(), 0);
        for _ in 0..kills {
            // All lives together are about three quarters of the whole, so that most runs are killed to the end.
            let life = self.rest.mul_f64(self.rng.random_range(0.0..1.5) / KILLS as f64);
            let mut child = command(self.method, folder).spawn().unwrap();
            if ends_within(&mut child, self.start + life) {
                return seen;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            seen.push(doing(folder));
            // A run that began anew would end the same as well: what is lost is at most what no checkpoint holds.
            let now = lines(folder, "metrics.jsonl");
            assert!(now + EVERY >= before, "{}: {now} steps after {before}", self.method);
            before = now;
        }
        assert!(command(self.method, folder).status().unwrap().success());
        seen
    }
}

fn check(method: &str) {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let time = || {
        let started = Instant::now();
        assert!(command(method, &whole).status().unwrap().success());
        started.elapsed()
    };
    let all = time();
    // A finished run is opened and not repeated.
    let start = time();
    let seed = std::env::var("CLF_KILL_SEED").map_or(0, |seed| seed.parse().unwrap());
    let rng = Key { seed, ..Key::default() }.stream(Purpose::Method);
    let mut treatment = Treatment { method, start, rest: all.saturating_sub(start), rng };
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    // One run is usually enough for all kills; where it ends before them, there is another one.
    for run in 0..KILLS {
        let kills = KILLS - seen.values().sum::<usize>();
        if kills == 0 {
            break;
        }
        let killed = folder.path().join(format!("killed-{run}"));
        for doing in treatment.kill_and_go_on(&killed, kills) {
            *seen.entry(doing).or_default() += 1;
        }
        assert_same(method, &whole, &killed);
    }
    let kills = seen.values().sum::<usize>();
    println!("{method}: {kills} kills: {seen:?}");
    assert_eq!(kills, KILLS);
}

fn assert_same(method: &str, whole: &Path, killed: &Path) {
    let predictions = (0..=7).map(|row| format!("predictions/{row:02}.npy"));
    for file in SAME.iter().map(ToString::to_string).chain(predictions) {
        let [left, right] = [whole, killed].map(|run| fs::read(run.join(&file)).unwrap());
        assert!(left == right, "{method}: {file} differs");
    }
}

#[test]
fn zscl_ends_the_same_however_often_it_is_killed() {
    check("zscl");
}

#[test]
fn icarl_ends_the_same_however_often_it_is_killed() {
    check("icarl");
}

#[test]
fn wise_ft_ends_the_same_however_often_it_is_killed() {
    check("wise-ft");
}
