//! Event files as TensorBoard itself reads them, in Python: `CLF_PYTHON` names one that has the package `tensorboard`.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{fs, io::Write, path::Path, process::Command};

use clf_core::engine::{Event, Observer, Row, StepRecord, StepTiming};
use clf_logs::{Position, TensorBoard};

/// What TensorBoard reads in `folder`, as JSON; without it a line that cannot be overlooked.
fn read(test: &str, folder: &Path) -> Option<serde_json::Value> {
    let Some(python) = std::env::var_os("CLF_PYTHON") else {
        // Written past the test harness, which would keep the line to itself, and on a line of its own.
        let line = format!("\nSKIPPED {test}: needs CLF_PYTHON, a Python that has tensorboard\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_events.py");
    let output = Command::new(&python).arg(script).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn board(folder: &Path, from: Position) -> TensorBoard {
    TensorBoard::create(folder, "mtil", vec!["a".into(), "b".into()], vec![4, 4], from).unwrap()
}

fn step(board: &mut TensorBoard, loss: f64) {
    let record = StepRecord {
        task: 0,
        step: 0,
        loss,
        terms: [("ce", 0.5)].into_iter().collect(),
        lr: 0.0,
        grad_norm: 1.0,
        timing: StepTiming { seconds: 1.0, images_per_second: 10.0, data_seconds: 0.0 },
    };
    board.on_event(&Event::Step(&record)).unwrap();
}

/// Scores nothing; the row still has its place.
fn row(board: &mut TensorBoard, learned: usize) {
    let set = |task| clf_core::engine::Predictions { task, labels: vec![0; 4], predicted: vec![0, 0, 0, learned] };
    board.on_event(&Event::Evaluated(&Row { learned, predictions: vec![set(0), set(1)], other: Vec::new() })).unwrap();
}

#[test]
fn tensorboard_reads_every_scalar_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = board(folder.path(), Position::default());
    row(&mut writer, 0);
    step(&mut writer, 4.0);
    step(&mut writer, 2.5);
    row(&mut writer, 1);
    drop(writer);
    let Some(read) = read("tensorboard_reads_every_scalar_where_it_belongs", folder.path()) else { return };
    assert_eq!(read["train/loss"], serde_json::json!([[1, 4.0], [2, 2.5]]));
    assert_eq!(read["train/lr"], serde_json::json!([[1, 0.0], [2, 0.0]]), "a zero is written");
    assert_eq!(read["terms/ce"], serde_json::json!([[1, 0.5], [2, 0.5]]));
    assert_eq!(read["accuracy/b"], serde_json::json!([[0, 100.0], [2, 75.0]]));
    assert_eq!(read["figures/mtil_last"], serde_json::json!([[2, 75.0]]));
}

#[test]
fn a_run_that_goes_on_replaces_what_was_written_behind_it_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = board(folder.path(), Position::default());
    row(&mut writer, 0);
    step(&mut writer, 4.0);
    step(&mut writer, 3.0);
    row(&mut writer, 1);
    // These two are lost: the run goes on from its second step, before which the row was written.
    step(&mut writer, 99.0);
    step(&mut writer, 98.0);
    drop(writer);
    let rows = vec![vec![100.0; 2]];
    let mut writer = board(folder.path(), Position { steps: 2, rows });
    row(&mut writer, 1);
    step(&mut writer, 2.0);
    drop(writer);
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 2);
    if let Some(read) = read("a_run_that_goes_on_replaces_what_was_written_behind_it", folder.path()) {
        assert_eq!(read["train/loss"], serde_json::json!([[1, 4.0], [2, 3.0], [3, 2.0]]));
        assert_eq!(read["accuracy/a"], serde_json::json!([[0, 100.0], [2, 75.0]]));
    }
    // Stopped before its first step, it keeps the row that is done.
    drop(board(folder.path(), Position { steps: 0, rows: vec![vec![100.0; 2]] }));
    if let Some(read) = read("a_run_that_goes_on_replaces_what_was_written_behind_it", folder.path()) {
        assert_eq!(read["accuracy/a"], serde_json::json!([[0, 100.0]]));
        assert_eq!(read["train/loss"], serde_json::json!([]));
    }
    // A run from the start leaves nothing of the earlier one.
    drop(board(folder.path(), Position::default()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn tasks_that_are_learned_without_a_step_have_places_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = board(folder.path(), Position::default());
    (0..3).for_each(|learned| row(&mut writer, learned));
    drop(writer);
    if let Some(read) = read("tasks_that_are_learned_without_a_step_have_places_of_their_own", folder.path()) {
        assert_eq!(read["accuracy/a"], serde_json::json!([[0, 100.0], [1, 75.0], [2, 75.0]]));
    }
}
