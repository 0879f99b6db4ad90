use std::{collections::BTreeMap, time::Instant};

use burn::tensor::{Device, Int, Tensor, TensorData};
use clf_clip::{Clip, TokenBatch, Weights};

use super::{
    observer::{Event, StepRecord},
    optimizer::AdamW,
    run::Run,
    schedule::Schedule,
    settings::TrainSettings,
};
use crate::{
    data::{HostBatch, Loader, Transform},
    error::Error,
    random::{Key, Purpose},
    step::{LossTerm, Step},
    task::{Task, TaskContext, tokenise},
};

impl Run<'_> {
    /// Trains the student on one task and returns the weights that the task leaves behind.
    pub(super) fn train_task(&mut self, task_id: usize, task: &Task, student: &Clip) -> Result<Weights, Error> {
        let trains = self.capabilities().trains;
        let settings = self.settings_of(task);
        let total = match settings.epochs {
            0 => settings.steps,
            epochs => epochs * task.order.batches_per_epoch(task.train.len(), settings.batch_size),
        };
        let schedule = Schedule { peak: settings.lr, warmup: settings.warmup, total };
        let class_texts = TokenBatch::new(&tokenise(&task.train_prompts, &student.config().text)?);
        let mut batches = self.task_loader(task_id, task, &settings, total + 1);
        let mut references = self.reference_loader(&settings, total + 1);

        let mut weights = Weights::of(student);
        let mut model = student.clone().for_training(|name| trains.includes(name));
        let mut optimizer = AdamW::new(&settings);
        self.begin_task(task_id, task, student)?;
        self.emit(&Event::TaskStarted { task_id, task, steps: total + 1 })?;
        for iteration in 0..=total {
            self.stop_if_asked(task_id, iteration)?;
            let started = Instant::now();
            let batch = next(&mut batches, "training images")?;
            let reference = references.as_mut().map(|loader| next(loader, "reference images")).transpose()?;
            let seen = batch.indices.len() + reference.as_ref().map_or(0, |batch| batch.indices.len());

            let step = self.step(&model, &class_texts, &batch, reference.as_ref());
            let mut terms = self.method.loss(&step)?;
            for hook in &mut self.hooks {
                terms.extend(hook.loss(&step)?);
            }
            let mut gradients = Weights::gradients_of(&model, total_loss(&terms)?.backward());
            for hook in &mut self.hooks {
                terms.extend(hook.gradient(&weights, &mut gradients)?);
            }
            self.emit(&Event::Gradients { step: iteration, gradients: &gradients })?;

            let lr = schedule.at(iteration);
            weights = optimizer.step(&weights, &gradients, lr);
            for hook in &mut self.hooks {
                hook.after_step(iteration, &mut weights)?;
            }
            model = weights.clone().load_into(model);

            let (loss, terms, grad_norm) = read(&terms, &gradients, task_id, iteration)?;
            let images_per_second = seen as f64 / started.elapsed().as_secs_f64();
            let record = StepRecord { task: task_id, step: iteration, loss, terms, lr, grad_norm, images_per_second };
            self.emit(&Event::Step(&record))?;
        }
        self.end_task(task_id, task, student, &weights, total)
    }

    fn begin_task(&mut self, task_id: usize, task: &Task, student: &Clip) -> Result<(), Error> {
        let context = TaskContext {
            task_id,
            task,
            student,
            zero_shot: &self.zero_shot,
            reference_texts: &self.reference_texts,
            device: &self.device,
        };
        self.method.begin_task(&context)?;
        self.hooks.iter_mut().try_for_each(|hook| hook.begin_task(&context))
    }

    fn end_task(
        &mut self,
        task_id: usize,
        task: &Task,
        start: &Clip,
        student: &Weights,
        steps: usize,
    ) -> Result<Weights, Error> {
        let mut weights = student.clone();
        for hook in &mut self.hooks {
            hook.end_task(&mut weights)?;
        }
        let model = weights.clone().load_into(start.clone());
        let context = TaskContext {
            task_id,
            task,
            student: &model,
            zero_shot: &self.zero_shot,
            reference_texts: &self.reference_texts,
            device: &self.device,
        };
        self.method.end_task(&context)?;
        check_weights(&weights, task_id, steps)?;
        self.emit(&Event::TaskFinished { task_id, student, weights: &weights })?;
        Ok(weights)
    }

    fn step<'a>(
        &self,
        model: &'a Clip,
        class_texts: &'a TokenBatch,
        batch: &HostBatch,
        reference: Option<&HostBatch>,
    ) -> Step<'a> {
        let size = model.config().vision.image_size;
        let labels: Vec<i32> = batch.labels.iter().map(|label| *label as i32).collect();
        let count = labels.len();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), &self.device);
        let images = pixels(batch, size, &self.device);
        Step::new(model, class_texts, images, labels, reference.map(|batch| pixels(batch, size, &self.device)))
    }

    fn task_loader(&self, task_id: usize, task: &Task, settings: &TrainSettings, steps: usize) -> Loader {
        let key = Key { seed: self.seed, task: task_id as u64, ..Key::default() };
        let batches = task.order.batches(task.train.len(), settings.batch_size, key, Purpose::TrainOrder).take(steps);
        let size = self.zero_shot.config().vision.image_size;
        Loader::start(task.train.clone(), batches, Transform { size, augment: settings.augment, key })
    }

    fn reference_loader(&self, settings: &TrainSettings, steps: usize) -> Option<Loader> {
        let reference = self.scenario.reference().filter(|_| self.capabilities().reference_images)?;
        let images = reference.images.clone()?;
        // The key has no task: every task sees the reference images in the same order, as in the original.
        let key = Key { seed: self.seed, ..Key::default() };
        let size = settings.reference_batch_size;
        let batches = reference.order.batches(images.len(), size, key, Purpose::ReferenceOrder).take(steps);
        Some(Loader::start(images, batches, Transform::test(self.zero_shot.config().vision.image_size)))
    }
}

