//! Every registered entry of the linked plugins.

use clf as _;
use clf_core::{
    ScenarioHead,
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
        let kebab = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
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
fn the_defaults_of_every_method_build_it_under_both_procedures_and_come_back_unchanged() {
    for method in registry::all::<MethodEntry>() {
        for procedure in ["mtil", "class-incremental"] {
            let head = ScenarioHead { procedure: procedure.into(), ..ScenarioHead::default() };
            let config = Config::resolve(method, &head, Vec::new(), &[]).unwrap();
            let built = config.build_method(method).unwrap();
            let settings = serde_json::to_value(built.config()).unwrap();
            let table = config.table().get("method").map_or_else(toml::Table::new, |t| t.as_table().unwrap().clone());
            assert_eq!(settings, serde_json::to_value(table).unwrap(), "{}", method.name);
            for (name, hook) in config.hooks().unwrap().iter().zip(config.build_hooks().unwrap()) {
                let settings = serde_json::to_value(hook.config()).unwrap();
                let table = &config.table()["hook"][name.as_str()];
                assert_eq!(settings, serde_json::to_value(table).unwrap(), "{} {name}", method.name);
            }
        }
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
