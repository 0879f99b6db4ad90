//! Encoding of texts by a frozen model.

use clap::Args;
use clf_core::{Error, clip::Clip, random::Key, task::encode_texts_in_chunks};
use serde::Serialize;

use crate::{
    Report,
    laps::{Laps, Spread},
    memory,
    model::{CommonArguments, SEED},
    noise,
};

/// Arguments of `clf-bench texts`.
#[derive(Debug, Clone, Args, Serialize)]
pub struct TextsArguments {
    #[command(flatten)]
    #[serde(flatten)]
    /// What every measurement takes.
    pub common: CommonArguments,
    /// Texts of a lap.
    #[arg(long, default_value_t = 1000)]
    pub texts: usize,
    /// Timed laps.
    #[arg(long, default_value_t = 5)]
    pub steps: usize,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct TextsReport {
    #[serde(flatten)]
    arguments: TextsArguments,
    clf: &'static str,
    #[serde(flatten)]
    spread: Spread,
    texts_per_second: f64,
    peak_mib: Option<f64>,
}

impl Report for TextsReport {
    fn line(&self) -> String {
        let TextsArguments { common, texts, .. } = &self.arguments;
        let (speed, peak) = (self.texts_per_second, self.peak_mib.unwrap_or(f64::NAN));
        let lap = self.spread.line();
        format!("{} {} {texts} texts: {speed:.1} texts/s, {lap}, peak {peak:.0} MiB", common.model, common.device)
    }
}

/// Times the encoding of random texts.
///
/// # Errors
///
/// When the arguments cannot be used or the device fails.
pub fn measure(arguments: &TextsArguments) -> Result<TextsReport, Error> {
    let clip = arguments.common.open()?;
    let text = &clip.config().text;
    let texts = noise::texts(arguments.texts, text.context_length, text, Key { seed: SEED, ..Key::default() });
    let mut laps = Laps::default();
    for _ in 0..arguments.common.warmup + arguments.steps {
        laps.start();
        encode(&clip, &texts)?;
        laps.lap();
    }
    let spread = laps.spread(arguments.common.warmup)?;
    Ok(TextsReport {
        arguments: arguments.clone(),
        clf: env!("CARGO_PKG_VERSION"),
        spread,
        texts_per_second: spread.per_second(arguments.texts),
        peak_mib: memory::peak_mib().map(f64::round),
    })
}

/// Encodes `texts` and waits for the device.
///
/// # Errors
///
/// When the device fails.
pub fn encode(clip: &Clip, texts: &[Vec<u32>]) -> Result<(), Error> {
    let sum = encode_texts_in_chunks(clip, texts).sum();
    sum.try_into_vec_as::<f32>().map(drop).map_err(|error| Error::Device(error.to_string()))
}
