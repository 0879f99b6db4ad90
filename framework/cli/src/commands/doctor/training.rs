//! A few training steps of the built-in model against those of PyTorch.

use std::{ops::Range, sync::Arc};

use clf_core::{
    Error, Scenario, ScenarioHead,
    burn::tensor::Device,
    clip::Weights,
    config::Config,
    data::BatchOrder,
    engine::{Event, Observer, Run},
    registry::{self, MethodEntry},
    task::{Prompt, Reference, Task, TaskSettings},
};
use toml::toml;

use super::{
    Patient, Verdict,
    model::{Formula, Record, embedded},
};

/// Largest relative difference of a loss; the later ones add up the rounding of the steps before.
const LIMIT: f64 = 5e-3;

pub fn losses(patient: &Patient) -> Verdict {
    let Some(device) = patient.device() else { return Verdict::skipped("there is no device") };
    let judged = compare(device).and_then(|(steps, difference)| {
        let found = format!("the losses of {steps} steps differ from PyTorch's by {difference:.1e} of their size");
        if difference <= LIMIT {
            Ok(Verdict::ok(format!("{found} (limit {LIMIT:.0e})")))
        } else {
            Err(Error::Device(found))
        }
    });
    Verdict::of(judged, "try --device cpu; if that is wrong as well, build clf anew and report it")
}

/// Number of steps, and the largest relative difference of their losses.
fn compare(device: &Device) -> Result<(usize, f64), Error> {
    let record = Record::embedded()?;
    let clip = embedded(device)?;
    let world = Pairs::new(&record, clip.config().vision.image_size);
    let (steps, lr) = (record.losses.len() as i64 - 1, record.learning_rate);
    let batch = record.texts.len() as i64;
    let settings = toml! {
        [train]
        lr = lr
        steps = steps
        warmup = 0
        batch-size = batch
        augment = "none"
        [methods.finetune.method]
        label-smoothing = 0.0
    };
    let head = ScenarioHead {
        name: world.name().to_owned(),
        procedure: world.procedure().to_owned(),
        settings,
        ..ScenarioHead::default()
    };
    let entry = registry::find::<MethodEntry>("finetune")?;
    let config = Config::resolve(entry, &head, Vec::new(), &[])?;
    let (weights, mut seen) = (Weights::of(&clip), Losses::default());
    let mut run = Run::new(entry, &world, &config, clip)?;
    run.observers.push(&mut seen);
    run.execute(weights)?;
    let differences = seen.0.iter().zip(&record.losses).map(|(ours, theirs)| ((ours - theirs) / theirs).abs());
    Ok((seen.0.len(), differences.fold(0.0, f64::max)))
}

#[derive(Default)]
struct Losses(Vec<f64>);

impl Observer for Losses {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        if let Event::Step(record) = event {
            self.0.push(record.loss);
        }
        Ok(())
    }
}

/// One task: each picture belongs to the text of its number.
struct Pairs(Vec<Task>);

impl Pairs {
    fn new(record: &Record, side: usize) -> Self {
        let count = record.texts.len();
        let prompts: Vec<Prompt> = record.ids.iter().cloned().map(Prompt::Tokens).collect();
        let pictures = Arc::new(Formula { count, side: side as u32 });
        Self(vec![Task {
            name: "pairs".to_owned(),
            class_names: record.texts.clone(),
            eval_prompts: prompts.iter().map(|prompt| vec![prompt.clone()]).collect(),
            train_prompts: prompts,
            train: pictures.clone(),
            test: pictures,
            order: BatchOrder::Stored,
            reference_order: BatchOrder::Stored,
            split_family: String::new(),
            augment_once: false,
            settings: TaskSettings::default(),
        }])
    }
}

impl Scenario for Pairs {
    fn name(&self) -> &'static str {
        "doctor"
    }

    fn procedure(&self) -> &'static str {
        "mtil"
    }

    fn tasks(&self) -> &[Task] {
        &self.0
    }

    fn reference(&self) -> Option<&Reference> {
        None
    }

    fn candidates(&self, _learned: usize, _task: usize) -> Option<Range<usize>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_has_the_losses_of_pytorch() {
        let (steps, difference) = compare(&Device::flex()).unwrap();
        assert_eq!(steps, 4);
        assert!(difference < LIMIT, "{difference}");
    }
}
