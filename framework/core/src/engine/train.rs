use std::{
    cell::OnceCell,
    collections::BTreeMap,
    mem,
    ops::Range,
    time::{Duration, Instant},
};

use burn::tensor::{Device, Tensor, TensorData};
use clf_clip::{Clip, TokenBatch, Weights};

use super::{
    checkpoint::TaskProgress,
    observer::{Event, StepRecord, StepTiming},
    optimizer::AdamW,
    run::{Journey, Run},
    schedule::Schedule,
    settings::TrainSettings,
};
use crate::{
    capabilities::Trains,
    data::{Augment, HostBatch, Loader, Stream, Transform},
    error::Error,
    micro::Micro,
    random::{Key, Purpose},
    step::{self, ImageBatch, LossTerm, Step, StreamBatch},
    task::{Task, tokenise},
};

impl Run<'_> {
    /// Trains the student on one task, from where it is, and returns the weights that the task leaves behind.
    pub(super) fn train_task(&mut self, task_id: usize, task: &Task, at: &mut Journey) -> Result<Weights, Error> {
        let settings = self.settings_of(task);
        let (student, under_way) = (at.student.clone(), at.under_way.take());
        let found = Weights::of(&student);
        let trains = self.capabilities().trains;
        let border = Border { task_id, task, settings: &settings, student: &student, weights: &found, trains };
        let fresh = self.begin_task(&border)?;
        let own = under_way.as_ref().map_or(fresh, |(progress, _)| progress.own.clone());
        let start = found.clone().with(own.clone());
        let border = Border { weights: &start, ..border };
        self.begin_hooks(&border)?;
        if let Some((_, states)) = &under_way {
            self.load(states, self.known_tasks(task_id))?;
        }
        if self.capabilities().closed_form {
            self.emit(&Event::TaskStarted { task_id, task, steps: 0, done: 0 })?;
            return self.end_task(&border, 0);
        }
        let steps = self.length(task, &settings) + 1;
        let mut training = self.start_training(border, own, steps, under_way.map(|(progress, _)| progress))?;
        let done = training.done;
        self.emit(&Event::TaskStarted { task_id, task, steps, done })?;
        for iteration in done..steps {
            if iteration > done && (self.is_stopped() || self.saver.is_due(iteration)) {
                self.save_within(at, &training, iteration)?;
            }
            self.stop_if_asked(task_id, iteration)?;
            let record = self.train_step(&mut training, iteration)?;
            self.emit(&Event::Step(&record))?;
        }
        let weights = training.weights;
        let model = weights.clone().load_into(student.clone());
        self.end_task(&Border { student: &model, weights: &weights, ..border }, steps)
    }

    /// A checkpoint after `step` steps of the task that is under way.
    fn save_within(&mut self, at: &Journey, training: &Training<'_>, step: usize) -> Result<(), Error> {
        let (own, weights) = (training.own.clone(), training.weights.clone());
        let progress = TaskProgress { step, own, weights, moments: training.optimizer.moments() };
        self.save_at(at, Some(progress))
    }

    /// One step: the losses of the method and of its hooks, backward, the optimizer, and what hooks do to the weights.
    fn train_step(&mut self, training: &mut Training<'_>, iteration: usize) -> Result<StepRecord, Error> {
        let started = Instant::now();
        let Border { task_id, .. } = training.border;
        let (model, parameters) = training.tracked();
        let step = self.step(training, &model, &parameters, iteration)?;
        let seen = step.all_batches().map(|batch| batch.indices.len()).sum::<usize>();
        let mut terms = self.method.loss(&step)?;
        for hook in &mut self.hooks {
            terms.extend(hook.loss(&step)?);
        }
        let mut gradients = total_loss(&terms)?.backward();
        let pending = step.micro.as_ref().map(|micro| micro.pending(&mut gradients));
        drop(step);
        let own = step::gradients_of(&parameters, &mut gradients);
        let mut gradients = Weights::gradients_of(&model, &mut gradients);
        if let Some(pending) = pending {
            gradients = pending.through(&model, gradients);
        }
        let mut gradients = gradients.with(own);
        // Weights that nobody else holds are stepped in place.
        drop((model, parameters));
        for hook in &mut self.hooks {
            terms.extend(hook.gradient(&training.weights, &mut gradients)?);
        }
        self.emit(&Event::Gradients { step: iteration, gradients: &gradients })?;
        // What is not finite is found while the weights are still those that led to it.
        let (loss, terms, grad_norm) = read(&terms, &gradients, &training.weights, task_id, iteration)?;

        let lr = training.schedule.at(iteration);
        training.weights = training.optimizer.step(std::mem::take(&mut training.weights), &gradients, lr);
        for hook in &mut self.hooks {
            hook.after_step(iteration, &mut training.weights)?;
        }
        // Averaging a weight with itself rounds it; what is not trained stays as it is.
        training.weights = training.weights.updated(&training.frozen);

        let (seconds, data_seconds) = (started.elapsed().as_secs_f64(), training.waited().as_secs_f64());
        let timing = StepTiming { seconds, images_per_second: seen as f64 / seconds, data_seconds };
        Ok(StepRecord { task: task_id, step: iteration, loss, terms, lr, grad_norm, timing })
    }

    fn start_training<'a>(
        &self,
        border: Border<'a>,
        own: Weights,
        steps: usize,
        progress: Option<TaskProgress>,
    ) -> Result<Training<'a>, Error> {
        let Border { task_id, task, settings, student, weights, trains } = border;
        let optimizer = AdamW::new(settings);
        let (done, weights, optimizer) = match progress {
            None => (0, weights.clone(), optimizer),
            Some(TaskProgress { step, weights, moments, .. }) => (step, weights, optimizer.with_moments(&moments)),
        };
        Ok(Training {
            border,
            done,
            class_texts: TokenBatch::new(&tokenise(&task.train_prompts, &student.config().text)?),
            batches: self.task_loader(task_id, task, settings, done..steps),
            streams: self.open_streams(&border, done..steps)?,
            schedule: Schedule { peak: settings.lr, warmup: settings.warmup, total: steps - 1 },
            optimizer,
            model: student.clone().for_training(|name| trains.includes(name)),
            own,
            weights,
            frozen: border.frozen(),
        })
    }

    /// What the method and its hooks see of the next step.
    fn step<'a>(
        &self,
        training: &'a mut Training<'_>,
        model: &'a Clip,
        parameters: &'a Weights,
        iteration: usize,
    ) -> Result<Step<'a>, Error> {
        let Training { border, class_texts, batches, streams, weights, .. } = training;
        let micro = border.settings.micro_batch;
        let plain = || weights.clone().load_into(border.student.clone());
        let batch = self.on_device(next(batches, "training images")?, border.settings.augment);
        let streams = streams.iter_mut().map(|stream| self.stream_batch(stream)).collect::<Result<_, _>>()?;
        Ok(Step {
            model,
            class_texts,
            batch,
            streams,
            parameters,
            iteration,
            key: Key { sample: iteration as u64, ..self.around.key(border.task_id) },
            micro: (micro > 0).then(|| Micro::new(micro, plain(), border.trains)),
            image_features: OnceCell::new(),
            text_features: OnceCell::new(),
        })
    }

    /// Tells the method that a task begins; its own parameters.
    pub(super) fn begin_task(&mut self, border: &Border<'_>) -> Result<Weights, Error> {
        let context = self.around.context(border);
        self.method.begin_task(&context)?;
        self.method.parameters(&context)
    }

    pub(super) fn begin_hooks(&mut self, border: &Border<'_>) -> Result<(), Error> {
        let context = self.around.context(border);
        self.hooks.iter_mut().try_for_each(|hook| hook.begin_task(&context))
    }

    fn end_task(&mut self, border: &Border<'_>, steps: usize) -> Result<Weights, Error> {
        let mut weights = border.weights.clone();
        let context = self.around.context(border);
        for averages in [true, false] {
            for hook in self.hooks.iter_mut().filter(|hook| hook.capabilities().averages == averages) {
                hook.end_task(&context, &mut weights)?;
            }
        }
        weights = weights.updated(&border.frozen());
        let model = weights.clone().load_into(border.student.clone());
        let left = Border { student: &model, weights: &weights, ..*border };
        let context = self.around.context(&left);
        self.method.end_task(&context)?;
        self.hooks.iter_mut().try_for_each(|hook| hook.task_left(&context))?;
        check_weights(&weights, border.task_id, steps)?;
        self.emit(&Event::TaskFinished { task_id: border.task_id, student: border.weights, weights: &weights })?;
        Ok(weights)
    }

    /// Iterations of a task, without the one at rate zero.
    fn length(&self, task: &Task, settings: &TrainSettings) -> usize {
        let of = |task: &Task, settings: &TrainSettings| match settings.epochs {
            0 => settings.steps,
            epochs => epochs * task.order.batches_per_epoch(task.train.len(), settings.batch_size),
        };
        if !self.capabilities().joint {
            return of(task, settings);
        }
        // All tasks at once take as long as one after the other.
        self.around.scenario.tasks().iter().map(|task| of(task, &self.settings_of(task))).sum()
    }

    fn task_loader(&self, task_id: usize, task: &Task, settings: &TrainSettings, steps: Range<usize>) -> Loader {
        let key = self.around.key(task_id);
        let batches = task.order.batches(task.train.len(), settings.batch_size, key, Purpose::TrainOrder);
        let batches = batches.take(steps.end).skip(steps.start);
        let once = task.augment_once;
        let batches = batches.map(move |(epoch, indices)| (if once { 0 } else { epoch }, indices));
        let size = self.around.zero_shot.config().vision.image_size;
        Loader::start(task.train.clone(), batches, Transform::train(size, settings.augment, key))
    }

    /// The streams that the method and its hooks ask for, each name once.
    fn open_streams(&self, border: &Border<'_>, steps: Range<usize>) -> Result<Vec<OpenStream>, Error> {
        let context = self.around.context(border);
        let mut wanted = self.method.streams(&context)?;
        for hook in &self.hooks {
            wanted.extend(hook.streams(&context)?);
        }
        let mut open: Vec<OpenStream> = Vec::new();
        for stream in wanted {
            if !stream.samples.is_empty() && open.iter().all(|earlier| earlier.stream.name != stream.name) {
                let loader = stream.start(steps.clone(), self.around.zero_shot.config().vision.image_size);
                open.push(OpenStream { stream, loader });
            }
        }
        Ok(open)
    }

    fn stream_batch(&self, open: &mut OpenStream) -> Result<StreamBatch, Error> {
        let batch = next(&mut open.loader, &format!("{} images", open.stream.name))?;
        Ok(StreamBatch { name: open.stream.name, batch: self.on_device(batch, open.stream.augment) })
    }

    fn on_device(&self, mut batch: HostBatch, augment: Augment) -> ImageBatch {
        let images = pixels(&mut batch, self.around.zero_shot.config().vision.image_size, &self.around.device);
        ImageBatch { images, labels: batch.labels, indices: batch.indices, augment }
    }
}

