//! Scoring of test images.

use clap::Args;
use clf_core::{
    Error,
    clip::Clip,
    config::Config,
    engine::Evaluator,
    registry::{self, MethodEntry},
};
use serde::Serialize;

use crate::{
    Report,
    laps::{Laps, Spread},
    memory,
    model::{CommonArguments, SEED},
    world::{Size, World},
};

/// Arguments of `clf-bench eval`.
#[derive(Debug, Clone, Args, Serialize)]
pub struct EvalArguments {
    #[command(flatten)]
    #[serde(flatten)]
    /// What every measurement takes.
    pub common: CommonArguments,
    /// Images scored at once.
    #[arg(long, default_value_t = 128)]
    pub batch: usize,
    /// Classes that compete.
    #[arg(long, default_value_t = 100)]
    pub classes: usize,
    /// Timed batches.
    #[arg(long, default_value_t = 10)]
    pub steps: usize,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct EvalReport {
    #[serde(flatten)]
    arguments: EvalArguments,
    clf: &'static str,
    #[serde(flatten)]
    spread: Spread,
    images_per_second: f64,
    peak_mib: Option<f64>,
}

impl Report for EvalReport {
    fn line(&self) -> String {
        let EvalArguments { common, batch, .. } = &self.arguments;
        let (speed, peak) = (self.images_per_second, self.peak_mib.unwrap_or(f64::NAN));
        let lap = self.spread.line();
        format!("{} {} batch {batch}: {speed:.1} images/s, {lap}, peak {peak:.0} MiB", common.model, common.device)
    }
}

/// Times batches of a model with random weights.
///
/// # Errors
///
/// When the arguments cannot be used or scoring fails.
pub fn measure(arguments: &EvalArguments) -> Result<EvalReport, Error> {
    let clip = arguments.common.open()?;
    // The class texts are encoded before the first batch and count with it.
    let warmup = arguments.common.warmup.max(1);
    let laps = batches(arguments, &clip, warmup)?;
    let spread = laps.spread(warmup)?;
    Ok(EvalReport {
        arguments: arguments.clone(),
        clf: env!("CARGO_PKG_VERSION"),
        spread,
        images_per_second: spread.per_second(arguments.batch),
        peak_mib: memory::peak_mib().map(f64::round),
    })
}

/// Scores `warmup` batches and those that are timed.
///
/// # Errors
///
/// When the arguments cannot be used or scoring fails.
pub fn batches(arguments: &EvalArguments, clip: &Clip, warmup: usize) -> Result<Laps, Error> {
    let size = Size {
        tasks: 1,
        classes: arguments.classes,
        train: 1,
        test: arguments.batch * (arguments.steps + warmup),
        templates: 1,
        reference_images: 0,
        reference_texts: 0,
        text_length: clip.config().text.context_length,
        scored: true,
    };
    let world = World::new(&size, clip.config());
    let entry = registry::find::<MethodEntry>("zero-shot")?;
    let batch = toml::Table::from_iter([("batch-size".to_owned(), (arguments.batch as i64).into())]);
    let settings = toml::Table::from_iter([("eval".to_owned(), batch.into())]);
    let config = Config::resolve(entry, &world.head(settings), Vec::new(), &[])?;
    let (method, settings) = (config.build_method(entry)?, config.eval()?);
    let mut laps = Laps::default();
    laps.start();
    let evaluator = Evaluator { scenario: &world, settings: &settings, method: &*method, seed: SEED };
    evaluator.row(clip, 0, |_| {
        laps.lap();
        Ok(())
    })?;
    Ok(laps)
}
