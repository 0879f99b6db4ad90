use std::ops::Range;

use burn::tensor::Tensor;
use clf_clip::{Clip, unit};

use super::{observer::Event, run::Run, settings::EvalSettings, train::pixels};
use crate::{
    data::{Loader, Transform},
    error::Error,
    method::Method,
    scenario::Scenario,
    task::{Prompt, Scoring, Task, encode_texts_in_chunks, tokenise},
};

/// Labels and predictions of one test set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predictions {
    /// 0-based task the images belong to.
    pub task: usize,
    /// Label of every image among the candidate classes.
    pub labels: Vec<usize>,
    /// Class with the highest score; the first of equals.
    pub predicted: Vec<usize>,
}

impl Predictions {
    /// Share of correct predictions in percent.
    pub fn accuracy(&self) -> f64 {
        let correct = self.labels.iter().zip(&self.predicted).filter(|(label, class)| label == class).count();
        100.0 * correct as f64 / self.labels.len() as f64
    }
}

/// All test sets, scored after some number of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Tasks learned before.
    pub learned: usize,
    /// One entry for every task that the scenario scores at this point.
    pub predictions: Vec<Predictions>,
}

impl Row {
    /// Accuracy on every task in percent; not a number where it is not scored.
    pub fn accuracies(&self, tasks: usize) -> Vec<f64> {
        let mut row = vec![f64::NAN; tasks];
        for predictions in &self.predictions {
            row[predictions.task] = predictions.accuracy();
        }
        row
    }
}

/// Scores models on the test sets of a scenario.
pub struct Evaluator<'a> {
    /// The scenario.
    pub scenario: &'a dyn Scenario,
    /// Batch size.
    pub settings: &'a EvalSettings,
    /// Turns features into class scores.
    pub method: &'a dyn Method,
}

impl Evaluator<'_> {
    /// Scores `model` after `learned` tasks; `scored` hears of every batch.
    ///
    /// # Errors
    ///
    /// When an image cannot be read or the method fails.
    pub fn row(
        &self,
        model: &Clip,
        learned: usize,
        mut scored: impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<Row, Error> {
        let mut classifiers = vec![None; self.scenario.tasks().len()];
        let mut predictions = Vec::new();
        for (task_id, task) in self.scenario.tasks().iter().enumerate() {
            let Some(candidates) = self.scenario.candidates(learned, task_id) else { continue };
            let classifier = self.classifier(model, candidates.clone(), &mut classifiers)?;
            let earlier = &self.scenario.tasks()[candidates.start..task_id];
            let first_class: usize = earlier.iter().map(|task| task.class_names.len()).sum();
            predictions.push(self.score(model, task_id, task, &classifier, first_class, &mut scored)?);
        }
        Ok(Row { learned, predictions })
    }

    /// Classifier over the classes of several tasks; that of each task is computed once.
    ///
    /// # Shapes
    ///
    /// - output: `[classes, embed]`
    fn classifier(
        &self,
        model: &Clip,
        tasks: Range<usize>,
        cache: &mut [Option<Tensor<2>>],
    ) -> Result<Tensor<2>, Error> {
        let mut parts = Vec::with_capacity(tasks.len());
        for task in tasks {
            let part = match &cache[task] {
                Some(part) => part.clone(),
                None => zero_shot_classifier(model, &self.scenario.tasks()[task].eval_prompts)?,
            };
            cache[task] = Some(part.clone());
            parts.push(part);
        }
        Ok(Tensor::cat(parts, 0))
    }

    fn score(
        &self,
        model: &Clip,
        task_id: usize,
        task: &Task,
        classifier: &Tensor<2>,
        first_class: usize,
        scored: &mut impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<Predictions, Error> {
        let (size, device) = (model.config().vision.image_size, model.device());
        let indices: Vec<usize> = (0..task.test.len()).collect();
        let batches = indices.chunks(self.settings.batch_size.max(1)).map(|batch| (0, batch.to_vec())).collect();
        let mut predictions = Predictions { task: task_id, labels: Vec::new(), predicted: Vec::new() };
        for batch in Loader::start(task.test.clone(), batches, Transform::test(size)) {
            let batch = batch?;
            let image_features = model.encode_images(pixels(&batch, size, &device));
            let scoring = Scoring { model, image_features, classifier: classifier.clone() };
            let best = self.method.scores(&scoring)?.argmax(1);
            let best = best.try_into_vec_as::<i32>().map_err(|error| Error::Device(error.to_string()))?;
            predictions.predicted.extend(best.into_iter().map(|class| class as usize));
            predictions.labels.extend(batch.labels.iter().map(|label| first_class + label));
            scored(batch.indices.len())?;
        }
        Ok(predictions)
    }
}

/// The zero-shot classifier: unit features of each prompt, averaged over templates, of length one again.
///
/// # Shapes
///
/// - `prompts`: `[classes][templates]`
/// - output: `[classes, embed]`
///
/// # Errors
///
/// When a prompt cannot be tokenised.
pub(super) fn zero_shot_classifier(model: &Clip, prompts: &[Vec<Prompt>]) -> Result<Tensor<2>, Error> {
    let all: Vec<Prompt> = prompts.iter().flatten().cloned().collect();
    let features = encode_texts_in_chunks(model, &tokenise(&all, &model.config().text)?);
    let mut first = 0;
    let mut classes = Vec::with_capacity(prompts.len());
    for templates in prompts {
        classes.push(features.clone().narrow(0, first, templates.len()).mean_dim(0));
        first += templates.len();
    }
    Ok(unit(Tensor::cat(classes, 0)))
}

impl Run<'_> {
    /// Scores the model after `learned` tasks and tells the observers.
    pub(super) fn evaluate(&mut self, model: &Clip, learned: usize) -> Result<Row, Error> {
        let tasks = self.scenario.tasks().iter().enumerate();
        let images = tasks
            .filter(|(task_id, _)| self.scenario.candidates(learned, *task_id).is_some())
            .map(|(_, task)| task.test.len())
            .sum();
        self.emit(&Event::EvaluationStarted { learned, images })?;
        let evaluator = Evaluator { scenario: self.scenario, settings: &self.eval, method: &*self.method };
        let observers = &mut self.observers;
        let row = evaluator.row(model, learned, |images| {
            observers.iter_mut().try_for_each(|observer| observer.on_event(&Event::Scored { images }))
        })?;
        self.emit(&Event::Evaluated(&row))?;
        Ok(row)
    }
}
