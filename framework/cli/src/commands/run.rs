use std::path::Path;

use clf_core::{
    Error,
    store::{RunStore, read_environment, read_run},
};
use clf_report::{matrix_table, metrics_table, other_line, splits_line};

use super::{print, print_json, stop_flag};
use crate::{
    arguments::RunArguments,
    earlier::Earlier,
    launch::{Inputs, Place, Plan, read_scenario},
    paths, progress,
};

/// `clf run`.
pub fn run(arguments: &RunArguments) -> Result<(), Error> {
    let setup = &arguments.setup;
    let file = read_scenario(&arguments.scenario, setup)?;
    let plan = Plan::new(&arguments.method, &file, setup, arguments.seed)?;
    let folder = arguments.out.clone().unwrap_or_else(|| plan.folder(Path::new(paths::RUNS), &file));
    RunStore::check_ours(&folder)?;

    let data = setup.data.folder.open();
    let scenario = file.open(&data, plan.needs)?;
    let inputs = Inputs::load(setup, file.model(), &data.path)?;
    let found = || inputs.earlier(&plan, &*scenario, &folder)?.or_refuse(&folder, false);
    let earlier = if arguments.overwrite { Earlier::Nothing } else { found()? };
    if earlier == Earlier::Finished {
        progress::say(&format!("finished earlier in {}; --overwrite repeats it", folder.display()));
    } else {
        let place = Place { folder: &folder, goes_on: earlier == Earlier::Begun, checkpoints: arguments.checkpoints };
        inputs.run(&plan, &*scenario, &place, stop_flag())?;
    }
    show(&folder, arguments.json)
}

fn show(folder: &Path, json: bool) -> Result<(), Error> {
    let (result, matrix) = read_run(folder)?;
    if json {
        return print_json(&result);
    }
    print(&matrix_table(&matrix))?;
    let untouched = matrix.untouched().metrics(&result.procedure);
    print(&metrics_table(&result.method, &matrix.metrics(&result.procedure), &untouched))?;
    if let Some(line) = other_line(&result) {
        print(&line)?;
    }
    print(&splits_line(&read_environment(folder)?.tasks))?;
    print(&format!("{} s, {}", result.seconds.round(), folder.display()))
}
