//! Every registered entry of the linked plugins.

use clf as _;
use clf_core::{
    config::Config,
    registry::{self, DatasetEntry, Entry, HookEntry, MethodEntry, ReaderEntry, ScenarioEntry},
};
use clf_scenarios::ScenarioFile;

fn check<E: Entry>(entries: &[&'static E]) {
    assert!(!entries.is_empty(), "no {} is linked", E::KIND);
    for pair in entries.windows(2) {
        assert_ne!(pair[0].name(), pair[1].name(), "{} registered twice", E::KIND);
    }
    for entry in entries {
        let (name, summary) = (entry.name(), entry.summary());
        // The plus is for DER++.
        let kebab = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-+".contains(c));
        assert!(kebab, "{} {name} is not in kebab-case", E::KIND);
        assert!(summary.ends_with('.') && !summary.contains('\n'), "{} {name}: {summary:?}", E::KIND);
    }
}

#[test]
fn every_entry_has_a_name_and_a_summary() {
    check(&registry::all::<MethodEntry>());
    check(&registry::all::<HookEntry>());
    check(&registry::all::<ScenarioEntry>());
    check(&registry::all::<DatasetEntry>());
    check(&registry::all::<ReaderEntry>());
}

#[test]
fn every_method_and_hook_says_where_it_comes_from() {
    for method in registry::all::<MethodEntry>() {
        assert!(!method.paper.is_empty(), "{}", method.name);
    }
    for hook in registry::all::<HookEntry>() {
        assert!(!hook.paper.is_empty(), "{}", hook.name);
    }
}

#[test]
fn every_scenario_is_read_and_takes_every_method() {
    for scenario in registry::all::<ScenarioEntry>() {
        let file = ScenarioFile::read(scenario.name).unwrap();
        for method in registry::all::<MethodEntry>() {
            let config = Config::resolve(method, file.head(), Vec::new(), &[]).unwrap();
            config.train().unwrap().check().unwrap();
        }
    }
}
