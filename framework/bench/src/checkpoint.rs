//! Weights to a file and back.

use std::fs;

use clap::Args;
use clf_core::{
    Error,
    clip::{Clip, StateDict},
};
use serde::Serialize;

use crate::{
    Report,
    laps::{Laps, Spread},
    memory,
    model::CommonArguments,
};

/// Arguments of `clf-bench checkpoint`.
#[derive(Debug, Clone, Args, Serialize)]
pub struct CheckpointArguments {
    #[command(flatten)]
    #[serde(flatten)]
    /// What every measurement takes.
    pub common: CommonArguments,
    /// Timed times.
    #[arg(long, default_value_t = 5)]
    pub steps: usize,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct CheckpointReport {
    #[serde(flatten)]
    arguments: CheckpointArguments,
    clf: &'static str,
    megabytes: f64,
    save: Spread,
    load: Spread,
    save_mb_per_second: f64,
    load_mb_per_second: f64,
    peak_mib: Option<f64>,
}

impl Report for CheckpointReport {
    fn line(&self) -> String {
        let (save, load) = (self.save_mb_per_second, self.load_mb_per_second);
        let model = &self.arguments.common.model;
        format!("{model} {:.1} MB: save {save:.0} MB/s, load {load:.0} MB/s", self.megabytes)
    }
}

/// Times saving, until the file is safe on the disk, and loading, from the pages that the system keeps.
///
/// # Errors
///
/// When the arguments cannot be used or a file cannot be written or read.
pub fn measure(arguments: &CheckpointArguments) -> Result<CheckpointReport, Error> {
    let clip = arguments.common.open()?;
    let folder = tempfile::tempdir().map_err(|error| Error::io("create a folder in", std::env::temp_dir(), error))?;
    let path = folder.path().join("model.safetensors");
    let [mut save, mut load] = [Laps::default(), Laps::default()];
    for _ in 0..arguments.common.warmup + arguments.steps {
        save.start();
        clip.to_state_dict().write(&path)?;
        save.lap();
        load.start();
        read(&clip, &path)?;
        load.lap();
    }
    let bytes = fs::metadata(&path).map_err(|error| Error::io("read", &path, error))?.len();
    let [save, load] = [save.spread(arguments.common.warmup)?, load.spread(arguments.common.warmup)?];
    let megabytes = bytes as f64 / 1e6;
    Ok(CheckpointReport {
        arguments: arguments.clone(),
        clf: env!("CARGO_PKG_VERSION"),
        megabytes,
        save,
        load,
        save_mb_per_second: megabytes * save.per_second(1),
        load_mb_per_second: megabytes * load.per_second(1),
        peak_mib: memory::peak_mib().map(f64::round),
    })
}

/// Reads weights of the shape of `clip` onto its device.
///
/// # Errors
///
/// When the file cannot be read or does not fit.
pub fn read(clip: &Clip, path: &std::path::Path) -> Result<Clip, Error> {
    Ok(Clip::from_state_dict(&StateDict::read(path)?, clip.config(), &clip.device())?)
}
