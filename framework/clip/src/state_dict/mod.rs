//! Weights on the host: names, shapes and values, read from files of safetensors and `PyTorch`, written as safetensors.
//!
//! A [`StateDict`] knows nothing of models or devices. [`StateDict::read`] and [`StateDict::write`] handle files,
//! [`to_openai`] and [`to_layout`] translate between the key names of `OpenAI` CLIP, Hugging Face and `open_clip`, and
//! [`check_keys`] compares a dictionary with what a model expects.

mod error;
mod finite;
mod foreign;
mod hugging_face;
mod keys;
mod layout;
mod read;
mod torch;
mod write;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub(crate) use layout::is_text;

pub use error::{KeyMismatch, StateDictError};
pub use keys::{check_keys, is_known_buffer};
pub use layout::{Layout, detect_layout, to_layout, to_openai};
pub use write::Stored;

/// One tensor in host memory, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Extent of each dimension; empty for a single number.
    pub shape: Vec<usize>,
    /// The values, as many as the product of `shape`.
    pub data: Vec<f32>,
}

impl HostTensor {
    /// A tensor of the given shape.
    ///
    /// # Panics
    ///
    /// If `data` has another length than the product of `shape`.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<f32>) -> Self {
        let shape = shape.into();
        let count = shape.iter().product::<usize>();
        assert_eq!(data.len(), count, "values of a tensor of shape {shape:?}");
        Self { shape, data }
    }

    /// A single number, of shape `[]`.
    pub fn scalar(value: f32) -> Self {
        Self::new([], vec![value])
    }
}

/// Named tensors in the order of their names, and the notes of the file they came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateDict {
    /// The tensors by name.
    pub tensors: BTreeMap<String, HostTensor>,
    /// Free text by name, kept in the header of the file.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// The tensor called `name`.
    pub fn get(&self, name: &str) -> Option<&HostTensor> {
        self.tensors.get(name)
    }

    /// Adds a tensor, or replaces the one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: HostTensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// The names and shapes, in the form that [`check_keys`] takes.
    pub fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let shape = |(name, tensor): (&String, &HostTensor)| (name.clone(), tensor.shape.clone());
        self.tensors.iter().map(shape).collect()
    }

    /// SHA-256 of names, shapes and the exact bits of all values as 64 hexadecimal digits; metadata does not count.
    ///
    /// Two models with equal weights have equal hashes, however they were stored.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (name, tensor) in &self.tensors {
            // Lengths go first, so that no two dictionaries spell the same bytes.
            let lengths = [name.len(), tensor.shape.len()];
            for number in lengths.iter().chain(&tensor.shape) {
                hash.update((*number as u64).to_le_bytes());
            }
            hash.update(name);
            write::for_each_block(&tensor.data, Stored::F32, |bytes| hash.update(bytes));
        }
        hex::encode(hash.finalize())
    }
}

impl FromIterator<(String, HostTensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (String, HostTensor)>>(tensors: I) -> Self {
        Self { tensors: tensors.into_iter().collect(), metadata: BTreeMap::new() }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A CLIP of two different towers under `OpenAI`'s names; every value is different.
    ///
    /// Image 16 in patches of 8, widths 6 and 4, two layers and one layer, 5 positions, 10 ids, 3 features.
    pub(crate) fn small_clip() -> StateDict {
        let mut dict = StateDict::default();
        let mut next = 0_u16;
        let mut add = |name: String, shape: &[usize]| {
            let values = shape.iter().product::<usize>();
            let data = (0..values)
                .map(|_| {
                    next += 1;
                    f32::from(next).sqrt()
                })
                .collect();
            dict.insert(name, HostTensor::new(shape, data));
        };
        add("logit_scale".into(), &[]);
        add("positional_embedding".into(), &[5, 4]);
        add("text_projection".into(), &[4, 3]);
        add("token_embedding.weight".into(), &[10, 4]);
        add("visual.class_embedding".into(), &[6]);
        add("visual.conv1.weight".into(), &[6, 3, 8, 8]);
        add("visual.positional_embedding".into(), &[5, 6]);
        add("visual.proj".into(), &[6, 3]);
        for (norm, width) in [("visual.ln_pre", 6), ("visual.ln_post", 6), ("ln_final", 4)] {
            add(format!("{norm}.weight"), &[width]);
            add(format!("{norm}.bias"), &[width]);
        }
        for (tower, layer, width) in [("visual.", 0, 6), ("visual.", 1, 6), ("", 0, 4)] {
            let block = format!("{tower}transformer.resblocks.{layer}");
            add(format!("{block}.attn.in_proj_weight"), &[3 * width, width]);
            add(format!("{block}.attn.in_proj_bias"), &[3 * width]);
            for (part, rows, columns) in
                [("attn.out_proj", width, width), ("mlp.c_fc", 4 * width, width), ("mlp.c_proj", width, 4 * width)]
            {
                add(format!("{block}.{part}.weight"), &[rows, columns]);
                add(format!("{block}.{part}.bias"), &[rows]);
            }
            for norm in ["ln_1", "ln_2"] {
                add(format!("{block}.{norm}.weight"), &[width]);
                add(format!("{block}.{norm}.bias"), &[width]);
            }
        }
        dict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_sees_one_bit_and_not_the_metadata() {
        let dict = testing::small_clip();
        let mut noted = dict.clone();
        noted.metadata.insert("epoch".into(), "3".into());
        assert_eq!(dict.sha256(), noted.sha256());
        let mut changed = dict.clone();
        let value = &mut changed.tensors.get_mut("visual.proj").unwrap().data[7];
        *value = f32::from_bits(value.to_bits() ^ 1);
        assert_ne!(dict.sha256(), changed.sha256());
    }

    #[test]
    fn the_hash_sees_names_and_shapes() {
        let hash = |name: &str, shape: &[usize]| {
            let tensor = HostTensor::new(shape, vec![0.0; 6]);
            StateDict::from_iter([(name.to_owned(), tensor)]).sha256()
        };
        assert_ne!(hash("a", &[2, 3]), hash("a", &[3, 2]));
        assert_ne!(hash("a", &[6]), hash("b", &[6]));
    }

    #[test]
    #[should_panic(expected = "shape [2, 2]")]
    fn a_tensor_of_the_wrong_length_is_refused() {
        let _ = HostTensor::new([2, 2], vec![0.0; 3]);
    }
}
