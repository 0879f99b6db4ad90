use burn::tensor::Tensor;
use clf_clip::Clip;
use serde::{Deserialize, Serialize};

use crate::{
    capabilities::Capabilities,
    error::Error,
    hook::RegularizerHook,
    losses,
    step::{LossTerm, Step},
    task::{TaskContext, encode_texts_in_chunks},
};

/// Which model the student is tied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Teacher {
    /// The untouched model, as in ZSCL.
    ZeroShot,
    /// The student as it was before the task, as in `LwF`.
    TaskStart,
}

/// Feature-space distillation on reference data (ZSCL, Zheng et al. 2023, section 3.2).
///
/// With unit features of the reference images `z` (student) and `y` (teacher), reference texts `R` (teacher, always)
/// and the frozen logit scale `s`: `Lt = s y R^T` and `Ls = s z R^T`. The image axis compares rows, the text axis
/// columns. The student's text tower never sees the reference texts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Distill {
    /// The model to stay close to.
    pub teacher: Teacher,
    /// Compare the distribution over texts of every image.
    pub image: bool,
    /// Compare the distribution over images of every text.
    pub text: bool,
    /// Factor on each of the two terms.
    pub weight: f64,
    /// Softmax temperature.
    pub temperature: f64,
    #[serde(skip)]
    frozen: Option<Frozen>,
}

/// The teacher and what never changes about it.
#[derive(Debug)]
struct Frozen {
    model: Clip,
    texts: Tensor<2>,
}

impl RegularizerHook for Distill {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reference_images: true, reference_texts: true, ..Capabilities::default() }
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(Error::config("hook.distill.temperature", "must be positive"));
        }
        if !(self.image || self.text) {
            return Err(Error::config("hook.distill", "image and text are both false; remove the hook instead"));
        }
        let model = match self.teacher {
            // The untouched model is the same in every task, so its text features are computed once.
            Teacher::ZeroShot if self.frozen.is_some() => return Ok(()),
            Teacher::ZeroShot => task.zero_shot,
            Teacher::TaskStart => task.student,
        };
        let texts = encode_texts_in_chunks(model, task.reference_texts);
        self.frozen = Some(Frozen { model: model.clone(), texts });
        Ok(())
    }

    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        let (Some(frozen), Some(images), Some(student)) =
            (&self.frozen, step.reference_images(), step.reference_features())
        else {
            return Err(Error::config("hook.distill", "there are no reference images in this step"));
        };
        let texts = frozen.texts.clone().transpose();
        let teacher = step.scaled(frozen.model.encode_images(images).matmul(texts.clone()));
        let student = step.scaled(student.matmul(texts));
        let mut terms = Vec::with_capacity(2);
        if self.image {
            let value = losses::distillation(teacher.clone(), student.clone(), self.temperature);
            terms.push(LossTerm::new("distill-image", value).weighted(self.weight));
        }
        if self.text {
            let value = losses::distillation(teacher.transpose(), student.transpose(), self.temperature);
            terms.push(LossTerm::new("distill-text", value).weighted(self.weight));
        }
        Ok(terms)
    }
}

crate::register_hook! {
    name: "distill",
    summary: "Keeps image-text similarities on reference data close to those of a teacher.",
    paper: "Zheng et al. 2023, arXiv 2303.06628, section 3.2",
    defaults: include_str!("distill.toml"),
    hook: Distill,
}
