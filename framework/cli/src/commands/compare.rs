use std::{path::PathBuf, sync::atomic::Ordering};

use clf_core::Error;
use clf_report::{Comparison, Fairness, Format, latex_comment};
use clf_scenarios::ScenarioFile;

use super::{print, print_json, stop_flag};
use crate::{
    arguments::{CheckpointArguments, CompareArguments, ComparisonArguments, OutputFormat, SetupArguments},
    earlier::Earlier,
    launch::{Inputs, Place, Plan, read_scenario, user_layers},
    progress, run_folders,
    scenarios::Scenarios,
};

/// `clf compare`.
pub fn compare(arguments: &CompareArguments) -> Result<(), Error> {
    check_baseline(arguments)?;
    let comparison = match &arguments.scenario {
        Some(scenario) => Batch::prepare(arguments, scenario)?.run()?,
        None => run_folders::check_all("compare", &arguments.runs).and_then(|()| Comparison::read(&arguments.runs))?,
    };
    let comparison = match &arguments.shown.baseline {
        Some(baseline) => comparison.with_baseline(baseline)?,
        None => comparison,
    };
    show(&comparison, &arguments.shown)?;
    if arguments.shown.strict { check_fair(&comparison.fairness(), &arguments.shown.allow) } else { Ok(()) }
}

/// Refuses a baseline that will not be run, before the first run.
fn check_baseline(arguments: &CompareArguments) -> Result<(), Error> {
    match &arguments.shown.baseline {
        Some(name) if arguments.scenario.is_some() && !arguments.methods.contains(name) => {
            let known = arguments.methods.iter().map(String::as_str);
            Err(Error::unknown("method of this comparison", name, known))
        }
        _ => Ok(()),
    }
}

/// Prints a comparison.
fn show(comparison: &Comparison, shown: &ComparisonArguments) -> Result<(), Error> {
    match shown.chosen() {
        OutputFormat::Json => print_json(comparison),
        OutputFormat::Csv => print(comparison.csv().trim_end_matches('\n')),
        OutputFormat::Text => print(&tables(comparison, Format::Text, shown.per_task)),
        OutputFormat::Markdown => print(&tables(comparison, Format::Markdown, shown.per_task)),
        OutputFormat::Latex => print(&tables(comparison, Format::Latex, shown.per_task)),
    }
}

/// All tables and sentences; in LaTeX, sentences are comments.
fn tables(comparison: &Comparison, format: Format, per_task: bool) -> String {
    let sentence = |text: String| if format == Format::Latex { latex_comment(&text) } else { text };
    let (fairness, significance) = (comparison.fairness(), comparison.significance());
    let needs = (format == Format::Latex).then(|| "needs \\usepackage{booktabs}".to_owned());
    let mut parts: Vec<Option<String>> = vec![needs.map(sentence), Some(comparison.metrics_table(format))];
    parts.push(comparison.published().map(|published| sentence(published.line())));
    parts.extend([comparison.other_table(format), comparison.cost_table(format)]);
    parts.push(Some(comparison.last_row_table(format)));
    if per_task {
        parts.extend(comparison.task_tables(format).into_iter().map(Some));
    }
    if let Some(significance) = significance {
        parts.extend([significance.table(format), significance.line().map(sentence)]);
    }
    parts.extend([fairness.table(format), Some(sentence(fairness.line())), Some(sentence(comparison.splits_line()))]);
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// Refuses methods that were not run with the same.
fn check_fair(fairness: &Fairness, allowed: &[String]) -> Result<(), Error> {
    let differing = fairness.differing(allowed);
    if differing.is_empty() {
        return Ok(());
    }
    let reason =
        format!("not the same for all methods: {}; --allow THING,... accepts a difference", differing.join("; "));
    Err(Error::config("--strict", reason))
}

/// Runs that were all found possible, and what they share.
struct Batch {
    jobs: Vec<Job>,
    scenarios: Scenarios,
    inputs: Inputs,
    checkpoints: CheckpointArguments,
    overwrite: bool,
}

struct Job {
    plan: Plan,
    folder: PathBuf,
}

impl Batch {
    /// Checks all runs before the first of them.
    fn prepare(arguments: &CompareArguments, scenario: &str) -> Result<Self, Error> {
        let setup = &arguments.setup;
        refuse_seeds(setup)?;
        let file = read_scenario(scenario, setup)?;
        let job = |plan: Plan| Job { folder: plan.folder(&arguments.out, &file), plan };
        let jobs: Vec<Job> = plans(arguments, &file)?.into_iter().map(job).collect();

        let data = setup.data.folder.open();
        let scenarios = Scenarios::open(&file, &data, jobs.iter().map(|job| &job.plan))?;
        let inputs = Inputs::load(setup, file.model(), &data.path)?;
        for job in &jobs {
            let scenario = scenarios.of(&job.plan)?;
            of_method(job.plan.entry.name, inputs.check(&job.plan, scenario))?;
            inputs.earlier(&job.plan, scenario, &job.folder)?.or_refuse(&job.folder, arguments.overwrite)?;
        }
        let (checkpoints, overwrite) = (arguments.checkpoints, arguments.overwrite);
        Ok(Self { jobs, scenarios, inputs, checkpoints, overwrite })
    }

    /// Executes the runs that are not finished yet, and reads all of them.
    fn run(&self) -> Result<Comparison, Error> {
        let stop = stop_flag();
        for (i, Job { plan, folder }) in self.jobs.iter().enumerate() {
            // Again, since others may have worked on it while the runs before went on.
            let scenario = self.scenarios.of(plan)?;
            let earlier = self.inputs.earlier(plan, scenario, folder)?.or_refuse(folder, self.overwrite)?;
            let label = format!("run {}/{}: {}, seed {}", i + 1, self.jobs.len(), plan.entry.name, plan.seed);
            if earlier == Earlier::Finished {
                progress::say(&format!("{label}, finished earlier in {}", folder.display()));
            } else if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped("between two runs; the same command goes on with the next one".to_owned()));
            } else {
                progress::say(&label);
                let goes_on = earlier == Earlier::Begun;
                let place = Place { folder, goes_on, checkpoints: self.checkpoints };
                self.inputs.run(plan, scenario, &place, stop.clone())?;
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
