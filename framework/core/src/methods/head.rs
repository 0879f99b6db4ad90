use std::{collections::BTreeMap, sync::Arc};

use burn::tensor::Tensor;
use clf_clip::{Weights, kernels::product};
use serde::{Deserialize, Serialize};

use crate::{
    capabilities::{Capabilities, Trains},
    config::below_one,
    error::Error,
    losses,
    method::Method,
    state::{Past, State},
    step::{LossTerm, Step},
    task::{EVALUATION_SCALE, Scoring, TaskContext, zero_shot_classifier},
};

/// Name of the head among the trained parameters.
const HEAD: &str = "head";

/// A linear classifier on the unit features of the image tower, one a task, without bias.
///
/// It starts as the zero-shot classifier of the task's classes (Wortsman et al. 2022, arXiv 2109.01903, section 2) and
/// scores with the factor of CLIP. Classes of tasks that have not been learned are scored by their prompts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClassifierHead {
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f64,
    /// Whether the image tower is trained.
    pub train_image: bool,
    /// Whether the head is trained.
    pub train_head: bool,
    /// Heads by task, `[classes, embed]`; that of the current task as it was at its start.
    #[serde(skip)]
    heads: BTreeMap<usize, Tensor<2>>,
    #[serde(skip)]
    current: usize,
}

impl Method for ClassifierHead {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        let trains = if self.train_image { Trains::Image } else { Trains::Nothing };
        Capabilities { trains, scores_from_state: true, ..Capabilities::default() }
    }

    fn check(&self) -> Result<(), Error> {
        if !(self.train_image || self.train_head) {
            return Err(Error::config("method", "train-image and train-head are both false: nothing would be learned"));
        }
        below_one("method.label-smoothing", self.label_smoothing)
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        self.current = task.task_id;
        self.heads.insert(self.current, zero_shot_classifier(task.student, &task.task.eval_prompts)?);
        Ok(())
    }

    fn parameters(&self, _task: &TaskContext<'_>) -> Result<Weights, Error> {
        let head = self.heads.get(&self.current).filter(|_| self.train_head);
        Ok(head.map(|head| (Arc::from(HEAD), head.clone().flatten(0, 1))).into_iter().collect())
    }

    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        let start = &self.heads[&self.current];
        let head = step.parameter(HEAD).map_or_else(|| start.clone(), |head| head.reshape(start.dims()));
        let logits = step.scaled(product(step.image_features(), head.transpose()));
        Ok(vec![LossTerm::new("ce", losses::cross_entropy(logits, step.labels(), self.label_smoothing))])
    }

    fn end_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        if let (Some(learned), Some(head)) = (task.weights.get(HEAD), self.heads.get_mut(&task.task_id)) {
            *head = learned.clone().reshape(head.dims());
        }
        Ok(())
    }

    fn scores(&self, scoring: &Scoring<'_>) -> Result<Tensor<2>, Error> {
        let mut first = 0;
        let rows = scoring.candidates.iter().map(|task| {
            first += task.classes;
            let prompts = || scoring.classifier.clone().narrow(0, first - task.classes, task.classes);
            self.heads.get(&task.task).cloned().unwrap_or_else(prompts)
        });
        let classifier = Tensor::cat(rows.collect(), 0);
        Ok(product(scoring.image_features.clone(), classifier.transpose()) * EVALUATION_SCALE)
    }

    fn save(&self) -> Result<State, Error> {
        let tasks: Vec<usize> = self.heads.keys().copied().collect();
        let state = State::default().with_value("tasks", &tasks)?.with_value("current", &self.current)?;
        Ok(self
            .heads
            .iter()
            .fold(state, |state, (task, head)| state.with_tensor(&format!("{HEAD}/{task}"), head.clone())))
    }

    fn load(&mut self, state: &State, past: &Past<'_>) -> Result<(), Error> {
        self.current = state.value("current")?;
        let tasks: Vec<usize> = state.value("tasks")?;
        let head = |task: usize| Ok((task, state.tensor(&format!("{HEAD}/{task}"), past.device)?));
        self.heads = tasks.into_iter().map(head).collect::<Result<_, Error>>()?;
        Ok(())
    }
}
