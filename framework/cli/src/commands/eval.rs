use clf_core::{
    Capabilities, Error,
    config::Config,
    engine::Evaluator,
    registry::{self, MethodEntry},
    task::Task,
};
use clf_report::row_table;
use clf_scenarios::ScenarioFile;
use serde_json::json;

use super::{print, print_json};
use crate::{arguments::EvalArguments, device, model, paths, progress::Meter};

/// `clf eval`.
pub fn eval(arguments: &EvalArguments) -> Result<(), Error> {
    let entry = registry::find::<MethodEntry>(&arguments.method)?;
    let file = ScenarioFile::read(&arguments.scenario)?;
    let config = Config::resolve(entry, file.head(), Vec::new(), &[])?;
    let (method, settings) = (config.build_method(entry)?, config.eval()?);
    let root = paths::data_root(arguments.data.data.as_deref());
    let scenario = file.open(&root, Capabilities::default())?;
    let device = device::open(&arguments.data.device)?;
    let mut clip = model::load(&arguments.model, file.model(), &root, &device)?.clip;
    if let Some(path) = &arguments.checkpoint {
        clip = model::read_like(&clip, path)?;
    }

    let tasks = scenario.tasks();
    tasks.iter().try_for_each(Task::check)?;
    let counts: Vec<usize> = tasks.iter().map(|task| task.test.len()).collect();
    let mut meter = Meter::new(format!("scoring {}", scenario.name()), counts.iter().sum::<usize>() as u64);
    let evaluator = Evaluator { scenario: &*scenario, settings: &settings, method: &*method, seed: config.seed()? };
    let row = evaluator.row(&clip, tasks.len(), |images| {
        meter.advance(images as u64, || "images".to_owned());
        Ok(())
    })?;
    meter.finish(&format!("{} images", counts.iter().sum::<usize>()));
    let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
    let accuracies = row.accuracies(tasks.len());
    if arguments.json {
        let tasks: Vec<_> = names
            .iter()
            .zip(&counts)
            .zip(&accuracies)
            .map(|((name, images), accuracy)| json!({"task": name, "test-images": images, "accuracy": accuracy}))
            .collect();
        return print_json(&json!({"scenario": scenario.name(), "tasks": tasks}));
    }
    print(&row_table(&names, &counts, &accuracies))
}
