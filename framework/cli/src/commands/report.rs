use std::path::{Path, PathBuf};

use clf_core::Error;
use clf_report::Report;

use super::print;
use crate::{arguments::ReportArguments, progress, run_folders};

/// Name of the page unless the user gives another.
const PAGE: &str = "report.html";

/// `clf report`.
pub fn report(arguments: &ReportArguments) -> Result<(), Error> {
    run_folders::check_all("report", &arguments.runs)?;
    let out = place(arguments);
    let report = Report::read(&arguments.runs)?;
    let report = match &arguments.baseline {
        Some(baseline) => report.with_baseline(baseline)?,
        None => report,
    };
    report.write(&out)?;
    print(&out.display().to_string())?;
    arguments.figures.as_deref().map_or(Ok(()), |folder| figures(&report, folder))
}

fn place(arguments: &ReportArguments) -> PathBuf {
    match (&arguments.out, &arguments.runs[..]) {
        (Some(out), _) => out.clone(),
        (None, [run]) => run.join(PAGE),
        (None, _) => PathBuf::from(PAGE),
    }
}

fn figures(report: &Report, folder: &Path) -> Result<(), Error> {
    let written = report.write_figures(folder)?;
    if written.pictures.is_empty() {
        progress::say(
            "no font is installed, so the charts are there as SVG and not as PNG; install fonts-dejavu-core or another font",
        );
    }
    written.drawings.iter().chain(&written.pictures).try_for_each(|path| print(&path.display().to_string()))
}
