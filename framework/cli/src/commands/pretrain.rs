use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::Arc,
};

use clf_core::{
    Error,
    burn::tensor::Device,
    clip::{Clip, ClipConfig, PRESETS, random_weights},
    config::parse_assignment,
    data::{Concat, DataFolder, Samples, Split},
    engine::{Pairs, Pretrain, TrainSettings},
    registry,
    task::Prompt,
};

use super::stop_flag;
use crate::{arguments::PretrainArguments, device, model, progress::Meter};

/// `clf pretrain`.
pub fn pretrain(arguments: &PretrainArguments) -> Result<(), Error> {
    let settings = settings(arguments)?;
    check_writable(&arguments.out)?;
    let pairs = open_pairs(&arguments.pairs, &arguments.data.folder.open())?;
    let device = device::open(&arguments.data.device)?;
    let start = start(arguments, &device)?;
    let mut log = arguments.log.as_deref().map(create).transpose()?;
    let mut meter = Meter::new(format!("pre-training {}", arguments.model), settings.steps as u64 + 1);
    let (mut smooth, stop) = (None, stop_flag());
    let pretrain = Pretrain { pairs: &pairs, settings: &settings, seed: arguments.seed, device, stop };
    let clip = pretrain.execute(&start, |record| {
        let loss = *smooth.insert(smooth.map_or(record.loss, |mean: f64| 0.98 * mean + 0.02 * record.loss));
        meter.advance(1, || format!("loss {loss:.3}, {:.0} pairs/s", record.images_per_second));
        if let (Some(log), Some(path)) = (&mut log, &arguments.log) {
            let line = serde_json::to_string(record).map_err(|error| Error::Defect(error.to_string()))?;
            writeln!(log, "{line}").map_err(|error| Error::io("write", path, error))?;
        }
        Ok(())
    })?;
    clip.to_state_dict().write(&arguments.out)?;
    meter.finish(&format!("loss {:.3}, {}", smooth.unwrap_or_default(), arguments.out.display()));
    Ok(())
}

/// Keys of the recipe that pre-training does not use.
const UNUSED: [&str; 3] = ["epochs", "reference-batch-size", "micro-batch"];

fn settings(arguments: &PretrainArguments) -> Result<TrainSettings, Error> {
    let mut table = toml::Table::try_from(TrainSettings::of_pretraining())
        .map_err(|error| Error::Defect(format!("the recipe is no TOML: {error}")))?;
    for set in &arguments.sets {
        for (key, value) in parse_assignment(set)?.table {
            let known: Vec<&str> = table.keys().map(String::as_str).filter(|key| !UNUSED.contains(key)).collect();
            if !known.contains(&key.as_str()) {
                return Err(Error::unknown("setting", &key, known.into_iter()));
            }
            table.insert(key, value);
        }
    }
    let mut settings: TrainSettings =
        table.try_into().map_err(|error: toml::de::Error| Error::config("pretrain", error.to_string().trim()))?;
    settings.steps = arguments.steps.unwrap_or(settings.steps);
    settings.check()?;
    Ok(settings)
}

/// Refuses a place that cannot be written before anything is trained for it.
fn check_writable(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = folder.join(format!(".clf-{}.partial", std::process::id()));
    File::create(&probe)
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(|error| Error::io("write to", folder, error))
}

fn open_pairs(locators: &[String], data: &DataFolder) -> Result<Pairs, Error> {
    let mut images: Vec<Arc<dyn Samples>> = Vec::new();
    let mut texts = Vec::new();
    for locator in locators {
        let dataset = registry::open_dataset(locator, Path::new(""), data)?;
        let samples = dataset.split(Split::Train)?;
        for index in 0..samples.len() {
            let text = match (samples.caption(index), samples.label(index)) {
                (Some(caption), _) => caption.to_owned(),
                (None, Some(class)) => dataset.info().prompt(0, class),
                (None, None) => {
                    return Err(Error::config(locator.as_str(), format!("image {index} has no caption and no label")));
                }
            };
            texts.push(Prompt::Words(text));
        }
        images.push(samples);
    }
    Ok(Pairs { images: Arc::new(Concat::new(images)), texts })
}

fn start(arguments: &PretrainArguments, device: &Device) -> Result<Clip, Error> {
    let config = ClipConfig::preset(&arguments.model)
        .ok_or_else(|| Error::unknown("model", &arguments.model, PRESETS.into_iter()))?;
    let random = Clip::from_state_dict(&random_weights(&config, arguments.seed), &config, device)?;
    match &arguments.start {
        Some(path) => model::read_like(&random, path),
        None => Ok(random),
    }
}

fn create(path: &Path) -> Result<BufWriter<File>, Error> {
    File::create(path).map(BufWriter::new).map_err(|error| Error::io("create", path, error))
}
