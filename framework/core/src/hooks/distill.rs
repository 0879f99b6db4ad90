use burn::tensor::{Bool, Tensor, TensorData};
use clf_clip::{Clip, Weights, kernels::product};
use serde::{Deserialize, Serialize};

use super::teacher::{FeatureCache, TextSource};
use crate::{
    capabilities::Capabilities,
    config::at_least_zero,
    cost::Kept,
    data::{Augment, Stream},
    error::Error,
    hook::RegularizerHook,
    losses,
    state::{Past, State},
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
    /// `teacher-alpha` times the start of the task, the rest the untouched model.
    Wise,
    /// The student itself, step by step. No gradient comes from it; the published class-incremental code does this by
    /// mistake where it means the start of the task.
    Student,
}

/// Where the images come from on which teacher and student are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSource {
    /// The scenario's reference images.
    Reference,
    /// The task's own images, in an order of their own.
    Current,
    /// Images of earlier tasks; there are none in the first.
    Memory,
}

/// Transform of the task's own images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamTransform {
    /// Resize and centre crop.
    Test,
    /// The training transform.
    Train,
}

impl StreamTransform {
    /// Random part, given that of the training images.
    pub(crate) fn augment(self, train: Augment) -> Augment {
        if self == Self::Train { train } else { Augment::None }
    }
}

/// Feature-space distillation (ZSCL, Zheng et al. 2023, section 3.2; `LwF`, Li and Hoiem 2016, for two towers).
///
/// With unit features of the compared images `z` (student) and `y` (teacher), texts `R` (teacher, always) and the frozen
/// logit scale `s`: `Lt = s y R^T` and `Ls = s z R^T`. The image term compares rows, the text term columns, the
/// image-image term the rows of `s y y^T` and `s z z^T` off the diagonal, feature-mse the features themselves. The
/// student's text tower never sees the texts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent terms")]
pub struct Distill {
    /// The model to stay close to.
    pub teacher: Teacher,
    /// Share of the task's start in [`Teacher::Wise`].
    pub teacher_alpha: f64,
    /// The images.
    pub images: ImageSource,
    /// Transform of [`ImageSource::Current`].
    pub current_transform: StreamTransform,
    /// The texts.
    pub texts: TextSource,
    /// Number of random texts.
    pub random_texts: usize,
    /// Ids in a random text, start and end not counted.
    pub random_length: usize,
    /// Compare the distribution over texts of every image.
    pub image: bool,
    /// Compare the distribution over images of every text.
    pub text: bool,
    /// Compare the distribution over the other images of every image (reference, `--ablation_loss_2`).
    pub image_image: bool,
    /// Compare the features, with weight one (reference, `--feature_mse`).
    pub feature_mse: bool,
    /// Factor on the first three terms.
    pub weight: f64,
    /// Softmax temperature.
    pub temperature: f64,
    /// Compute what a frozen teacher says about a text or an image once, not in every step. Takes four bytes a feature and
    /// image, and changes no loss.
    pub cache: bool,
    #[serde(skip)]
    tokens: Vec<Vec<u32>>,
    #[serde(skip)]
    frozen: Option<Frozen>,
}

/// A teacher that does not change, its text features, and its image features as far as they are known.
#[derive(Debug)]
struct Frozen {
    model: Clip,
    texts: Tensor<2>,
    images: FeatureCache,
}

/// What the teacher says in a step: `y` and `R`.
struct Targets {
    images: Tensor<2>,
    texts: Tensor<2>,
}

impl Distill {
    fn stream(&self) -> &'static str {
        match self.images {
            ImageSource::Reference => Stream::REFERENCE,
            ImageSource::Current => Stream::CURRENT,
            ImageSource::Memory => Stream::MEMORY,
        }
    }

    fn targets(&mut self, step: &Step<'_>) -> Result<Option<Targets>, Error> {
        let Some(batch) = step.stream(self.stream()) else { return Ok(None) };
        let Some(frozen) = &mut self.frozen else {
            // The student is its own teacher.
            let texts = encode_texts_in_chunks(step.model(), &self.tokens).inner();
            let images = step.stream_features(self.stream()).map(Tensor::inner);
            return Ok(images.map(|images| Targets { images, texts }));
        };
        let images = if self.cache && batch.augment == Augment::None {
            frozen.images.features(&frozen.model, batch)?
        } else {
            frozen.model.encode_images(batch.images.clone())
        };
        let again = || encode_texts_in_chunks(&frozen.model, &self.tokens);
        let texts = if self.cache { frozen.texts.clone() } else { again() };
        Ok(Some(Targets { images, texts }))
    }

    /// The terms of `student` features against those of the teacher.
    ///
    /// # Shapes
    ///
    /// - `student`: `[batch, embed]`
    fn terms(&self, step: &Step<'_>, student: &Tensor<2>, teacher: Targets) -> Vec<LossTerm> {
        let texts = teacher.texts.transpose();
        let mut terms = Vec::with_capacity(4);
        let mut distil = |name, teacher, student| {
            let value = losses::distillation(teacher, student, self.temperature);
            terms.push(LossTerm::new(name, value).weighted(self.weight));
        };
        let targets = step.scaled(product(teacher.images.clone(), texts.clone()));
        let logits = step.scaled(product(student.clone(), texts));
        if self.image {
            distil("distill-image", targets.clone(), logits.clone());
        }
        if self.text {
            distil("distill-text", targets.transpose(), logits.transpose());
        }
        if self.image_image {
            let others = |features: &Tensor<2>| {
                let similarity = step.scaled(product(features.clone(), features.clone().transpose()));
                without_diagonal(similarity)
            };
            distil("distill-image-image", others(&teacher.images), others(student));
        }
        if self.feature_mse {
            let value = (student.clone() - teacher.images).square().mean();
            terms.push(LossTerm::new("feature-mse", value));
        }
        terms
    }
}

