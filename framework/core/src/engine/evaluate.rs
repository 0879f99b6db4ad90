use std::{cell::OnceCell, collections::HashMap, ops::Range, sync::atomic::Ordering};

use burn::tensor::Tensor;
use clf_clip::Clip;

use super::{
    observer::Event,
    run::Run,
    settings::{EvalSettings, EvalTransform},
    train::pixels,
};
use crate::{
    data::{Augment, Loader, Transform},
    error::Error,
    method::Method,
    random::Key,
    scenario::Scenario,
    task::{Candidates, Scoring, Task, zero_shot_classifier},
};

/// Labels and predictions of one test set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predictions {
    /// 0-based task the images belong to.
    pub task: usize,
    /// Label of every image among the candidate classes; of classes of one name in several tasks the first.
    pub labels: Vec<usize>,
    /// Class with the highest score, the first of equals; of classes of one name in several tasks the first.
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
    /// The same images under the [other protocol](Scenario::other_candidates).
    pub other: Vec<Predictions>,
}

impl Row {
    /// Accuracy on every task in percent; not a number where it is not scored.
    pub fn accuracies(&self, tasks: usize) -> Vec<f64> {
        accuracies(&self.predictions, tasks)
    }

    /// The same under the other protocol.
    pub fn other_accuracies(&self, tasks: usize) -> Vec<f64> {
        accuracies(&self.other, tasks)
    }
}

fn accuracies(predictions: &[Predictions], tasks: usize) -> Vec<f64> {
    let mut row = vec![f64::NAN; tasks];
    for predictions in predictions {
        row[predictions.task] = predictions.accuracy();
    }
    row
}

/// Scores models on the test sets of a scenario.
pub struct Evaluator<'a> {
    /// The scenario.
    pub scenario: &'a dyn Scenario,
    /// Batch size.
    pub settings: &'a EvalSettings,
    /// Turns features into class scores.
    pub method: &'a dyn Method,
    /// Seed of random crops, if the settings ask for them.
    pub seed: u64,
}

