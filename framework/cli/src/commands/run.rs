use std::{fs, path::Path};

use clf_core::{
    Error, Scenario,
    clip::Weights,
    config::{Config, UserLayer, parse_assignment},
    engine::Run,
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
pub fn run(arguments: &RunArguments) -> Result<(), Error> {
    let entry = registry::find::<MethodEntry>(&arguments.method)?;
    let file = ScenarioFile::read(&arguments.scenario)?
        .with_reference(arguments.reference_images.clone(), arguments.reference_texts.clone());
    let config = Config::resolve(entry, file.head(), user_layers(arguments)?, &arguments.hooks)?;
    let needs = config.capabilities(entry)?;
    needs.check(entry.name, file.head())?;
    let folder = arguments.out.clone().unwrap_or(paths::run_folder(&file.head().name, entry.name, config.seed()?));
    RunStore::check_free(&folder, arguments.overwrite)?;

    let root = paths::data_root(arguments.data.data.as_deref());
    let scenario = file.open(&root, needs)?;
    let device = device::open(&arguments.data.device)?;
    let loaded = model::load(&arguments.model, file.model(), &root, &device)?;
    let start = match &arguments.start {
        Some(path) => model::read_like(&loaded.clip, path)?,
        None => loaded.clip.clone(),
    };
    let (mut store, mut progress);
    let mut run = Run::new(entry, &*scenario, &config, loaded.clip.clone())?;
    let environment = environment(arguments, &*scenario, &loaded);
    let identity = Identity { method: entry.name, model: &loaded.name, seed: config.seed()? };
    store = RunStore::create(&folder, &identity, &*scenario, &config, &environment, loaded.clip.config())?;
    logging::copy_to(&folder.join("log.txt"))?;
    tracing::info!("run folder {}", folder.display());
    progress = Progress::new(scenario.tasks().len());
    run.observers = vec![&mut store, &mut progress];
    run.stop = stop_flag();
    run.execute(Weights::of(&start))?;
    show(&folder, arguments.json)
}

fn environment(arguments: &RunArguments, scenario: &dyn Scenario, loaded: &Loaded) -> Environment {
    Environment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        device: device::describe(&loaded.clip.device()),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        weights_sha256: loaded.sha256.clone(),
        activation: loaded.clip.config().activation,
        start: arguments.start.clone(),
        reference: scenario.reference().map(|reference| reference.name.clone()),
        reference_images: scenario.reference().and_then(|reference| Some(reference.images.as_ref()?.len())),
        reference_texts: scenario.reference().map(|reference| reference.texts.len()),
    }
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
