//! A folder of recorded trajectories: manifest, weights, data.

use std::{collections::BTreeMap, env, fs, path::PathBuf, sync::Arc};

use clf_clip::{
    Activation, ClipConfig, Normalization, StateDict, TextConfig, VisionConfig,
    preprocess::{MEAN, STD},
};
use clf_core::{
    burn::tensor::Device,
    data::{BatchOrder, DatasetError, Samples},
    image::{DynamicImage, RgbImage},
    task::Prompt,
};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// Largest difference on other devices than the CPU.
const ELSEWHERE: f64 = 1e-4;

/// Any tensor of a file, widened.
#[derive(Clone)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

pub struct Golden {
    folder: PathBuf,
    pub manifest: Value,
    pub data: BTreeMap<String, Array>,
    pub trajectories: BTreeMap<String, Array>,
}

impl Golden {
    pub fn open() -> Self {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/reference");
        let folder = PathBuf::from(env::var_os("CLF_GOLDEN").unwrap_or_else(|| own.into()));
        let manifest = fs::read_to_string(folder.join("manifest.json"))
            .unwrap_or_else(|error| panic!("cannot read the manifest in {}: {error}", folder.display()));
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        // Pixels are normalised by the product itself.
        for (key, ours) in [("mean", MEAN), ("std", STD)] {
            let recorded: Vec<f32> = serde_json::from_value(manifest[key].clone()).unwrap();
            assert_eq!(recorded, ours, "{key} of the manifest");
        }
        Self {
            manifest,
            data: read(&folder.join("data.safetensors")),
            trajectories: read(&folder.join("trajectories.safetensors")),
            folder,
        }
    }

    pub fn settings(&self, method: &str) -> &Value {
        &self.manifest["methods"][method]["settings"]
    }

    pub fn config(&self) -> ClipConfig {
        let size = |key: &str| self.manifest["config"][key].as_u64().unwrap() as usize;
        ClipConfig {
            embed_dim: size("embed"),
            activation: Activation::QuickGelu,
            vision: VisionConfig {
                image_size: size("image_size"),
                patch_size: size("patch"),
                width: size("v_width"),
                layers: size("v_layers"),
                heads: size("v_heads"),
                normalization: Normalization::OpenAi,
            },
            text: TextConfig {
                context_length: size("context"),
                vocab_size: size("vocab"),
                width: size("t_width"),
                layers: size("t_layers"),
                heads: size("t_heads"),
            },
        }
    }

    pub fn weights(&self, name: &str) -> StateDict {
        StateDict::read(self.folder.join(format!("{name}.safetensors"))).unwrap()
    }

    /// All tensors of one of the folder's files.
    pub fn read(&self, name: &str) -> BTreeMap<String, Array> {
        read(&self.folder.join(format!("{name}.safetensors")))
    }

    /// Full final tensors or gradients, recorded for a few trajectories.
    pub fn full(&self, method: &str, part: &str) -> Option<BTreeMap<String, Array>> {
        let path = self.folder.join(format!("full.{method}.{part}.safetensors"));
        path.exists().then(|| read(&path))
    }

    /// Image pool `key` with the labels of `labels`, where there are any.
    pub fn pool(&self, key: &str, labels: Option<&str>) -> Arc<Pool> {
        let Array { shape, data } = self.data[key].clone();
        let labels = labels.map(|labels| self.data[labels].data.iter().map(|label| *label as usize).collect());
        Arc::new(Pool { shape, data, labels })
    }

    /// The first `count` images of pool `key`, all with label 0, for tasks whose labels do not matter.
    pub fn unlabelled(&self, key: &str, count: usize) -> Arc<Pool> {
        let Array { mut shape, mut data } = self.data[key].clone();
        shape[0] = shape[0].min(count);
        data.truncate(shape.iter().product());
        let labels = Some(vec![0; shape[0]]);
        Arc::new(Pool { shape, data, labels })
    }

    /// Recorded batches; -1 marks the end of a short one.
    pub fn batches(&self, key: &str) -> BatchOrder {
        let Array { shape, data } = &self.data[key];
        let batch = |row: &[f64]| row.iter().filter(|index| **index >= 0.0).map(|index| *index as usize).collect();
        BatchOrder::Recorded(Arc::new(data.chunks(shape[1]).map(batch).collect()))
    }

    /// Rows of token ids.
    pub fn prompts(&self, key: &str) -> Vec<Prompt> {
        let Array { shape, data } = &self.data[key];
        let ids = |row: &[f64]| Prompt::Tokens(row.iter().map(|id| *id as u32).collect());
        data.chunks(*shape.last().unwrap()).map(ids).collect()
    }
}

/// The device that is held against the records: the CPU, or what `CLF_TEST_DEVICE` names.
pub fn device() -> Device {
    let name = env::var("CLF_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    clf::device::open(&name).unwrap()
}

/// A limit of the CPU, or that of devices whose kernels are chosen as they run.
pub fn limit(cpu: f64) -> f64 {
    if device() == Device::flex() { cpu } else { cpu.max(ELSEWHERE) }
}

/// The texts of a JSON list.
pub fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Images in memory, `[n, 3, side, side]`.
pub struct Pool {
    shape: Vec<usize>,
    data: Vec<f64>,
    labels: Option<Vec<usize>>,
}

impl Samples for Pool {
    fn len(&self) -> usize {
        self.shape[0]
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.as_ref().map(|labels| labels[index])
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let (height, width) = (self.shape[2], self.shape[3]);
        let plane = height * width;
        let pixels = &self.data[index * 3 * plane..];
        let image = RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let at = y as usize * width + x as usize;
            [0, 1, 2].map(|channel| pixels[channel * plane + at] as u8).into()
        });
        Ok(DynamicImage::ImageRgb8(image))
    }
}

fn read(path: &std::path::Path) -> BTreeMap<String, Array> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let raw = view.data();
            let data: Vec<f64> = match view.dtype() {
                Dtype::U8 => raw.iter().map(|x| f64::from(*x)).collect(),
                Dtype::I16 => raw.chunks(2).map(|x| f64::from(i16::from_le_bytes(x.try_into().unwrap()))).collect(),
                Dtype::I64 => raw.chunks(8).map(|x| i64::from_le_bytes(x.try_into().unwrap()) as f64).collect(),
                Dtype::F32 => raw.chunks(4).map(|x| f64::from(f32::from_le_bytes(x.try_into().unwrap()))).collect(),
                Dtype::F64 => raw.chunks(8).map(|x| f64::from_le_bytes(x.try_into().unwrap())).collect(),
                other => panic!("{name} has type {other:?}"),
            };
            (name.to_owned(), Array { shape: view.shape().to_vec(), data })
        })
        .collect()
}