/// Similarities with that of each image to itself out of reach of the softmax.
///
/// # Shapes
///
/// - `similarity`, output: `[batch, batch]`
fn without_diagonal(similarity: Tensor<2>) -> Tensor<2> {
    let [batch, _] = similarity.dims();
    let diagonal: Vec<bool> = (0..batch * batch).map(|i| i / batch == i % batch).collect();
    let device = similarity.device().without_autodiff();
    let diagonal = Tensor::<2, Bool>::from_data(TensorData::new(diagonal, [batch, batch]), &device);
    similarity.mask_fill(diagonal, FAR_BELOW)
}

/// What the reference code writes on the diagonal.
const FAR_BELOW: f64 = -1e4;

impl RegularizerHook for Distill {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            reference_images: self.images == ImageSource::Reference,
            memory: self.images == ImageSource::Memory,
            reference_texts: self.texts == TextSource::Reference,
            reference_classes: self.texts == TextSource::ReferenceClasses,
            ..Capabilities::default()
        }
    }

    fn check(&self) -> Result<(), Error> {
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(Error::config("hook.distill.temperature", "must be positive"));
        }
        at_least_zero("hook.distill.weight", self.weight)?;
        if !(0.0..=1.0).contains(&self.teacher_alpha) {
            return Err(Error::config("hook.distill.teacher-alpha", "must be from 0 to 1"));
        }
        if !(self.image || self.text || self.image_image || self.feature_mse) {
            return Err(Error::config("hook.distill", "all of its terms are off; remove the hook instead"));
        }
        Ok(())
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        if self.images != ImageSource::Reference {
            // Positions stand for other images in another task.
            self.frozen = None;
        }
        let constant_texts = !matches!(self.texts, TextSource::Classes | TextSource::SeenClasses);
        if self.frozen.is_some() && self.teacher == Teacher::ZeroShot && constant_texts {
            // The untouched model and its texts are the same in every task.
            return Ok(());
        }
        let tokens = self.texts.tokens(task, self.random_texts, self.random_length)?;
        if self.texts == TextSource::SeenClasses {
            self.tokens.extend(tokens);
        } else {
            self.tokens = tokens;
        }
        let model = match self.teacher {
            Teacher::ZeroShot => task.zero_shot.clone(),
            Teacher::TaskStart => task.student.clone(),
            Teacher::Wise => Weights::of(task.student)
                .interpolate(&Weights::of(task.zero_shot), self.teacher_alpha)
                .load_into(task.zero_shot.clone()),
            Teacher::Student => return Ok(()),
        };
        let texts = encode_texts_in_chunks(&model, &self.tokens);
        let known = self.frozen.take().filter(|_| self.teacher == Teacher::ZeroShot);
        self.frozen = Some(Frozen { model, texts, images: known.map(|frozen| frozen.images).unwrap_or_default() });
        Ok(())
    }

    fn streams(&self, task: &TaskContext<'_>) -> Result<Vec<Stream>, Error> {
        Ok(match self.images {
            ImageSource::Reference => vec![task.reference_stream()?],
            ImageSource::Current => vec![task.current_stream(self.current_transform.augment(task.settings.augment))],
            ImageSource::Memory => Vec::new(),
        })
    }

    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        let (Some(targets), Some(student)) = (self.targets(step)?, step.stream_features(self.stream())) else {
            return Ok(Vec::new());
        };
        Ok(self.terms(step, &student, targets))
    }

    fn save(&self) -> Result<State, Error> {
        match self.texts {
            TextSource::SeenClasses => State::default().with_value("tokens", &self.tokens),
            _ => Ok(State::default()),
        }
    }

    fn kept(&self) -> Result<Kept, Error> {
        Ok(Kept { untouched_model: matches!(self.teacher, Teacher::ZeroShot | Teacher::Wise), ..Kept::default() })
    }

    fn load(&mut self, state: &State, _past: &Past<'_>) -> Result<(), Error> {
        if self.texts == TextSource::SeenClasses {
            self.tokens = state.value("tokens")?;
            if let Some(frozen) = &mut self.frozen {
                frozen.texts = encode_texts_in_chunks(&frozen.model, &self.tokens);
            }
        }
        Ok(())
    }
}

crate::register_hook! {
    name: "distill",
    summary: "Keeps similarities of images and texts close to those of a teacher.",
    paper: "Zheng et al. 2023, arXiv 2303.06628, section 3.2; Li and Hoiem 2016, arXiv 1606.09282",
    defaults: include_str!("distill.toml"),
    hook: Distill,
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn an_image_is_not_compared_with_itself() {
        let similarity = Tensor::<2>::from_data([[9.0_f32, 1.0], [2.0, 9.0]], &Device::flex());
        let values: Vec<f32> = without_diagonal(similarity).into_data().iter::<f32>().collect();
        assert_eq!(values, [-1e4, 1.0, 2.0, -1e4]);
    }
}
