//! Training steps of ZSCL.

use clap::{Args, ValueEnum};
use clf_core::{
    Error,
    clip::{Clip, Weights},
};
use serde::Serialize;
use toml::toml;

use crate::{
    Report,
    laps::{Laps, Spread},
    memory,
    model::CommonArguments,
    world::{Size, World},
};

/// Whether the teacher's features are computed in every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TeacherFeatures {
    /// In every step.
    Recompute,
    /// Once.
    Cached,
}

/// Arguments of `clf-bench step`; those that `torch_step.py` has too mean the same there.
#[derive(Debug, Clone, Args, Serialize)]
pub struct StepArguments {
    #[command(flatten)]
    #[serde(flatten)]
    /// What every measurement takes.
    pub common: CommonArguments,
    /// Images of the task in a step, and as many reference images.
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Classes of the task.
    #[arg(long, default_value_t = 100)]
    pub classes: usize,
    /// Reference texts.
    #[arg(long, default_value_t = 1000)]
    pub ref_texts: usize,
    /// Positions of a text; texts are cut to their true length of at most 16 whatever this is.
    #[arg(long, default_value_t = 77, value_parser = clap::value_parser!(u16).range(6..))]
    pub text_length: u16,
    /// The teacher's text features; cached is what the engine does by default.
    #[arg(long, value_enum, default_value = "cached")]
    pub teacher_text: TeacherFeatures,
    /// The teacher's image features: recompute gives it new reference images in every step, cached the same ones.
    #[arg(long, value_enum, default_value = "recompute")]
    pub teacher_image: TeacherFeatures,
    /// Leaves out the distance to the start weights.
    #[arg(long)]
    pub no_l2: bool,
    /// Timed steps.
    #[arg(long, default_value_t = 10)]
    pub steps: usize,
}

/// What was measured; the fields have the names that `torch_step.py` gives them.
#[derive(Debug, Serialize)]
pub struct StepReport {
    #[serde(flatten)]
    arguments: StepArguments,
    clf: &'static str,
    #[serde(flatten)]
    spread: Spread,
    peak_mib: Option<f64>,
}

impl Report for StepReport {
    fn line(&self) -> String {
        let StepArguments { common, batch, .. } = &self.arguments;
        let peak = self.peak_mib.unwrap_or(f64::NAN);
        format!("{} {} batch {batch}: {}, peak {peak:.0} MiB", common.model, common.device, self.spread.line())
    }
}

/// Times steps of a model with random weights.
///
/// # Errors
///
/// When the arguments cannot be used or the run fails.
pub fn measure(arguments: &StepArguments) -> Result<StepReport, Error> {
    let clip = arguments.common.open()?;
    let laps = steps(arguments, &clip)?;
    Ok(StepReport {
        arguments: arguments.clone(),
        clf: env!("CARGO_PKG_VERSION"),
        spread: laps.spread(arguments.common.warmup)?,
        peak_mib: memory::peak_mib().map(f64::round),
    })
}

/// Runs the steps, those of the warm-up included.
///
/// # Errors
///
/// When the arguments cannot be used or the run fails.
pub fn steps(arguments: &StepArguments, clip: &Clip) -> Result<Laps, Error> {
    let mut laps = Laps::default();
    let world = world(arguments, clip)?;
    let mut run = world.run("zscl", settings(arguments), clip.clone())?;
    run.observers.push(&mut laps);
    run.execute(Weights::of(clip))?;
    Ok(laps)
}

fn count(arguments: &StepArguments) -> usize {
    arguments.common.warmup + arguments.steps
}

fn world(arguments: &StepArguments, clip: &Clip) -> Result<World, Error> {
    use TeacherFeatures::{Cached, Recompute};
    if (arguments.teacher_text, arguments.teacher_image) == (Recompute, Cached) {
        let reason = "the engine caches texts wherever it caches images; recompute both or cache the texts too";
        return Err(Error::config("--teacher-image cached", reason));
    }
    let all = arguments.batch * count(arguments);
    let size = Size {
        tasks: 1,
        classes: arguments.classes,
        train: all,
        test: 1,
        templates: 1,
        reference_images: if arguments.teacher_image == Cached { arguments.batch } else { all },
        reference_texts: arguments.ref_texts,
        text_length: usize::from(arguments.text_length),
        scored: false,
    };
    Ok(World::new(&size, clip.config()))
}

/// The recipe of ZSCL, without the random crop: `torch_step.py` has its images on the device already.
fn settings(arguments: &StepArguments) -> toml::Table {
    // The engine runs one step more than it is told, the end point of the schedule.
    let steps = count(arguments).saturating_sub(1) as i64;
    let batch = arguments.batch as i64;
    let cache = arguments.teacher_text == TeacherFeatures::Cached;
    let precision = arguments.common.precision.as_str();
    let mut table = toml! {
        precision = precision
        [train]
        steps = steps
        batch-size = batch
        reference-batch-size = batch
        augment = "none"

        [hook.distill]
        cache = cache
    };
    if arguments.no_l2 {
        table.insert("hooks".to_owned(), vec!["distill", "weight-ensemble"].into());
    }
    table
}