impl Evaluator<'_> {
    /// Scores `model` as it stands after `learned` tasks; `scored` hears of every batch.
    ///
    /// # Errors
    ///
    /// When an image cannot be read or the method fails.
    pub fn row(
        &self,
        model: &Clip,
        learned: usize,
        scored: impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<Row, Error> {
        let mut rows = self.rows(model, learned..learned + 1, scored)?;
        Ok(rows.swap_remove(0))
    }

    /// As [`Evaluator::row`] for several numbers of tasks learned, which differ in the candidate classes alone.
    ///
    /// The features of a test image are computed once.
    ///
    /// # Errors
    ///
    /// When an image cannot be read or the method fails.
    pub fn rows(
        &self,
        model: &Clip,
        learned: Range<usize>,
        mut scored: impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<Vec<Row>, Error> {
        let tasks = self.scenario.tasks();
        let classifiers = vec![OnceCell::new(); tasks.len()];
        let mut rows: Vec<Row> =
            learned.map(|learned| Row { learned, predictions: Vec::new(), other: Vec::new() }).collect();
        for (task_id, task) in tasks.iter().enumerate() {
            let mut sets = Vec::new();
            for (i, row) in rows.iter().enumerate() {
                let main = self.scenario.candidates(row.learned, task_id);
                let other = self.scenario.other_candidates(row.learned, task_id);
                for (is_main, candidates) in [(true, main), (false, other)] {
                    if let Some(candidates) = candidates {
                        sets.push(((i, is_main), self.candidate_set(model, task_id, candidates, &classifiers)?));
                    }
                }
            }
            if sets.is_empty() {
                continue;
            }
            self.score(model, task, &mut sets, &mut scored)?;
            for ((i, is_main), set) in sets {
                let row = &mut rows[i];
                if is_main { &mut row.predictions } else { &mut row.other }.push(set.predictions);
            }
        }
        Ok(rows)
    }

    /// The classes that compete for the images of a task; the classifier of each task is computed once.
    fn candidate_set(
        &self,
        model: &Clip,
        task: usize,
        candidates: Range<usize>,
        classifiers: &[OnceCell<Tensor<2>>],
    ) -> Result<CandidateSet, Error> {
        let tasks = self.scenario.tasks();
        let first_class = tasks[candidates.start..task].iter().map(|task| task.class_names.len()).sum();
        let mut parts = Vec::with_capacity(candidates.len());
        let of_task = |task| Candidates { task, classes: tasks[task].class_names.len() };
        let candidate_tasks = candidates.clone().map(of_task).collect();
        let candidates_of = candidates.clone();
        for id in candidates {
            let part = match classifiers[id].get() {
                Some(part) => part.clone(),
                None => zero_shot_classifier(model, &tasks[id].eval_prompts)?,
            };
            parts.push(classifiers[id].get_or_init(|| part).clone());
        }
        let names: Vec<&[String]> = tasks[candidates_of].iter().map(|task| &*task.class_names).collect();
        let first_of_name = first_of_name(&names);
        let predictions = Predictions { task, labels: Vec::new(), predicted: Vec::new() };
        let classifier = Tensor::cat(parts, 0);
        Ok(CandidateSet { first_class, first_of_name, candidates: candidate_tasks, classifier, predictions })
    }

    fn transform(&self, size: usize) -> Transform {
        match self.settings.transform {
            EvalTransform::Test => Transform::test(size),
            EvalTransform::Train => {
                Transform::train(size, Augment::RandomResizedCrop, Key { seed: self.seed, ..Key::default() })
            }
        }
    }

    /// Scores the test images of a task against every candidate set.
    fn score(
        &self,
        model: &Clip,
        task: &Task,
        sets: &mut [((usize, bool), CandidateSet)],
        scored: &mut impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (size, device) = (model.config().vision.image_size, model.device());
        let indices: Vec<usize> = (0..task.test.len()).collect();
        let batches: Vec<_> = indices.chunks(self.settings.batch_size).map(|batch| (0, batch.to_vec())).collect();
        for batch in Loader::start(task.test.clone(), batches, self.transform(size)) {
            let mut batch = batch?;
            let image_features = model.encode_images(pixels(&mut batch, size, &device));
            for (_, set) in sets.iter_mut() {
                let (classifier, candidates) = (set.classifier.clone(), &*set.candidates);
                let scoring = Scoring { model, image_features: image_features.clone(), classifier, candidates };
                let best = self.method.scores(&scoring)?.argmax(1);
                let best = best.try_into_vec_as::<i32>().map_err(|error| Error::Device(error.to_string()))?;
                let first = &set.first_of_name;
                set.predictions.predicted.extend(best.into_iter().map(|class| first[class as usize]));
                set.predictions.labels.extend(batch.labels.iter().map(|label| first[set.first_class + label]));
            }
            scored(batch.indices.len())?;
        }
        let complete = |set: &Predictions| [set.labels.len(), set.predicted.len()] == [task.test.len(); 2];
        if sets.iter().all(|(_, set)| complete(&set.predictions)) {
            return Ok(());
        }
        Err(Error::Defect(format!("not every test image of {} was scored", task.name)))
    }
}

/// Classes that compete for the images of a task, and what is predicted among them.
struct CandidateSet {
    /// Position of the task's first class among the candidates.
    first_class: usize,
    /// The first class of the same name, for every class: two tasks may both have sunflowers.
    first_of_name: Vec<usize>,
    candidates: Vec<Candidates>,
    /// Unit rows, `[classes, embed]`.
    classifier: Tensor<2>,
    predictions: Predictions,
}

/// For every class of `tasks`, given by their names, the first class that has its name; of one task each class stands for itself.
fn first_of_name(tasks: &[&[String]]) -> Vec<usize> {
    let names = || tasks.iter().copied().flatten();
    if tasks.len() == 1 {
        return (0..names().count()).collect();
    }
    let mut first = HashMap::new();
    names().enumerate().map(|(class, name)| *first.entry(name).or_insert(class)).collect()
}

impl Run<'_> {
    /// Scores `model` after every number of tasks in `learned`.
    pub(super) fn evaluate(&mut self, model: &Clip, learned: Range<usize>) -> Result<Vec<Row>, Error> {
        let scored = |task| learned.clone().any(|learned| self.around.scenario.candidates(learned, task).is_some());
        let tasks = self.around.scenario.tasks().iter().enumerate();
        let images = tasks.filter(|(id, _)| scored(*id)).map(|(_, task)| task.test.len()).sum();
        self.emit(&Event::EvaluationStarted { learned: learned.start, images })?;
        let evaluator = Evaluator {
            scenario: self.around.scenario,
            settings: &self.eval,
            method: &*self.method,
            seed: self.around.seed,
        };
        let (observers, stop, task) = (&mut self.observers, &self.stop, learned.start);
        evaluator.rows(model, learned, |images| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted { task, step: 0 });
            }
            observers.iter_mut().try_for_each(|observer| observer.on_event(&Event::Scored { images }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_one_name_in_two_tasks_are_one_and_those_of_one_task_stay_apart() {
        let [first, second] = [["rose", "sunflower", "rose"], ["daisy", "rose", "oak"]].map(|it| it.map(String::from));
        assert_eq!(first_of_name(&[&first, &second]), [0, 1, 0, 3, 0, 5]);
        assert_eq!(first_of_name(&[&first]), [0, 1, 2]);
    }
}
