use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use clf_core::{Error, store::RunStore};
use clf_report::{Comparison, Format, Settings};
use clf_scenarios::ScenarioFile;

use super::{print, print_json, stop_flag};
use crate::{
    arguments::{CompareArguments, SetupArguments},
    earlier::Earlier,
    launch::{Inputs, Plan, read_scenario, user_layers},
    progress,
    scenarios::Scenarios,
};

/// `clf compare`.
pub fn compare(arguments: &CompareArguments) -> Result<(), Error> {
    let comparison = match &arguments.scenario {
        Some(scenario) => Batch::prepare(arguments, scenario)?.run()?,
        None => Comparison::read(&arguments.runs)?,
    };
    if arguments.json {
        return print_json(&comparison);
    }
    let format = if arguments.markdown { Format::Markdown } else { Format::Text };
    let tables = [Some(comparison.metrics_table(format)), comparison.other_table(format)];
    let tables = tables.into_iter().flatten().chain([comparison.last_row_table(format), comparison.splits_line()]);
    print(&tables.collect::<Vec<_>>().join("\n\n"))
}

/// Runs that were all found possible, and what they share.
struct Batch {
    jobs: Vec<Job>,
    scenarios: Scenarios,
    inputs: Inputs,
}

struct Job {
    plan: Plan,
    folder: PathBuf,
    /// The folder holds this very run already.
    finished: bool,
}

impl Batch {
    /// Checks all runs before the first of them.
    fn prepare(arguments: &CompareArguments, scenario: &str) -> Result<Self, Error> {
        let setup = &arguments.setup;
        refuse_seeds(setup)?;
        let file = read_scenario(scenario, setup)?;
        let job = |plan: Plan| Job { folder: plan.folder(&arguments.out, &file), plan, finished: false };
        let mut jobs: Vec<Job> = plans(arguments, &file)?.into_iter().map(job).collect();
        jobs.iter().try_for_each(|job| RunStore::check_free(&job.folder, true))?;

        let data = setup.data.folder.open();
        let scenarios = Scenarios::open(&file, &data, jobs.iter().map(|job| &job.plan))?;
        let inputs = Inputs::load(setup, file.model(), &data.path)?;
        for job in &mut jobs {
            let scenario = scenarios.of(&job.plan)?;
            of_method(job.plan.entry.name, inputs.check(&job.plan, scenario))?;
            let environment = inputs.environment(&job.plan, scenario);
            let (name, config) = (job.plan.entry.name, job.plan.config.table());
            let settings = Settings::new(name, scenario.name(), config, &environment)?;
            let program = &environment.program_sha256;
            job.finished = is_finished(&job.folder, &settings, program, arguments.overwrite)?;
        }
        Ok(Self { jobs, scenarios, inputs })
    }

    /// Executes the runs that are not finished yet, and reads all of them.
    fn run(&self) -> Result<Comparison, Error> {
        let stop = stop_flag();
        for (i, Job { plan, folder, finished }) in self.jobs.iter().enumerate() {
            let label = format!("run {}/{}: {}, seed {}", i + 1, self.jobs.len(), plan.entry.name, plan.seed);
            if *finished {
                progress::say(&format!("{label}, finished earlier in {}", folder.display()));
            } else if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted { task: 0, step: 0 });
            } else {
                progress::say(&label);
                self.inputs.run(plan, self.scenarios.of(plan)?, folder, stop.clone())?;
            }
        }
        let folders: Vec<PathBuf> = self.jobs.iter().map(|job| job.folder.clone()).collect();
        Comparison::read(&folders)
    }
}

/// Refuses a seed in the settings, which every run would ignore.
fn refuse_seeds(setup: &SetupArguments) -> Result<(), Error> {
    match user_layers(setup, None)?.iter().find(|layer| layer.table.contains_key("seed")) {
        Some(layer) if layer.chosen => {
            Err(Error::config(&layer.origin, "the runs of a comparison have seeds 0, 1, ...; use --seeds COUNT"))
        }
        _ => Ok(()),
    }
}

/// Every method with every seed; all methods with one seed before any with the next.
fn plans(arguments: &CompareArguments, file: &ScenarioFile) -> Result<Vec<Plan>, Error> {
    let methods = &arguments.methods;
    if let Some((_, twice)) = methods.iter().enumerate().find(|(i, method)| methods[..*i].contains(method)) {
        return Err(Error::config("--methods", format!("{twice:?} is listed twice; name every method once")));
    }
    let runs = (0..arguments.seeds).flat_map(|seed| methods.iter().map(move |method| (method, seed)));
    runs.map(|(method, seed)| of_method(method, Plan::new(method, file, &arguments.setup, Some(seed)))).collect()
}

/// Names the method in an error about its settings; other errors name what they are about.
fn of_method<T>(method: &str, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|error| match error {
        Error::Unknown { kind, .. } if kind != "method" => Error::config(format!("method {method}"), error.to_string()),
        Error::Config { .. } => Error::config(format!("method {method}"), error.to_string()),
        error => error,
    })
}

/// Whether `folder` holds a finished run with these settings; one with others may only be replaced if asked for.
fn is_finished(folder: &Path, settings: &Settings, program: &str, overwrite: bool) -> Result<bool, Error> {
    let earlier = Earlier::find(folder, settings, program);
    match earlier.reason().filter(|_| !overwrite) {
        None => Ok(earlier == Earlier::Same),
        Some(reason) => {
            let reason = format!("{reason}; choose another folder with --out, or --overwrite to replace it");
            Err(Error::config(folder.display().to_string(), reason))
        }
    }
}
