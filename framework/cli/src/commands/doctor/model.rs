//! Logits against those of open_clip, and the weights of the model that was named.

use std::{fs, path::Path, sync::Arc};

use clf_core::{
    Error,
    burn::tensor::{Device, Tensor, TensorData},
    clip::{Activation, Clip, TokenBatch, Tokenizer},
    data::{DatasetError, Samples, Transform, load_batch},
    image::{DynamicImage, Rgb, RgbImage},
    product,
};
use clf_fetch::size;
use serde::Deserialize;

use super::{
    super::model::{Inspected, inspect_whole},
    Patient, Verdict,
};
use crate::{
    model::{self, EMBEDDED},
    model_files,
};

/// What open_clip and PyTorch computed, made by `assets/doctor/make.py`.
const EMBEDDED_RECORD: &str = include_str!("../../../assets/doctor/mini-clip.json");
/// Largest difference of a logit, 100 times a cosine, of the built-in model: its arithmetic has 24 bits everywhere.
const LOGIT_LIMIT: f64 = 2e-3;
/// The same for models of many layers and weights of 16 bits.
const LARGE_LOGIT_LIMIT: f64 = 0.05;
/// Largest deviation of the length of a feature from one.
const LENGTH_LIMIT: f64 = 1e-3;

/// A recorded computation.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// The programs that computed it.
    pub made_by: String,
    pub texts: Vec<String>,
    /// Ids of the texts, the end token included.
    pub ids: Vec<Vec<u32>>,
    /// 100 times the cosine of every picture with every text.
    pub logits: Vec<Vec<f64>>,
    /// Losses of a few training steps, and their learning rate.
    #[serde(default)]
    pub losses: Vec<f64>,
    #[serde(default)]
    pub learning_rate: f64,
}

impl Record {
    /// That of the built-in model.
    pub fn embedded() -> Result<Self, Error> {
        serde_json::from_str(EMBEDDED_RECORD).map_err(|error| Error::Defect(format!("the built-in record: {error}")))
    }

    /// The one beside weights, if there is one.
    fn beside(weights: &Path) -> Result<Option<Self>, Error> {
        let path = weights.with_file_name(format!("{}.logits.json", weights.file_name().unwrap_or_default().display()));
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
        let read = serde_json::from_str(&text);
        read.map(Some)
            .map_err(|error| Error::UnusableModel { path, reason: format!("not a record of logits: {error}") })
    }
}

/// Pictures of a formula that `make.py` has as well.
pub struct Formula {
    pub count: usize,
    pub side: u32,
}

impl Samples for Formula {
    fn len(&self) -> usize {
        self.count
    }

    fn label(&self, index: usize) -> Option<usize> {
        Some(index)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let number = index as u32;
        let value =
            |x: u32, y: u32, channel: u32| (x * 7 + y * 13 + channel * 31 + number * 57 + x * y * (number + 1)) % 256;
        let pixel = |x, y| Rgb([0, 1, 2].map(|channel: u32| value(x, y, channel) as u8));
        Ok(RgbImage::from_fn(self.side, self.side, pixel).into())
    }
}

/// The built-in model on the device.
pub fn embedded(device: &Device) -> Result<Clip, Error> {
    let read = model::read(EMBEDDED, None, Path::new(""))?;
    Ok(Clip::from_state_dict(&read.dict, &read.config, device)?)
}

pub fn logits(patient: &Patient) -> Verdict {
    let Some(device) = patient.device() else { return Verdict::skipped("there is no device") };
    let compared = embedded(device).and_then(|clip| compare(&clip, &Record::embedded()?));
    let judged = compared.and_then(|difference| {
        let found = format!("{EMBEDDED} differs from open_clip by {difference:.1e} of logits up to 100");
        within(difference, LOGIT_LIMIT, &found)
    });
    Verdict::of(judged, "try --device cpu; if that is wrong as well, build clf anew and report it")
}

/// Ok with `found`, or the device computes something else.
fn within(difference: f64, limit: f64, found: &str) -> Result<Verdict, Error> {
    if difference <= limit {
        return Ok(Verdict::ok(format!("{found} (limit {limit:.0e})")));
    }
    Err(Error::Device(format!("{found}, more than {limit:.0e}")))
}

/// Largest difference of a logit from the record; features that are not of length one count as infinitely wrong.
fn compare(clip: &Clip, record: &Record) -> Result<f64, Error> {
    let logits = compute(clip, record.logits.len(), &record.ids)?;
    let expected: Vec<f64> = record.logits.iter().flatten().copied().collect();
    if logits.len() != expected.len() {
        return Err(Error::Defect("the record has another number of pictures or texts".to_owned()));
    }
    Ok(logits.iter().zip(expected).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max))
}

