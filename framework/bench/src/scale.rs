//! Whether time per unit and peak memory stay flat when a run grows.

use std::{path::Path, process::Command};

use clap::Args;
use clf_core::{
    Error,
    clip::Weights,
    engine::{Event, Observer},
};
use serde::{Deserialize, Serialize};
use toml::toml;

use crate::{
    Report,
    laps::Laps,
    memory,
    model::CommonArguments,
    print,
    world::{Size, World},
};

/// Arguments of `clf-bench scale`.
#[derive(Debug, Clone, Args)]
pub struct ScaleArguments {
    /// Model of all runs.
    #[arg(long, default_value = "mini")]
    pub model: String,
    /// cpu, cuda:N or auto.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Threads of the CPU.
    #[arg(long, default_value_t = 2)]
    pub threads: u16,
    /// The largest size of everything is this many times smaller, for a quick look.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=8))]
    pub shrink: u16,
}

/// Arguments of `clf-bench world`: one run in a process of its own, whose peak memory is that of the run.
#[derive(Debug, Clone, Args)]
pub struct WorldArguments {
    #[command(flatten)]
    /// What every measurement takes.
    pub common: CommonArguments,
    #[command(flatten)]
    /// What every measurement takes.
    pub extent: Extent,
}

/// What a run grows in.
#[derive(Debug, Clone, Copy, Args, Serialize, Deserialize)]
pub struct Extent {
    /// Tasks.
    #[arg(long, default_value_t = 2)]
    pub tasks: usize,
    /// Steps of each task.
    #[arg(long, default_value_t = 12)]
    pub steps: usize,
    /// Classes of each task.
    #[arg(long, default_value_t = 10)]
    pub classes: usize,
    /// Training images of each task.
    #[arg(long, default_value_t = 256)]
    pub train: usize,
    /// Test images of each task.
    #[arg(long, default_value_t = 64)]
    pub test: usize,
    /// Reference texts.
    #[arg(long, default_value_t = 200)]
    pub ref_texts: usize,
}

/// The least of anything; a run needs more steps than its warm-up has.
const SMALLEST: usize = 4;
/// Images of the task in a step, and as many reference images.
const BATCH: usize = 16;
/// Reference images of every run.
const REFERENCE_IMAGES: usize = 256;

/// What one run took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorldReport {
    ms_per_step: f64,
    ms_per_scored_image: f64,
    seconds: f64,
    peak_mib: f64,
}

impl Report for WorldReport {
    fn line(&self) -> String {
        format!("{:.1} ms a step, {:.2} ms a scored image", self.ms_per_step, self.ms_per_scored_image)
    }
}

/// Splits the time of a run.
#[derive(Default)]
struct Watch {
    steps: Laps,
    scoring: Laps,
    scored: usize,
}

impl Observer for Watch {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::EvaluationStarted { .. } => self.scoring.start(),
            Event::Scored { images } => {
                self.scored += images;
                self.scoring.lap();
            }
            _ => self.steps.on_event(event)?,
        }
        Ok(())
    }
}

/// Executes a run of this extent.
///
/// # Errors
///
/// When the arguments cannot be used or the run fails.
pub fn measure_here(arguments: &WorldArguments) -> Result<WorldReport, Error> {
    let clip = arguments.common.open()?;
    let extent = arguments.extent;
    let size = Size {
        tasks: extent.tasks,
        classes: extent.classes,
        train: extent.train,
        test: extent.test,
        templates: 1,
        reference_images: REFERENCE_IMAGES,
        reference_texts: extent.ref_texts,
        text_length: clip.config().text.context_length,
        scored: true,
    };
    let world = World::new(&size, clip.config());
    let (steps, batch) = (extent.steps.saturating_sub(1) as i64, BATCH as i64);
    let settings = toml! {
        [train]
        steps = steps
        batch-size = batch
        reference-batch-size = batch
    };
    let started = std::time::Instant::now();
    let mut watch = Watch::default();
    let mut run = world.run("zscl", settings, clip.clone())?;
    run.observers.push(&mut watch);
    run.execute(Weights::of(&clip))?;
    Ok(WorldReport {
        ms_per_step: watch.steps.spread(arguments.common.warmup)?.ms_median,
        ms_per_scored_image: watch.scoring.total() / watch.scored as f64,
        seconds: started.elapsed().as_secs_f64(),
        peak_mib: memory::peak_mib().unwrap_or(f64::NAN),
    })
}

/// One thing that grows: its name, the sizes it takes, and what a unit of it costs.
struct Growth {
    name: &'static str,
    sizes: [usize; 3],
    set: fn(&mut Extent, usize),
    unit: Unit,
}

/// What should stay flat.
#[derive(Clone, Copy)]
enum Unit {
    Step,
    ScoredImage,
    /// Of the time of a step, what one thing more adds.
    Added,
}

