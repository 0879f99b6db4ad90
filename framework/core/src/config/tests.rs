use super::*;

const METHOD: MethodEntry = MethodEntry {
    name: "probe",
    summary: "",
    paper: "",
    defaults: &[
        crate::methods::Classification::DEFAULTS,
        "hooks = ['l2']\n[when.mtil.hook.l2]\nweight = 3.0\n[as-published.when.mtil.hook.l2]\nweight = 4.0\n",
    ],
    differences: &[],
    build: |table| Ok(Box::new(erased_serde::deserialize::<crate::methods::Classification>(table)?)),
};

fn resolve(scenario: &str, sets: &[&str], hooks: &[&str]) -> Result<Config, Error> {
    let user = sets.iter().map(|set| parse_assignment(set)).collect::<Result<_, _>>()?;
    let hooks: Vec<String> = hooks.iter().map(ToString::to_string).collect();
    let head = ScenarioHead {
        name: "bench".into(),
        procedure: "mtil".into(),
        settings: scenario.parse().unwrap(),
        ..ScenarioHead::default()
    };
    Config::resolve(&METHOD, &head, user, &hooks)
}

#[test]
fn a_stronger_layer_wins_and_the_origin_is_kept() {
    let scenario =
        "[train]\nlr = 2e-4\nepochs = 2\n[methods.probe.train]\nwarmup = 7\n[methods.other.train]\nwarmup = 9\n";
    let config = resolve(scenario, &["train.lr=1"], &[]).unwrap();
    let train = config.train().unwrap();
    assert_eq!((train.lr, train.epochs, train.warmup, train.steps), (1.0, 2, 7, 1000));
    let text = config.to_annotated_toml();
    assert!(text.contains("lr = 1  # --set train.lr=1\n"), "{text}");
    assert!(text.contains("warmup = 7  # scenario bench, method probe\n"), "{text}");
    assert!(text.contains("weight = 3.0  # method probe, mtil\n"), "{text}");
    assert_eq!(text.parse::<Table>().unwrap(), *config.table());
}

#[test]
fn the_published_code_is_a_variant_of_the_defaults() {
    let text = resolve("", &["compat=reference"], &[]).unwrap().to_annotated_toml();
    assert!(text.contains("weight = 4.0  # method probe, as published, mtil\n"), "{text}");
    assert!(text.contains("transform = \"test\""), "the evaluation differs for class-incremental runs alone: {text}");
    let error = resolve("", &["compat=refrence"], &[]).unwrap_err().to_string();
    assert!(error.contains("did you mean \"reference\"?"), "{error}");
}

#[test]
fn setting_steps_overrules_weaker_epochs() {
    let train = resolve("[train]\nepochs = 2\n", &["train.steps=5"], &[]).unwrap().train().unwrap();
    assert_eq!((train.steps, train.epochs), (5, 0));
}

#[test]
fn an_unknown_key_gets_the_nearest_one() {
    let error = resolve("", &["train.learning=1"], &[]).unwrap_err().to_string();
    assert!(error.contains("unknown setting \"train.learning\"\n  hint: did you mean \"train."), "{error}");
}

#[test]
fn a_hook_can_be_added_and_set_but_not_set_without_being_added() {
    let config = resolve("", &["hook.weight-ensemble.every=50"], &["weight-ensemble"]).unwrap();
    assert_eq!(config.hooks().unwrap(), ["l2", "weight-ensemble"]);
    assert_eq!(config.build_hooks().unwrap().len(), 2);
    assert!(config.to_annotated_toml().contains("every = 50"));
    let error = resolve("", &["hook.weight-ensemble.every=50"], &[]).unwrap_err().to_string();
    assert!(error.contains("add --hook weight-ensemble"), "{error}");
}

#[test]
fn hooks_must_be_a_list_of_different_names() {
    assert!(resolve("", &["hooks=l2"], &[]).unwrap_err().to_string().starts_with("hooks: "));
    assert!(resolve("", &["hooks=['l2', 'l2']"], &[]).unwrap_err().to_string().contains("twice"));
}

#[test]
fn the_record_of_a_run_can_be_given_as_its_configuration() {
    let config = resolve("[train]\nlr = 2e-4\n", &[], &[]).unwrap();
    let table = config.to_annotated_toml().parse().unwrap();
    let layer = UserLayer { origin: "config.toml".into(), table, chosen: false };
    let head = ScenarioHead {
        procedure: "mtil".into(),
        settings: "[train]\nlr = 2e-4\n".parse().unwrap(),
        ..ScenarioHead::default()
    };
    let again = Config::resolve(&METHOD, &head, vec![layer], &[]).unwrap();
    assert_eq!(again.table(), config.table());
    assert!(!again.task_settings_rule().lr, "the same value as before is no choice of the user");
    let flag = resolve("[train]\nlr = 2e-4\n", &["train.lr=2e-4"], &[]).unwrap();
    assert!(flag.task_settings_rule().lr, "unless it is in a flag");
}

#[test]
fn a_value_of_the_wrong_type_names_the_setting() {
    let error = resolve("", &["method.label-smoothing=high"], &[]).unwrap().build_method(&METHOD).err().unwrap();
    assert!(error.to_string().starts_with("method: "), "{error}");
    let error = resolve("", &["train.batch-size=-1"], &[]).unwrap().train().unwrap_err().to_string();
    assert!(error.starts_with("train: ") && error.contains("batch-size"), "{error}");
}