/// 100 times the cosine of the first `pictures` pictures with the texts of these `ids`.
///
/// # Shapes
///
/// - output: `[pictures, texts]`, flat
fn compute(clip: &Clip, pictures: usize, ids: &[Vec<u32>]) -> Result<Vec<f64>, Error> {
    let side = clip.config().vision.image_size;
    let samples: Arc<dyn Samples> = Arc::new(Formula { count: pictures, side: side as u32 });
    let indices: Vec<usize> = (0..pictures).collect();
    let batch = load_batch(&*samples, &indices, 0, Transform::test(side))?;
    let pixels = Tensor::<4>::from_data(TensorData::new(batch.pixels, [pictures, 3, side, side]), &clip.device());
    let (images, texts) = (clip.encode_images(pixels), clip.encode_texts(&TokenBatch::new(ids)));
    let lengths = Tensor::cat(vec![images.clone(), texts.clone()], 0).square().sum_dim(1);
    for length in numbers(lengths)? {
        if (length - 1.0).abs() > LENGTH_LIMIT || length.is_nan() {
            return Err(Error::Device(format!("a feature has the length {} instead of 1", length.sqrt())));
        }
    }
    numbers(product(images, texts.transpose()) * 100.0)
}

fn numbers(tensor: Tensor<2>) -> Result<Vec<f64>, Error> {
    let count = tensor.dims().iter().product::<usize>();
    let values = tensor.reshape([count]).try_into_vec_as::<f32>().map_err(|error| Error::Device(error.to_string()))?;
    Ok(values.into_iter().map(f64::from).collect())
}

/// Refuses a name that no model has.
///
/// # Errors
///
/// With the nearest name.
pub fn check_name(name: Option<&str>, data_root: &Path) -> Result<(), Error> {
    match name {
        Some(name) if name != EMBEDDED && !model::is_file(name) => model_files::find(name, data_root).map(drop),
        _ => Ok(()),
    }
}

pub fn weights(patient: &Patient) -> Verdict {
    match patient.model.as_deref() {
        None => Verdict::skipped(there(&patient.data.path)),
        Some(EMBEDDED) => Verdict::skipped(format!("{EMBEDDED} is built in; see logits")),
        Some(name) => Verdict::of(examine(patient, name), "get other weights, see clf model list"),
    }
}

/// Which published weights there are.
fn there(data_root: &Path) -> String {
    let models = model_files::all(data_root).unwrap_or_default();
    let found = models.iter().filter(|model| model_files::locate(model, data_root).is_some());
    let names: Vec<&str> = found.map(|model| model.name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("of published models there: {names}; --model NAME examines one")
}

/// The weights called `name`: checksum, tensors, activation, logits.
fn examine(patient: &Patient, name: &str) -> Result<Verdict, Error> {
    let root = &patient.data.path;
    let Inspected { path, bytes, parameters, activation, checksum } = inspect_whole(name, root)?;
    let read = model::read(name, None, root)?;
    let words = match activation {
        Some(Activation::QuickGelu) => "QuickGELU",
        Some(Activation::Gelu) => "GELU",
        None => "activation not said",
    };
    let found = format!("{}: {}, {parameters} parameters, {words}, {checksum}", path.display(), size(bytes));
    let Some(device) = patient.device() else { return Ok(Verdict::skipped(format!("{found}; there is no device"))) };
    let clip = Clip::from_state_dict(&read.dict, &read.config, device)?;
    let logits = match Record::beside(&path)? {
        Some(record) => {
            let difference = compare(&clip, &record)?;
            let found = format!("logits differ by {difference:.1e} from {}", record.made_by);
            within(difference, LARGE_LOGIT_LIMIT, &found)?.finding
        }
        None => plausible(&clip)?,
    };
    let found = format!("{found}; {logits}");
    if activation.is_none() {
        return Ok(Verdict::warning(found, "QuickGELU is taken; say --activation gelu if it was trained with GELU"));
    }
    Ok(Verdict::ok(found))
}

/// Without a record, what every CLIP must do: features of length one, and logits that differ.
fn plausible(clip: &Clip) -> Result<String, Error> {
    let record = Record::embedded()?;
    let tokenizer = Tokenizer::for_vocab_size(clip.config().text.vocab_size);
    let tokenizer = tokenizer.map_err(|error| Error::config("model", error.to_string()))?;
    let length = clip.config().text.context_length;
    let ids: Vec<Vec<u32>> = record.texts.iter().map(|text| tokenizer.encode(text, length)).collect();
    let logits = compute(clip, record.logits.len(), &ids)?;
    let spread = logits.iter().copied().fold(f64::MIN, f64::max) - logits.iter().copied().fold(f64::MAX, f64::min);
    if spread <= 0.0 {
        return Err(Error::Device("all pictures and texts are the same to it".to_owned()));
    }
    Ok("it computes; no logits are recorded for it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_model_has_the_logits_of_open_clip() {
        let difference = compare(&embedded(&Device::flex()).unwrap(), &Record::embedded().unwrap()).unwrap();
        assert!(difference < LOGIT_LIMIT, "{difference}");
    }

    #[test]
    fn another_activation_is_found_out() {
        let mut read = model::read(EMBEDDED, None, Path::new("")).unwrap();
        read.config.activation = Activation::Gelu;
        let clip = Clip::from_state_dict(&read.dict, &read.config, &Device::flex()).unwrap();
        let difference = compare(&clip, &Record::embedded().unwrap()).unwrap();
        assert!(difference > 100.0 * LOGIT_LIMIT, "{difference}");
    }
}
