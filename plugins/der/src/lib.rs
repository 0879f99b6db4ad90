//! Dark experience replay (DER++): images of earlier steps come back, with what the student said about them then.
//!
//! Buzzega et al. 2020, "Dark Experience for General Continual Learning: a Strong, Simple Baseline", arXiv 2004.07211.

mod replay;
mod reservoir;

use std::{collections::BTreeMap, sync::Arc};

use clf_core::{
    Error, LossTerm, Method, Past, State, Step,
    clip::TokenBatch,
    config::{at_least_zero, below_one},
    cost::Kept,
    data::{Augment, Samples},
    erased_serde, losses, product,
    random::Purpose,
    task::TaskContext,
};
use rand::Rng;
use serde::{Deserialize, Serialize};

use replay::Replay;
use reservoir::{Item, Reservoir};

/// Which classes compete for a replayed image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CandidateClasses {
    /// Those of its own task.
    OwnTask,
    /// Those of all tasks so far.
    SeenClasses,
}

/// `ce + alpha |s(x') - z'|^2 + beta ce(s(x''), y'')` with images `x'`, `x''` from a reservoir, their scores `z'` when they
/// were put there and their labels `y''` (Buzzega et al. 2020). Scores are the scaled cosines with the classes of
/// an image's own task.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DerPlusPlus {
    /// Share of the target that is spread over all classes, for the images of the task.
    pub label_smoothing: f64,
    /// Factor on the squared distance of scores, a mean over images and classes.
    pub alpha: f64,
    /// Factor on the cross entropy of replayed images.
    pub beta: f64,
    /// Images in the memory.
    pub memory: usize,
    /// Images that each of the two terms replays in a step.
    pub replay: usize,
    /// Classes that compete for a replayed image in the cross entropy.
    pub candidates: CandidateClasses,
    #[serde(skip)]
    reservoir: Reservoir,
    #[serde(skip)]
    tasks: BTreeMap<usize, SeenTask>,
    #[serde(skip)]
    augment: Option<Augment>,
}

/// What is needed of a task to see its images again.
struct SeenTask {
    samples: Arc<dyn Samples>,
    class_tokens: Vec<Vec<u32>>,
}

impl Method for DerPlusPlus {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn check(&self) -> Result<(), Error> {
        if self.memory == 0 || self.replay == 0 {
            return Err(Error::config("method", "memory and replay must be 1 or more"));
        }
        at_least_zero("method.alpha", self.alpha)?;
        at_least_zero("method.beta", self.beta)?;
        below_one("method.label-smoothing", self.label_smoothing)
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        let seen = SeenTask { samples: task.task.train.clone(), class_tokens: task.class_tokens()? };
        self.tasks.insert(task.task_id, seen);
        self.augment = Some(task.settings.augment);
        Ok(())
    }

    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        let logits = step.logits();
        let mut terms =
            vec![LossTerm::new("ce", losses::cross_entropy(logits.clone(), step.labels(), self.label_smoothing))];
        let mut rng = step.key().stream(Purpose::Method);
        if !self.reservoir.items.is_empty() {
            terms.extend(self.replay(step, &mut rng)?);
        }
        let logits = logits.inner().try_into_vec_as::<f32>().map_err(|error| Error::Device(error.to_string()))?;
        let batch = step.batch();
        let rows = logits.chunks_exact(logits.len() / batch.indices.len());
        for ((index, label), row) in batch.indices.iter().zip(&batch.labels).zip(rows) {
            let task = step.key().task as usize;
            let item = Item { task, index: *index, label: *label, logits: row.to_vec() };
            self.reservoir.offer(item, self.memory, &mut rng);
        }
        Ok(terms)
    }

    fn save(&self) -> Result<State, Error> {
        let tasks: Vec<usize> = self.tasks.keys().copied().collect();
        let tokens: Vec<&Vec<Vec<u32>>> = self.tasks.values().map(|task| &task.class_tokens).collect();
        State::default()
            .with_value("reservoir", &self.reservoir)?
            .with_value("tasks", &tasks)?
            .with_value("class-tokens", &tokens)
    }

    fn kept(&self) -> Result<Kept, Error> {
        let items = &self.reservoir.items;
        let numbers = items.iter().map(|item| item.logits.len() as u64).sum();
        Ok(Kept { numbers, images: items.len() as u64, ..Kept::default() })
    }

    fn load(&mut self, state: &State, past: &Past<'_>) -> Result<(), Error> {
        self.reservoir = state.value("reservoir")?;
        let tasks: Vec<usize> = state.value("tasks")?;
        let tokens: Vec<Vec<Vec<u32>>> = state.value("class-tokens")?;
        let known =
            |task: usize| past.tasks.get(task).ok_or_else(|| Error::config("method", format!("no task {task}")));
        let seen = |(task, class_tokens)| Ok((task, SeenTask { samples: known(task)?.train.clone(), class_tokens }));
        self.tasks = tasks.into_iter().zip(tokens).map(seen).collect::<Result<_, Error>>()?;
        Ok(())
    }
}

impl DerPlusPlus {
    /// The two terms of replay.
    fn replay(&self, step: &Step<'_>, rng: &mut impl Rng) -> Result<[LossTerm; 2], Error> {
        let (old, new) = (self.reservoir.draw(self.replay, rng), self.reservoir.draw(self.replay, rng));
        let items = [old.as_slice(), new.as_slice()].concat();
        let tasks: Vec<usize> = match self.candidates {
            CandidateClasses::SeenClasses => self.tasks.keys().copied().collect(),
            CandidateClasses::OwnTask => {
                self.tasks.keys().copied().filter(|task| items.iter().any(|item| item.task == *task)).collect()
            }
        };
        let texts: Vec<&Vec<u32>> = tasks.iter().flat_map(|task| &self.tasks[task].class_tokens).collect();
        let classes = step.encode_texts(&TokenBatch::new(&texts));
        let images = replay::images(&items, |task| self.tasks[&task].samples.clone(), step, self.augment)?;
        let scores = step.scaled(product(step.encode_images(images), classes.transpose()));
        let sizes: Vec<(usize, usize)> =
            tasks.iter().map(|task| (*task, self.tasks[task].class_tokens.len())).collect();
        let distance = Replay::new(&old, &sizes).distance(scores.clone().narrow(0, 0, old.len()));
        let own_task = self.candidates == CandidateClasses::OwnTask;
        let ce = Replay::new(&new, &sizes).cross_entropy(scores.narrow(0, old.len(), new.len()), own_task);
        Ok([
            LossTerm::new("replay-mse", distance).weighted(self.alpha),
            LossTerm::new("replay-ce", ce).weighted(self.beta),
        ])
    }
}

clf_core::register_method! {
    name: "der++",
    summary: "Replays images of earlier steps with the scores they had then.",
    paper: "Buzzega et al. 2020, arXiv 2004.07211",
    defaults: [include_str!("defaults.toml")],
    differences: &[
        "scores are scaled cosines with the prompts of an image's own task, as a CLIP has no head that grows",
        "a replayed image gets a new training crop, as the images of the task do",
    ],
    method: DerPlusPlus,
}
