//! `clf new method`: what it writes is built, tested and run as a user would.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
    time::Instant,
};

use serde_json::Value;

/// The program under test.
const CLF: &str = env!("CARGO_BIN_EXE_clf");
/// Limit on the source of a method that is a loss.
const LINES: usize = 60;
/// Name of the new method.
const NAME: &str = "made-by-test";
/// Features of the build that is used again.
const FEATURES: &str = if cfg!(feature = "cuda") { "--features cuda" } else { "" };

fn run(program: impl AsRef<Path>, folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(program.as_ref());
    command.args(arguments.split_whitespace()).current_dir(folder).env_remove("RUST_LOG");
    command.env("CARGO_TARGET_DIR", target()).output().unwrap()
}

#[track_caller]
fn succeeds(program: impl AsRef<Path>, folder: &Path, arguments: &str) -> [String; 2] {
    let output = run(program, folder, arguments);
    assert!(output.status.success(), "{arguments}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    [text(&output.stdout), text(&output.stderr)]
}

#[track_caller]
fn fails(folder: &Path, arguments: &str, code: i32, parts: &[&str]) {
    let output = run(CLF, folder, arguments);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments}\n{stderr}");
    assert_eq!(stderr.matches("error: ").count(), 1, "one error for {arguments}\n{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "no {part:?} in the error of {arguments}\n{stderr}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The target folder of the workspace, so that what is compiled there is used again.
fn target() -> &'static Path {
    Path::new(CLF).ancestors().nth(2).unwrap()
}

/// The folder of the workspace.
fn clf() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Burn and everything below it with the features that are on, as a build in `folder` has them.
fn burn_and_below(folder: &Path, workspace: &str) -> BTreeSet<String> {
    let arguments = format!("tree --offline --no-dedupe --prefix depth -f {{p}}|{{f}} {workspace} {FEATURES}");
    let [tree, _] = succeeds(env!("CARGO"), folder, &arguments);
    let (mut found, mut inside) = (BTreeSet::new(), None);
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap();
        let (depth, package) = (line[..digits].parse::<usize>().unwrap(), &line[digits..]);
        inside = inside.filter(|burn| depth > *burn).or_else(|| package.starts_with("burn v").then_some(depth));
        if inside.is_some() {
            found.insert(package.to_owned());
        }
    }
    found
}

#[test]
fn a_new_method_is_short_and_is_built_tested_and_run_without_an_edit() {
    let folder = tempfile::tempdir().unwrap();
    let [said, _] = succeeds(CLF, folder.path(), &format!("new method {NAME}"));
    assert!(said.contains("cargo test --release") && said.contains(&format!("--method {NAME}")), "{said}");
    let made = folder.path().join(NAME);
    let lines = fs::read_to_string(made.join("src/lib.rs")).unwrap().lines().count();
    assert!(lines <= LINES, "{lines} lines");

    // What is compiled below is nothing where both builds were made before; this does not depend on it.
    let (own, tests) = (burn_and_below(&made, ""), burn_and_below(clf(), "--workspace"));
    assert!(own.len() > 50, "{own:?}");
    assert_eq!(own.difference(&tests).collect::<Vec<_>>(), Vec::<&String>::new(), "features differ");

    let start = Instant::now();
    let [tests, log] = succeeds(env!("CARGO"), &made, &format!("test --release --offline {FEATURES}"));
    let compiled: Vec<&str> = log.lines().filter_map(|line| line.trim().strip_prefix("Compiling ")).collect();
    eprintln!("{} s, compiled {}: {compiled:#?}", start.elapsed().as_secs(), compiled.len());
    assert!(tests.contains("the_method_keeps_its_contract ... ok"), "{tests}");
    let again: Vec<&&str> = compiled.iter().filter(|line| line.starts_with("burn")).collect();
    assert!(again.is_empty(), "features or profile differ from those of the workspace: {again:?}\n{log}");

    let program = target().join("release").join(NAME);
    let [methods, _] = succeeds(&program, folder.path(), "list methods");
    assert!(methods.contains(NAME) && methods.contains("finetune"), "{methods}");
    let arguments = "--scenario mtil-mini --set train.steps=2 --out run --json";
    let [result, _] = succeeds(&program, folder.path(), &format!("run --method {NAME} {arguments}"));
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!((&result["method"], &result["finished"]), (&NAME.into(), &true.into()), "{result}");
    assert!(result["metrics"]["mtil_last"].as_f64().unwrap() > 30.0, "{result}");
    let steps = fs::read_to_string(folder.path().join("run/metrics.jsonl")).unwrap();
    let step: Value = serde_json::from_str(steps.lines().next().unwrap()).unwrap();
    assert!(step["terms"]["ce"].is_f64() && step["terms"]["confidence"].is_f64(), "{step}");
}

#[test]
fn the_crate_goes_into_the_folder_that_is_named_even_if_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let clf = clf().display();
    fs::create_dir(folder.path().join("empty")).unwrap();
    for out in ["deep/inside", "empty"] {
        succeeds(CLF, folder.path(), &format!("new method own-idea --out {out} --clf {clf}"));
        let config = ["rust-toolchain.toml", "rustfmt.toml"];
        let files = [&[".gitignore", "Cargo.lock", "Cargo.toml", "README.md"][..], &config, &["src", "tests"]].concat();
        assert_eq!(entries(&folder.path().join(out)), files);
    }
    assert_eq!(entries(folder.path()), ["deep", "empty"]);
}

#[test]
fn what_cannot_be_made_is_refused_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fails(at, "new method My_Method", 2, &["My_Method", "lower-case", "my-method"]);
    fails(at, "new method 2nd", 2, &["2nd", "a letter first"]);
    fails(at, "new method match", 2, &["match", "reserved"]);
    fails(at, "new method clf-core", 2, &["clf-core", "reserved"]);
    fails(at, "new method zscl", 2, &["zscl", "already taken"]);
    fails(at, "new methods own-idea", 2, &["methods", "[possible values: method]"]);
    fails(at, "new method own-idea --clf nowhere", 2, &["nowhere", "framework/core/Cargo.toml", "--clf DIR"]);
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/own-idea");
    fails(at, &format!("new method own-idea --out {}", plugins.display()), 2, &["own-idea", "plugins/README.md"]);
    assert!(!plugins.exists() && entries(at).is_empty());

    fs::create_dir(at.join("full")).unwrap();
    fs::write(at.join("full/mine.txt"), "mine").unwrap();
    fails(at, "new method own-idea --out full", 2, &["full", "not empty", "--out"]);
    fails(at, "new method own-idea --out full/mine.txt", 6, &["full/mine.txt"]);
    fails(at, "new method own-idea --out full/mine.txt/deeper", 6, &["full/mine.txt/deeper"]);
    assert_eq!((entries(at), entries(&at.join("full"))), (vec!["full".into()], vec!["mine.txt".into()]));
}