/// A task and the weights at one of its ends.
#[derive(Clone, Copy)]
pub(super) struct Border<'a> {
    pub task_id: usize,
    pub task: &'a Task,
    pub settings: &'a TrainSettings,
    pub student: &'a Clip,
    pub weights: &'a Weights,
    pub trains: Trains,
}

impl Border<'_> {
    /// The weights of the model that are not trained.
    fn frozen(&self) -> Weights {
        Weights::of(self.student).filter(|name| !self.trains.includes(name))
    }
}

/// What training of one task goes through, step by step.
struct Training<'a> {
    border: Border<'a>,
    /// Steps that were done before this run went on.
    done: usize,
    class_texts: TokenBatch,
    batches: Loader,
    streams: Vec<OpenStream>,
    schedule: Schedule,
    optimizer: AdamW,
    /// The student at the start of the task, on the autodiff device.
    model: Clip,
    /// Parameters of the method's own at the start of the task.
    own: Weights,
    /// The weights of both, outside of autodiff.
    weights: Weights,
    /// Those of them that are not trained.
    frozen: Weights,
}

impl Training<'_> {
    /// The student and the parameters of the method's own as they are, ready to collect gradients.
    fn tracked(&self) -> (Clip, Weights) {
        let own = self.own.zip(&self.weights, |_, value| value.clone());
        (self.weights.clone().load_into(self.model.clone()), step::tracked(&own))
    }

    /// How long this step waited for images.
    fn waited(&mut self) -> Duration {
        let streams = self.streams.iter_mut().map(|stream| stream.loader.waited());
        self.batches.waited() + streams.sum::<Duration>()
    }
}

