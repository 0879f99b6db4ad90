//! The script of a job array.

use std::path::Path;

use clf_core::Error;

use super::SlurmSettings;
use crate::sweep::{Place, keys::as_text, point::Point};

/// What all scripts of a sweep have in common.
pub struct Script<'a> {
    /// How Slurm is asked.
    pub settings: &'a SlurmSettings,
    /// This program.
    pub program: &'a Path,
    /// The file of the sweep.
    pub file: &'a Path,
    /// Where the files of the sweep are.
    pub place: &'a Place,
    /// The folder in which the sweep was started, where its relative paths begin.
    pub folder: &'a Path,
    /// Name of the job.
    pub name: &'a str,
    /// The device of all runs, if it was said on the command line.
    pub device: Option<&'a str>,
}

impl Script<'_> {
    /// The script for `points`, a task each.
    ///
    /// # Errors
    ///
    /// When a path cannot stand in a script.
    pub fn text(&self, points: &[&Point]) -> Result<String, Error> {
        let mut lines = vec!["#!/bin/bash".to_owned()];
        lines.extend(self.options(points.len())?.into_iter().map(|option| format!("#SBATCH {option}")));
        lines.push(String::new());
        lines.push("# Written by clf sweep; a task a point.".to_owned());
        lines.push("points=(".to_owned());
        lines.extend(points.iter().map(|point| format!("  {}", point.name)));
        lines.push(")".to_owned());
        if self.settings.cpus_per_task.is_some() {
            lines.push("export RAYON_NUM_THREADS=\"$SLURM_CPUS_PER_TASK\"".to_owned());
        }
        lines.extend(self.settings.setup.iter().cloned());
        lines.push(
            "# In place of the shell, so that it gets the signals of Slurm; it requeues the task itself.".to_owned(),
        );
        lines.push(self.command()?);
        Ok(lines.join("\n") + "\n")
    }

    fn command(&self) -> Result<String, Error> {
        let device = self.device.map_or_else(String::new, |device| format!(" --devices {device}"));
        Ok(format!(
            "exec {} sweep {} --out {}{device} --point \"${{points[$SLURM_ARRAY_TASK_ID]}}\"",
            quoted(self.program)?,
            quoted(self.file)?,
            quoted(self.place.out())?,
        ))
    }

    fn options(&self, count: usize) -> Result<Vec<String>, Error> {
        let SlurmSettings { max_parallel, signal_seconds, extra, .. } = self.settings;
        let limit = max_parallel.map_or_else(String::new, |limit| format!("%{limit}"));
        let mut options = vec![
            format!("--job-name={}", option(self.name)?),
            format!("--array=0-{}{limit}", count - 1),
            format!("--chdir={}", option(&self.folder.display().to_string())?),
            // The number of the task, after the folder, whose own percent signs would stand for something.
            format!("--output={}", option(&format!("{}/%A_%a.log", percent(&self.place.slurm())))?),
            "--open-mode=append".to_owned(),
            "--requeue".to_owned(),
            format!("--signal=B:USR1@{signal_seconds}"),
        ];
        for (name, value) in self.chosen() {
            options.push(format!("--{name}={}", option(&value)?));
        }
        options.extend(extra.iter().map(|line| line.trim_start_matches("#SBATCH ").to_owned()));
        Ok(options)
    }

    /// What the user chose, by the name of the option.
    fn chosen(&self) -> Vec<(&'static str, String)> {
        let texts =
            self.settings.texts().into_iter().filter_map(|(name, value)| Some((name, as_text(value.as_ref()?))));
        // The oldest option for GPUs, which every Slurm has.
        let texts =
            texts.map(|(name, value)| if name == "gpus" { ("gres", format!("gpu:{value}")) } else { (name, value) });
        let cores = self.settings.cpus_per_task.map(|cores| ("cpus-per-task", cores.to_string()));
        texts.chain(cores).collect()
    }
}

/// `path` for a shell.
fn quoted(path: &Path) -> Result<String, Error> {
    let text = path.to_str().ok_or_else(|| unusable(&path.display().to_string()))?;
    shlex::try_quote(text).map(std::borrow::Cow::into_owned).map_err(|_| unusable(text))
}

/// A value of an option of `sbatch`.
fn option(value: &str) -> Result<String, Error> {
    if value.contains(['"', '\n', '\\']) {
        return Err(unusable(value));
    }
    Ok(if value.contains(char::is_whitespace) { format!("\"{value}\"") } else { value.to_owned() })
}

/// A path in which nothing stands for something else.
fn percent(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

fn unusable(value: &str) -> Error {
    Error::config(value, "it cannot stand in a job script; choose a name without quotes, backslashes and line breaks")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(settings: &str, count: usize) -> String {
        let settings: SlurmSettings = toml::from_str(settings).unwrap();
        settings.check().unwrap();
        let points: Vec<Point> = (0..count)
            .map(|i| Point {
                name: format!("zscl-{i}"),
                group: String::new(),
                method: "zscl".into(),
                seed: 0,
                settings: [].into(),
            })
            .collect();
        let script = Script {
            settings: &settings,
            program: Path::new("/opt/my clf"),
            file: Path::new("/home/me/lr.toml"),
            place: &Place::new("/home/me/100% runs".into()),
            folder: Path::new("/home/me"),
            name: "clf-lr",
            device: None,
        };
        script.text(&points.iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_script_has_an_option_for_every_setting() {
        let text = text(
            "partition = 'gpu'\ntime = 08:00:00\nmem = '16G'\ncpus-per-task = 4\ngpus = 1\nmax-parallel = 2\n\
             extra = ['--mail-type=FAIL', '#SBATCH --nice=5']\nsetup = ['module load cuda']",
            3,
        );
        for line in [
            "#SBATCH --array=0-2%2",
            "#SBATCH --partition=gpu",
            "#SBATCH --time=08:00:00",
            "#SBATCH --mem=16G",
            "#SBATCH --cpus-per-task=4",
            "#SBATCH --gres=gpu:1",
            "#SBATCH --mail-type=FAIL",
            "#SBATCH --nice=5",
            "#SBATCH --requeue",
            "#SBATCH --signal=B:USR1@120",
            "#SBATCH --output=\"/home/me/100%% runs/slurm/%A_%a.log\"",
            "  zscl-2",
            "module load cuda",
        ] {
            assert!(text.lines().any(|other| other == line), "no {line} in\n{text}");
        }
        let last = "exec '/opt/my clf' sweep /home/me/lr.toml --out '/home/me/100% runs' --point \"${points[$SLURM_ARRAY_TASK_ID]}\"";
        assert_eq!(text.lines().last(), Some(last));
        let options = text.lines().skip(1).take_while(|line| !line.is_empty());
        assert!(
            options.into_iter().all(|line| line.starts_with("#SBATCH ")),
            "options come before all commands\n{text}"
        );
    }

    #[test]
    fn what_is_not_set_is_left_to_slurm() {
        let text = text("", 1);
        assert!(text.contains("--array=0-0\n"), "{text}");
        for name in ["--partition", "--mem", "--gres", "--time", "RAYON"] {
            assert!(!text.contains(name), "{text}");
        }
    }

    #[test]
    fn options_that_are_none_are_refused() {
        for wrong in ["extra = ['rm -rf x']", "max-parallel = 0", "gpus = [1]"] {
            let settings: SlurmSettings = toml::from_str(wrong).unwrap();
            assert!(settings.check().is_err(), "{wrong}");
        }
    }
}
