//! One page about runs: `clf report`.
//!
//! The page is one file that needs nothing else: no network, no fonts, no libraries. It can be read without its script,
//! which sorts tables, filters settings and switches between light and dark.

mod config_table;
mod curves;
mod fairness_table;
mod page;
mod run;
mod section;
mod significance_table;
mod steps;
mod tables;
mod text;
mod training;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use clf_core::{Error, store::write_atomically};

use crate::charts::{Fonts, png};
use run::ReportRun;
use section::{Section, read_sections};

/// A report on runs, finished or not, of one scenario or of several.
pub struct Report {
    sections: Vec<Section>,
}

/// What became of the figures of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Paths of the drawings.
    pub drawings: Vec<PathBuf>,
    /// Paths of the pictures: one for every drawing, or none where no font is installed.
    pub pictures: Vec<PathBuf>,
}

impl Report {
    /// Reads run folders. Runs that belong into one table share a section; others get sections of their own.
    ///
    /// # Errors
    ///
    /// When a folder holds no run, is named twice, or a file is missing or damaged.
    pub fn read(folders: &[PathBuf]) -> Result<Self, Error> {
        if folders.is_empty() {
            return Err(Error::config("report", "there are no runs; name run folders"));
        }
        Ok(Self { sections: read_sections(folders)? })
    }

    /// Holds all other methods of a section against `name` in the tests of significance, where the section has it.
    ///
    /// # Errors
    ///
    /// When no section has such a method.
    pub fn with_baseline(mut self, name: &str) -> Result<Self, Error> {
        let mut found = false;
        for section in &mut self.sections {
            if let Some(at) = section.series.iter().position(|series| series.label == name) {
                (section.baseline, found) = (at, true);
            }
        }
        if found {
            return Ok(self);
        }
        let known = self.sections.iter().flat_map(|section| &section.series).map(|series| series.label.as_str());
        Err(Error::unknown("method of this report", name, known))
    }

    /// The page.
    pub fn to_html(&self) -> String {
        page::page(self)
    }

    /// Writes the page, in place of an earlier report and of nothing else.
    ///
    /// # Errors
    ///
    /// When `path` is something else already, or cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        // A pipe or device has no content to look at.
        if path.exists() && !(path.is_file() && is_report(path)) {
            let reason = "it is there already and is no report of clf; choose another place with --out";
            return Err(Error::config(path.display().to_string(), reason));
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
        }
        write_atomically(path, self.to_html().as_bytes())
    }

    /// Writes every chart as a drawing (SVG) and as a picture (PNG).
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn write_figures(&self, folder: &Path) -> Result<Figures, Error> {
        fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
        let fonts = Fonts::of_the_system();
        let mut written = Figures { drawings: Vec::new(), pictures: Vec::new() };
        let mut names = BTreeSet::new();
        for (i, section) in self.sections.iter().enumerate() {
            let anchor = page::anchor(self, i);
            for figure in page::figures(section) {
                let svg = figure.drawing().standalone();
                let path = folder.join(unused(&format!("{anchor}-{}", figure.name), &mut names) + ".svg");
                write_atomically(&path, svg.as_bytes())?;
                if let Some(fonts) = &fonts {
                    let picture = path.with_extension("png");
                    write_atomically(&picture, &png(&svg, fonts)?)?;
                    written.pictures.push(picture);
                }
                written.drawings.push(path);
            }
        }
        Ok(written)
    }

    fn runs(&self) -> impl Iterator<Item = &ReportRun> {
        self.sections.iter().flat_map(Section::runs)
    }
}

/// `name`, with a number where it is used already: plain file names can be equal where labels differ.
fn unused(name: &str, names: &mut BTreeSet<String>) -> String {
    let candidates = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name}-{number}")));
    let free = candidates.into_iter().find(|candidate| !names.contains(candidate)).unwrap_or_default();
    names.insert(free.clone());
    free
}

/// Whether a file begins as reports do.
fn is_report(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.contains(page::GENERATOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_figure_replaces_another_one() {
        let mut names = BTreeSet::new();
        let given = ["a", "a", "b", "a"].map(|name| unused(name, &mut names));
        assert_eq!(given, ["a", "a-2", "b", "a-3"]);
    }
}
