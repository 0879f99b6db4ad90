use std::{fs, path::Path};

use clf_core::{
    Capabilities, Error, Scenario,
    clip::Weights,
    config::{Config, UserLayer, parse_assignment},
    engine::{Observer, Run},
    registry::{self, MethodEntry},
    store::{Environment, Identity, RunStore, read_run},
};
use clf_report::{matrix_table, metrics_table};
use clf_scenarios::ScenarioFile;

use super::{print, print_json, stop_flag};
use crate::{
    arguments::RunArguments,
    device, logging,
    model::{self, Loaded},
    paths,
    progress::Progress,
};

/// `clf run`.
pub fn run(arguments: RunArguments) -> Result<(), Error> {
    let entry = registry::find::<MethodEntry>(&arguments.method)?;
    let file = ScenarioFile::read(&arguments.scenario)?
        .with_reference(arguments.reference_images.clone(), arguments.reference_texts.clone());
    let config = Config::resolve(entry, file.head(), user_layers(&arguments)?, &arguments.hooks)?;
    let (method, hooks) = (config.build_method(entry)?, config.build_hooks()?);
    let (train, eval, seed) = (config.train()?, config.eval()?, config.seed()?);
    let needs: Capabilities = hooks.iter().fold(method.capabilities(), |all, hook| all.and(hook.capabilities()));
    needs.check(entry.name, file.head())?;

    let root = paths::data_root(arguments.data.data.as_deref());
    let scenario = file.open(&root, needs)?;
    let device = device::open(&arguments.data.device)?;
    let loaded = model::load(&arguments.model, file.model(), &root, &device)?;
    let start = match &arguments.start {
        Some(path) => model::read_like(&loaded.clip, path)?,
        None => loaded.clip.clone(),
    };
    let folder = arguments.out.clone().unwrap_or_else(|| paths::run_folder(scenario.name(), entry.name, seed));
    let identity = Identity { method: entry.name, model: &loaded.name, seed };
    let mut store = open_store(&folder, arguments.overwrite, &identity, &*scenario, &config, &loaded)?;
    tracing::info!("run folder {}", folder.display());

    let mut progress = Progress::new(scenario.tasks().len());
    let observers: Vec<&mut dyn Observer> = vec![&mut store, &mut progress];
    let run = Run {
        seed,
        method,
        hooks,
        scenario: &*scenario,
        train,
        ignore_task_settings: config.task_settings_rule(),
        eval,
        zero_shot: loaded.clip,
        reference_texts: Vec::new(),
        device,
        observers,
        stop: stop_flag(),
    };
    run.execute(Weights::of(&start))?;
    show(&folder, arguments.json)
}

fn open_store(
    folder: &Path,
    overwrite: bool,
    identity: &Identity<'_>,
    scenario: &dyn Scenario,
    config: &Config,
    loaded: &Loaded,
) -> Result<RunStore, Error> {
    if overwrite && folder.join("config.toml").exists() {
        fs::remove_dir_all(folder).map_err(|error| Error::io("replace the run", folder, error))?;
    }
    let environment = Environment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        device: device::describe(&loaded.clip.device()),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        weights_sha256: loaded.sha256.clone(),
    };
    let store = RunStore::create(folder, identity, scenario, config, &environment, loaded.clip.config())?;
    logging::copy_to(&folder.join("log.txt"))?;
    Ok(store)
}

/// Layers of the user, weak to strong: files, `--set`, `--seed`.
fn user_layers(arguments: &RunArguments) -> Result<Vec<UserLayer>, Error> {
    let mut layers = Vec::new();
    for path in &arguments.configs {
        let text = fs::read_to_string(path).map_err(|error| Error::io("read the configuration", path, error))?;
        let table = text
            .parse()
            .map_err(|error: toml::de::Error| Error::config(path.display().to_string(), error.to_string()))?;
        layers.push(UserLayer { origin: path.display().to_string(), table });
    }
    for set in &arguments.sets {
        layers.push(parse_assignment(set)?);
    }
    if let Some(seed) = arguments.seed {
        let table = toml::Table::from_iter([("seed".to_owned(), toml::Value::Integer(seed.cast_signed()))]);
        layers.push(UserLayer { origin: "--seed".to_owned(), table });
    }
    Ok(layers)
}

fn show(folder: &Path, json: bool) -> Result<(), Error> {
    let (result, matrix) = read_run(folder)?;
    if json {
        return print_json(&result);
    }
    print(&matrix_table(&matrix))?;
    let untouched = matrix.untouched().metrics(&result.procedure);
    print(&metrics_table(&result.method, &matrix.metrics(&result.procedure), &untouched))?;
    print(&format!("{} s, {}", result.seconds.round(), folder.display()))
}