const GROWTHS: [Growth; 6] = [
    Growth { name: "steps of a task", sizes: [12, 48, 192], set: |e, n| e.steps = n, unit: Unit::Step },
    Growth { name: "tasks", sizes: [2, 8, 32], set: |e, n| e.tasks = n, unit: Unit::Step },
    Growth { name: "training images", sizes: [256, 4096, 65536], set: |e, n| e.train = n, unit: Unit::Step },
    Growth { name: "test images", sizes: [64, 256, 1024], set: |e, n| e.test = n, unit: Unit::ScoredImage },
    Growth { name: "classes", sizes: [10, 110, 210], set: |e, n| e.classes = n, unit: Unit::Added },
    Growth { name: "reference texts", sizes: [200, 4200, 8200], set: |e, n| e.ref_texts = n, unit: Unit::Added },
];

/// Runs everything, each in a process of its own, and prints a Markdown table.
///
/// # Errors
///
/// When a run fails.
pub fn print_table(arguments: &ScaleArguments) -> Result<(), Error> {
    print("| grows | to | ms/step | ms/scored image | ms/unit | growth of it | peak MiB | growth of it |")?;
    print("|---|---|---|---|---|---|---|---|")?;
    for growth in &GROWTHS {
        let mut rows: Vec<(usize, WorldReport)> = Vec::new();
        let shrink = usize::from(arguments.shrink);
        let mut sizes = growth.sizes.map(|size| (size / shrink).max(size.min(SMALLEST))).to_vec();
        sizes.dedup();
        for size in sizes {
            rows.push((size, measure_apart(arguments, growth, size)?));
            print(&line(growth, &rows))?;
        }
    }
    print(
        "\nThe unit is a step, for test images a scored image; for classes and reference texts it is what one more of \
         them adds to a step.",
    )
}

/// The last of `rows`, compared with the first that has a value.
fn line(growth: &Growth, rows: &[(usize, WorldReport)]) -> String {
    let Some(((_, first), (size, last))) = rows.first().zip(rows.last()) else { return String::new() };
    let (unit, base) = (unit(growth.unit, rows, rows.len() - 1), unit(growth.unit, rows, 0));
    // What is added is known from the second row on.
    let base = base.or_else(|| self::unit(growth.unit, rows, 1));
    let number =
        |value: Option<f64>, digits: usize| value.map_or_else(String::new, |value| format!("{value:.digits$}"));
    format!(
        "| {} | {size} | {:.1} | {:.3} | {} | {} | {:.0} | {:.2} |",
        growth.name,
        last.ms_per_step,
        last.ms_per_scored_image,
        number(unit, 3),
        number(unit.zip(base).map(|(unit, base)| unit / base), 2),
        last.peak_mib,
        last.peak_mib / first.peak_mib,
    )
}

fn unit(unit: Unit, rows: &[(usize, WorldReport)], at: usize) -> Option<f64> {
    let (size, report) = rows.get(at)?;
    match unit {
        Unit::Step => Some(report.ms_per_step),
        Unit::ScoredImage => Some(report.ms_per_scored_image),
        Unit::Added => {
            let (before, earlier) = rows.get(at.checked_sub(1)?)?;
            Some((report.ms_per_step - earlier.ms_per_step) / size.checked_sub(*before)? as f64)
        }
    }
}

fn measure_apart(arguments: &ScaleArguments, growth: &Growth, size: usize) -> Result<WorldReport, Error> {
    let own = std::env::current_exe().map_err(|error| Error::io("find", "the program itself", error))?;
    let mut extent = Extent { tasks: 2, steps: 12, classes: 10, train: 256, test: 64, ref_texts: 200 };
    (growth.set)(&mut extent, size);
    let Extent { tasks, steps, classes, train, test, ref_texts } = extent;
    let numbers = [
        ("--tasks", tasks),
        ("--steps", steps),
        ("--classes", classes),
        ("--train", train),
        ("--test", test),
        ("--ref-texts", ref_texts),
        ("--threads", usize::from(arguments.threads)),
    ];
    let mut command = Command::new(&own);
    command.args(["world", "--model", &arguments.model, "--device", &arguments.device]);
    for (flag, value) in numbers {
        command.args([flag, &value.to_string()]);
    }
    read(&mut command, &own)
}

fn read(command: &mut Command, own: &Path) -> Result<WorldReport, Error> {
    let output = command.output().map_err(|error| Error::io("start", own, error))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(Error::Device(format!("a run ended with {}: {}", output.status, stderr.trim())));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| Error::Defect(format!("the report of a run: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ms_per_step: f64) -> WorldReport {
        WorldReport { ms_per_step, ms_per_scored_image: 1.0, seconds: 1.0, peak_mib: 100.0 }
    }

    #[test]
    fn what_a_class_adds_is_the_slope_between_two_rows() {
        let rows = [(10, report(20.0)), (110, report(70.0)), (210, report(130.0))];
        assert_eq!(unit(Unit::Added, &rows, 0), None);
        assert_eq!(unit(Unit::Added, &rows, 1), Some(0.5));
        let text = line(&GROWTHS[4], &rows);
        assert_eq!(text, "| classes | 210 | 130.0 | 1.000 | 0.600 | 1.20 | 100 | 1.00 |");
    }
}
