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
