//! The embedded default shows the phenomenon that clf is about.
//!
//! `CLF_MINI_SEEDS` sets over how many seeds the runs are repeated; 1 by default, for time.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{env, fs, path::Path, process::Command, sync::OnceLock, thread};

use serde_json::Value;

const DOMAINS: [&str; 7] = ["shapes", "colours", "patterns", "digits", "objects", "flags", "faces"];
/// Classes of each domain, for chance.
const CLASSES: [f64; 7] = [10.0, 10.0, 9.0, 10.0, 10.0, 10.0, 8.0];

fn clf(folder: &Path, arguments: &str) -> Value {
    let output =
        Command::new(env!("CARGO_BIN_EXE_clf")).args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "clf {arguments}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn zero_shot_knows_every_domain_and_none_perfectly() {
    let folder = tempfile::tempdir().unwrap();
    let eval = clf(folder.path(), "eval --scenario mtil-mini --json");
    let accuracies: Vec<f64> =
        eval["tasks"].as_array().unwrap().iter().map(|task| task["accuracy"].as_f64().unwrap()).collect();
    assert_eq!(accuracies.len(), DOMAINS.len());
    for ((domain, accuracy), classes) in DOMAINS.iter().zip(&accuracies).zip(CLASSES) {
        assert!(*accuracy >= 3.0 * 100.0 / classes, "{domain}: {accuracy}");
    }
    let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
    assert!((45.0..=80.0).contains(&mean), "{mean}");
}

#[test]
fn every_domain_can_be_learned_alone() {
    let folder = tempfile::tempdir().unwrap();
    let named = include_str!("../../../scenarios/named/mtil-mini.toml");
    for domain in DOMAINS {
        let others = |line: &&str| !line.contains("{ dataset = \"mini:") || line.contains(&format!("mini:{domain}\""));
        let alone: Vec<&str> = named.lines().filter(others).collect();
        fs::write(folder.path().join(format!("{domain}.toml")), alone.join("\n")).unwrap();
        let result = clf(folder.path(), &format!("run --method finetune --scenario {domain}.toml --json"));
        let accuracy = result["metrics"]["mtil_last"].as_f64().unwrap();
        eprintln!("{domain} learned alone: {accuracy}");
        assert!(accuracy > 85.0, "{domain}: {accuracy}");
    }
}

/// One comparison of the main methods; the mean of `metric` over seeds, by method.
fn compared(metric: &str) -> impl Fn(&str) -> f64 {
    static COMPARISON: OnceLock<Value> = OnceLock::new();
    let comparison = COMPARISON.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let seeds = env::var("CLF_MINI_SEEDS").unwrap_or_else(|_| "1".into());
        let compare = |methods: &[&str]| {
            let methods = methods.join(",");
            clf(folder.path(), &format!("compare --methods {methods} --scenario mtil-mini --seeds {seeds} --json"))
        };
        // A run keeps little more than one core busy; the last comparison reads what the others made.
        thread::scope(|scope| {
            for half in [&["zscl", "wise-ft", "finetune"][..], &["lwf-vr", "lwf", "icarl"]] {
                scope.spawn(move || compare(half));
            }
        });
        compare(&MAIN_METHODS)
    });
    let metric = metric.to_owned();
    move |method| {
        let methods = comparison["methods"].as_array().unwrap();
        let found = methods.iter().find(|entry| entry["method"] == method).unwrap();
        found["metrics"][&metric]["mean"].as_f64().unwrap()
    }
}

/// In the order of `transfer` in the paper, best first (Zheng et al. 2023, MTIL order I).
const MAIN_METHODS: [&str; 7] = ["zero-shot", "zscl", "lwf-vr", "lwf", "wise-ft", "icarl", "finetune"];

#[test]
fn finetune_loses_zero_shot_ability_and_zscl_keeps_it() {
    let transfer = compared("transfer");
    let [untouched, finetune, zscl] = ["zero-shot", "finetune", "zscl"].map(&transfer);
    eprintln!("transfer zero-shot {untouched:.1}, finetune {finetune:.1}, zscl {zscl:.1}");
    assert!(finetune <= untouched - 10.0, "finetune {finetune} against {untouched}");
    assert!(zscl >= untouched - 3.0, "zscl {zscl} against {untouched}");
    for name in ["mtil_avg", "mtil_last"] {
        let metric = compared(name);
        let [finetune, zscl] = ["finetune", "zscl"].map(&metric);
        eprintln!("{name} finetune {finetune:.1}, zscl {zscl:.1}");
        assert!(zscl > finetune, "{name}: zscl {zscl} against finetune {finetune}");
    }
}

#[test]
fn the_published_order_of_the_main_methods_appears() {
    let transfer = compared("transfer");
    let values = MAIN_METHODS.map(|method| (method, transfer(method)));
    eprintln!("transfer {values:.1?}");
    let [untouched, zscl, others @ .., finetune] = values.map(|(_, value)| value);
    assert!(untouched > zscl && others.iter().all(|value| zscl > *value), "zscl is next to zero-shot: {values:?}");
    assert!(others.iter().all(|value| *value > finetune), "finetune is last: {values:?}");
}