struct OpenStream {
    stream: Stream,
    loader: Loader,
}

/// Moves the pixels of `batch` to the device; none are left in it.
///
/// # Shapes
///
/// - output: `[batch, 3, size, size]`
pub(crate) fn pixels(batch: &mut HostBatch, size: usize, device: &Device) -> Tensor<4> {
    let shape = [batch.indices.len(), 3, size, size];
    Tensor::from_data(TensorData::new(mem::take(&mut batch.pixels), shape), device)
}

pub(super) fn next(loader: &mut Loader, what: &str) -> Result<HostBatch, Error> {
    let batch = loader.next().ok_or_else(|| Error::config(what, "the set is empty or its loader stopped"))?;
    Ok(batch?)
}

fn total_loss(terms: &[LossTerm]) -> Result<Tensor<1>, Error> {
    let loss = terms
        .iter()
        .map(|term| if term.weight == 1.0 { term.value.clone() } else { term.value.clone() * term.weight })
        .reduce(|a, b| a + b)
        .ok_or_else(|| Error::config("method", "the loss has no terms"))?;
    if loss.is_autodiff() {
        return Ok(loss);
    }
    Err(Error::config("method", "the loss does not depend on the model or on parameters of the method's own"))
}

type Values = (f64, BTreeMap<&'static str, f64>, f64);

/// Copies the scalars of a step to the host, in one transfer, and refuses what is not finite: the weights that the step
/// began with, a term, or the gradient of a weight, whichever comes first.
fn read(terms: &[LossTerm], gradients: &Weights, weights: &Weights, task: usize, step: usize) -> Result<Values, Error> {
    let mut scalars: Vec<_> = terms.iter().map(|term| term.value.clone().inner()).collect();
    scalars.extend(gradients.sum_of_squares());
    let scalars = Tensor::cat(scalars, 0);
    let values = scalars.try_into_vec_as::<f32>().map_err(|error| Error::Device(error.to_string()))?;
    if values.iter().any(|value| !value.is_finite()) {
        check_weights(weights, task, step)?;
    }

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
    let hint = "lower train.lr or raise train.warmup".to_owned();
    Err(Error::NotFinite { what, value, task, step, hint })
}
