//! Refuses a sweep in which some point could not start, before the first of them does.

use clap::Parser;
use clf_core::{Error, clip::Precision, store::RunStore};
use clf_scenarios::ScenarioFile;

use super::{Place, file::SweepFile, point::Point};
use crate::{
    arguments::{Arguments, Command, RunArguments, SetupArguments},
    earlier::Earlier,
    launch::{Inputs, Plan, read_scenario},
    scenarios::Scenarios,
};

/// The scenario of `file`, as all its runs see it.
///
/// # Errors
///
/// When there is none, or a flag of the runs is wrong.
pub fn scenario(file: &SweepFile, place: &Place, points: &[Point]) -> Result<ScenarioFile, Error> {
    let first = points.first().ok_or_else(|| Error::Defect("a sweep without points".to_owned()))?;
    read_scenario(&file.scenario, &parse(file, place, first)?.setup)
}

/// Checks every point as its run will, and says what is in its folder already.
///
/// # Errors
///
/// Those of the first point that could not start.
pub fn check(
    file: &SweepFile,
    place: &Place,
    points: &[Point],
    scenario_file: &ScenarioFile,
) -> Result<Vec<Earlier>, Error> {
    let varied = file.varied();
    let of_point = |point: &Point, error| of_point(&point.label(&varied), error);
    let plan = |point: &Point| {
        RunStore::check_ours(&place.run(&point.name))?;
        Checked::new(parse(file, place, point)?, scenario_file)
    };
    let plans = points.iter().map(|point| plan(point).map_err(|error| of_point(point, error)));
    let plans: Vec<Checked> = plans.collect::<Result<_, _>>()?;
    let Some(Checked { setup, .. }) = plans.first() else { return Ok(Vec::new()) };
    let data = setup.data.folder.open();
    let scenarios = Scenarios::open(scenario_file, &data, plans.iter().map(|checked| &checked.plan))?;
    let inputs = Inputs::load(setup, scenario_file.model(), &data.path)?;
    let checked = points.iter().zip(&plans).map(|(point, Checked { plan, trial, .. })| {
        let scenario = scenarios.of(plan)?;
        inputs.check(trial, scenario).map_err(|error| of_point(point, error))?;
        inputs.earlier(plan, scenario, &place.run(&point.name))
    });
    checked.collect()
}

/// A run whose settings are known.
struct Checked {
    setup: SetupArguments,
    plan: Plan,
    /// The same in 32 bits: the CPU, on which all is tried, may not have the arithmetic of the run.
    trial: Plan,
}

impl Checked {
    fn new(run: RunArguments, scenario: &ScenarioFile) -> Result<Self, Error> {
        let RunArguments { method, mut setup, seed, .. } = run;
        let plan = Plan::new(&method, scenario, &setup, seed)?;
        let asked = setup.precision.precision.replace(Precision::F32.name().to_owned());
        let trial = Plan::new(&method, scenario, &setup, seed)?;
        setup.precision.precision = asked;
        Ok(Self { setup, plan, trial })
    }
}

/// The arguments of a run as the program reads them, for a trial on the CPU: devices are opened by the runs themselves.
fn parse(file: &SweepFile, place: &Place, point: &Point) -> Result<RunArguments, Error> {
    let arguments = point.arguments(file, place, Some("cpu"));
    match Arguments::try_parse_from(std::iter::once("clf".to_owned()).chain(arguments)) {
        Ok(Arguments { command: Command::Run(run), .. }) => Ok(run),
        Ok(_) => Err(Error::Defect("a point is no run".to_owned())),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            Err(Error::config("a flag of the runs", first))
        }
    }
}

/// Names the point in an error about its settings; other errors name what they are about.
fn of_point(label: &str, error: Error) -> Error {
    match error {
        Error::Unknown { .. } | Error::Config { .. } | Error::Capability { .. } => {
            Error::config(format!("point {label}"), error.to_string())
        }
        error => error,
    }
}
