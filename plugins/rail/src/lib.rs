//! RAIL: a classifier in closed form on frozen features, fused with the zero-shot classifier. Nothing is forgotten, since
//! the solution is that of all tasks at once.
//!
//! Xu et al. 2024, "Advancing Cross-domain Discriminability in Continual Learning of Vision-Language Models", arXiv
//! 2406.18868, in its primal form.

mod ridge;

use clf_core::{
    Capabilities, Error, LossTerm, Method, Past, State, Step, Trains,
    burn::tensor::{Bool, Int, Tensor, TensorData, activation},
    data::Augment,
    erased_serde, passes, product,
    random::{Key, Purpose},
    task::{Candidates, Scoring, TaskContext},
};
use rand::Rng;
use serde::{Deserialize, Serialize};

use ridge::Ridge;

/// Images whose features are expanded at once.
const BATCH: usize = 512;

/// Ridge regression from `relu(f R)` to one-hot labels, `f` being unit image features and `R` random.
///
/// An image whose zero-shot prediction is a class of a learned task is scored by
/// `fusion-weight * regression + (1 - fusion-weight) * softmax(100 cosine)`, any other by the second part alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rail {
    /// Width of the random expansion; 0 takes the features as they are.
    pub hidden: usize,
    /// Factor on the squared norm of the weights.
    pub regularization: f64,
    /// Share of the regression in the scores.
    pub fusion_weight: f64,
    /// `R`, `[embed, hidden]`.
    #[serde(skip)]
    expansion: Option<Tensor<2>>,
    #[serde(skip)]
    ridge: Ridge,
    /// Learned tasks with their numbers of classes, in the order of the columns.
    #[serde(skip)]
    learned: Vec<(usize, usize)>,
}

impl Rail {
    /// # Shapes
    ///
    /// - `features`: `[images, embed]`
    /// - output: `[images, hidden]`
    fn expand(&self, features: Tensor<2>) -> Tensor<2> {
        match &self.expansion {
            Some(expansion) => activation::relu(product(features, expansion.clone())),
            None => features,
        }
    }

    /// The column of the first class of `task`, if it is learned.
    fn first_column(&self, task: usize) -> Option<usize> {
        let at = self.learned.iter().position(|(learned, _)| *learned == task)?;
        Some(self.learned[..at].iter().map(|(_, classes)| classes).sum())
    }

    /// Scores of the regression; 0 for classes that are not learned.
    ///
    /// # Shapes
    ///
    /// - output: `[images, classes]`
    fn regression(&self, features: Tensor<2>, weights: &Tensor<2>, candidates: &[Candidates]) -> Tensor<2> {
        let ([images, _], device) = (features.dims(), features.device());
        let scores = product(self.expand(features), weights.clone());
        let part = |task: &Candidates| match self.first_column(task.task) {
            Some(first) => scores.clone().narrow(1, first, task.classes),
            None => Tensor::zeros([images, task.classes], &device),
        };
        Tensor::cat(candidates.iter().map(part).collect(), 1)
    }
}

