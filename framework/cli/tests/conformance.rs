//! Every method that comes with clf, under the conformance suite of plugins.

use clf as _;
use clf_core::{
    registry::{self, MethodEntry},
    testing::Conformance,
};

#[test]
fn every_method_passes_the_conformance_suite() {
    let mut failed = Vec::new();
    for method in registry::all::<MethodEntry>() {
        let suite = Conformance::of(method.name);
        // Numbers for large data that a tiny world cannot fill.
        let suite = match method.name {
            "rail" => suite.with("method.hidden=48"),
            "der++" => suite.with("method.memory=20").with("method.replay=4"),
            _ => suite,
        };
        match suite.check() {
            Ok(()) => eprintln!("{} conforms", method.name),
            Err(violation) => failed.push(format!("{}: {violation}", method.name)),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Settings that put other code to work than the defaults of any method.
const VARIANTS: [(&str, &[&str]); 16] = [
    ("image-fc", &["hooks=['ewc']"]),
    ("wise-ft", &["hooks=['wise', 'weight-ensemble', 'ema']"]),
    ("image-fc", &["hooks=['l2', 'weight-ensemble']"]),
    ("der++", &["hooks=['distill', 'ewc', 'wise']", "hook.wise.fisher=true", "method.memory=20"]),
    ("finetune", &["method.train-mode=image"]),
    ("finetune", &["method.train-mode=text"]),
    ("finetune", &["method.train-mode=text", "method.text-mode=published"]),
    ("finetune", &["method.negatives=seen-classes"]),
    ("finetune", &["method.negatives=reference-texts", "method.negatives-count=3"]),
    ("wise-ft", &["hook.wise.fisher=true", "hook.wise.fisher-images=6"]),
    ("wise-ft", &["hook.wise.with=zero-shot", "method.train-mode=image"]),
    ("ema", &["hook.ema.mode=task-start"]),
    ("ema", &["hook.ema.mode=previous"]),
    ("icarl", &["hook.exemplars.selection=published", "hook.exemplars.transform=train"]),
    ("lwf", &["hook.distill.current-transform=train", "hook.distill.teacher=wise"]),
    ("zscl", &["hook.distill.cache=false", "hook.distill.texts=seen-classes"]),
];

#[test]
fn methods_pass_it_with_other_settings_too() {
    let mut failed = Vec::new();
    for (method, settings) in VARIANTS {
        let suite = settings.iter().fold(Conformance::of(method), |suite, setting| suite.with(setting));
        if let Err(violation) = suite.check() {
            failed.push(format!("{method} {settings:?}: {violation}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