/// # Shapes
///
/// - output: `[batch, 3, size, size]`
pub(super) fn pixels(batch: &HostBatch, size: usize, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(batch.pixels.clone(), [batch.indices.len(), 3, size, size]), device)
}

pub(super) fn next(loader: &mut Loader, what: &str) -> Result<HostBatch, Error> {
    let batch = loader.next().ok_or_else(|| Error::config(what, "the set is empty or its loader stopped"))?;
    Ok(batch?)
}

fn total_loss(terms: &[LossTerm]) -> Result<Tensor<1>, Error> {
    terms
        .iter()
        .map(|term| if term.weight == 1.0 { term.value.clone() } else { term.value.clone() * term.weight })
        .reduce(|a, b| a + b)
        .ok_or_else(|| Error::config("method", "the loss has no terms"))
}

type Values = (f64, BTreeMap<&'static str, f64>, f64);

/// Copies the scalars of a step to the host, in one transfer, and refuses what is not finite.
fn read(terms: &[LossTerm], gradients: &Weights, task: usize, step: usize) -> Result<Values, Error> {
    let mut scalars: Vec<_> = terms.iter().map(|term| term.value.clone().inner()).collect();
    scalars.extend(gradients.sum_of_squares());
    let scalars = Tensor::cat(scalars, 0);
    let values = scalars.try_into_vec_as::<f32>().map_err(|error| Error::Device(error.to_string()))?;

    let (losses, squares) = values.split_at(terms.len());
    let mut named = BTreeMap::new();
    let mut loss = 0.0;
    for (term, value) in terms.iter().zip(losses) {
        let value = finite(format!("loss term {:?}", term.name), f64::from(*value), task, step)?;
        *named.entry(term.name).or_insert(0.0) += value;
        loss += term.weight * value;
    }
    let norm = f64::from(squares.first().copied().unwrap_or_default()).sqrt();
    if !norm.is_finite() {
        for (name, gradient) in gradients.iter() {
            let square: f32 = gradient.clone().square().sum().into_scalar();
            finite(format!("the gradient of {name:?}"), f64::from(square), task, step)?;
        }
    }
    Ok((loss, named, finite("the norm of the gradient".into(), norm, task, step)?))
}

fn check_weights(weights: &Weights, task: usize, step: usize) -> Result<(), Error> {
    for (name, value) in weights.iter() {
        let sum: f32 = value.clone().abs().sum().into_scalar();
        finite(format!("the weight {name:?}"), f64::from(sum), task, step)?;
    }
    Ok(())
}

fn finite(what: String, value: f64, task: usize, step: usize) -> Result<f64, Error> {
    if value.is_finite() {
        return Ok(value);
    }
    let hint = "lower train.lr or raise train.warmup; the last finished task is kept".to_owned();
    Err(Error::NotFinite { what, value, task, step, hint })
}