impl Method for Rail {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { trains: Trains::Nothing, closed_form: true, scores_from_state: true, ..Capabilities::default() }
    }

    fn check(&self) -> Result<(), Error> {
        if !(self.regularization.is_finite() && self.regularization > 0.0) {
            return Err(Error::config("method.regularization", "must be positive"));
        }
        if !(0.0..=1.0).contains(&self.fusion_weight) {
            return Err(Error::config("method.fusion-weight", "must be from 0 to 1"));
        }
        Ok(())
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        if self.expansion.is_none() && self.hidden > 0 {
            let embed = task.student.config().embed_dim;
            // The initialisation of a linear layer of PyTorch, as published.
            let bound = 1.0 / (embed as f32).sqrt();
            let mut rng = Key { seed: task.seed, ..Key::default() }.stream(Purpose::Method);
            let values: Vec<f32> = (0..embed * self.hidden).map(|_| rng.random_range(-bound..bound)).collect();
            self.expansion = Some(Tensor::from_data(TensorData::new(values, [embed, self.hidden]), task.device));
        }
        Ok(())
    }

    fn loss(&mut self, _step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        Ok(Vec::new())
    }

    fn end_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        let (samples, classes) = (&task.task.train, task.task.class_names.len());
        let indices: Vec<usize> = (0..samples.len()).collect();
        let mut sums: Option<(Tensor<2>, Tensor<2>)> = None;
        for batch in indices.chunks(BATCH) {
            let features = passes::image_features(task.student, samples, batch, Augment::None, task.key())?;
            let transposed = self.expand(features).transpose();
            let truth: Vec<Option<usize>> = batch.iter().map(|index| samples.label(*index)).collect();
            let one_hot: Vec<f32> = truth
                .iter()
                .flat_map(|label| (0..classes).map(|class| f32::from(u8::from(*label == Some(class)))))
                .collect();
            let one_hot = Tensor::<2>::from_data(TensorData::new(one_hot, [batch.len(), classes]), task.device);
            let gram = product(transposed.clone(), transposed.clone().transpose());
            let cross = product(transposed, one_hot);
            sums = Some(match sums {
                None => (gram, cross),
                Some((a, b)) => (a + gram, b + cross),
            });
        }
        if let Some((gram, cross)) = sums {
            self.ridge.add(gram, cross);
            self.learned.push((task.task_id, classes));
        }
        self.ridge.solve(self.regularization)
    }

    fn scores(&self, scoring: &Scoring<'_>) -> Result<Tensor<2>, Error> {
        let zero_shot = activation::softmax(scoring.cosine_scores(), 1);
        let Some(weights) = &self.ridge.weights else { return Ok(zero_shot) };
        let [images, classes] = zero_shot.dims();
        let regression = self.regression(scoring.image_features.clone(), weights, scoring.candidates);
        let fused = regression * self.fusion_weight + zero_shot.clone() * (1.0 - self.fusion_weight);
        let known: Vec<bool> = (scoring.candidates.iter())
            .flat_map(|task| std::iter::repeat_n(self.first_column(task.task).is_some(), task.classes))
            .collect();
        let known = Tensor::<1, Bool>::from_data(TensorData::new(known, [classes]), &zero_shot.device());
        let predicted: Tensor<1, Int> = zero_shot.clone().argmax(1).reshape([images]);
        let belongs = known.int().select(0, predicted).equal_elem(1).reshape([images, 1]).expand([images, classes]);
        Ok(zero_shot.mask_where(belongs, fused))
    }

    fn save(&self) -> Result<State, Error> {
        let tensors = [
            ("expansion", &self.expansion),
            ("gram", &self.ridge.gram),
            ("cross", &self.ridge.cross),
            ("weights", &self.ridge.weights),
        ];
        let state = State::default().with_value("learned", &self.learned)?;
        Ok(tensors.into_iter().fold(state, |state, (name, tensor)| match tensor {
            Some(tensor) => state.with_tensor(name, tensor.clone()),
            None => state,
        }))
    }

    fn load(&mut self, state: &State, past: &Past<'_>) -> Result<(), Error> {
        let tensor = |name: &str| state.tensors.contains_key(name).then(|| state.tensor(name, past.device)).transpose();
        self.expansion = tensor("expansion")?;
        self.ridge = Ridge { gram: tensor("gram")?, cross: tensor("cross")?, weights: tensor("weights")? };
        self.learned = state.value("learned")?;
        Ok(())
    }
}

clf_core::register_method! {
    name: "rail",
    summary: "Solves for a classifier on frozen features in closed form and fuses it with zero-shot scores.",
    paper: "Xu et al. 2024, arXiv 2406.18868",
    defaults: [include_str!("defaults.toml")],
    differences: &[
        "primal form alone; the regression is solved from sums kept over all tasks, which equals the published recursion",
        "features are those of the test transform; the published code takes one random training crop of each image",
    ],
    method: Rail,
}
