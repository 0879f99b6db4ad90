use clf_core::Error;
use clf_report::Why;

use super::{print, print_json};
use crate::{arguments::WhyArguments, run_folders};

/// `clf why`.
pub fn why(arguments: &WhyArguments) -> Result<(), Error> {
    run_folders::check_each("why", &[&arguments.left, &arguments.right])?;
    let why = Why::read(&arguments.left, &arguments.right)?;
    if arguments.json { print_json(&why) } else { print(&why.to_text()) }
}
