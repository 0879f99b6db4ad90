//! Reads the files that `PyTorch` writes, without running what is in them.
//!
//! `torch.save` and `torch.jit.save` write a zip archive: `NAME/data.pkl` is a pickle with everything but the numbers, and
//! `NAME/data/0`, `NAME/data/1`, ... are the storages that its tensors look at. A pickle is a program for a stack machine
//! that may call any Python function. Here nothing is called: the machine knows the opcodes that build numbers, texts and
//! containers, and the few names that tensors are made of; a file that asks for any other name is refused by that name.
//!
//! | written by | root of the pickle |
//! |---|---|
//! | `torch.save(model.state_dict(), ..)` | a dictionary of tensors |
//! | a training script | a dictionary with such a dictionary under `state_dict`, names often with `module.` in front |
//! | `torch.jit.save(..)`, `OpenAI`'s `.pt` files | an object of a `__torch__` class, tensors and parts as its attributes |
//!
//! A hostile archive costs no more than its own size: values of the pickle live once in an arena, opcodes are counted,
//! storages have to be as long as the pickle says and are never compressed, and all tensors together look at no more
//! numbers than the file has bytes. Nothing is written, and no name in the archive becomes a path.
//!
//! The crate `pytorch-reader`, which burn uses, reads the first two kinds but no `torch.jit` archives, and keeps unknown
//! calls as opaque values instead of refusing them.

mod archive;
mod collect;
mod machine;
mod names;
#[cfg(test)]
mod sample;
mod tensor;

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::Path;

use super::read::floats;
use super::{HostTensor, StateDict, StateDictError, is_known_buffer};
use archive::Archive;
use machine::Machine;
use tensor::Tensor;

/// Why a file was not read; the file's name is added outside.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It names something that weights are not made of.
    Refused(String),
    /// It is damaged, or of another form.
    Unreadable(String),
    /// A tensor holds something else than floating point numbers: its name and type.
    DataType(String, String),
}

impl Fault {
    fn at(self, path: &Path) -> StateDictError {
        let path = path.to_owned();
        match self {
            Self::Refused(name) => StateDictError::Refused { path, name },
            Self::Unreadable(reason) => StateDictError::Torch { path, reason },
            Self::DataType(name, dtype) => StateDictError::DataType { path, name, dtype },
        }
    }
}

/// Reads all tensors of the archive `source` of `bytes` bytes as f32; `path` stands for it in messages.
pub(super) fn read(source: impl Read + Seek, bytes: u64, path: &Path) -> Result<StateDict, StateDictError> {
    let tensors = Archive::open(source, bytes).and_then(load);
    tensors.map_err(|fault| fault.at(path))
}

fn load<R: Read + Seek>(mut archive: Archive<R>) -> Result<StateDict, Fault> {
    let pickle = archive.pickle()?;
    let found = collect::tensors(&Machine::new(&pickle).run()?)?;
    let numbers = found.values().fold(0_u64, |sum, tensor| sum.saturating_add(tensor.span as u64));
    if numbers > archive.bytes() {
        let reason = format!("its tensors look at {numbers} numbers, more than its {} bytes hold", archive.bytes());
        return Err(Fault::Unreadable(reason));
    }
    // Tensors of one storage together, so that each is read once.
    let mut of_storage: BTreeMap<String, Vec<(String, Tensor)>> = BTreeMap::new();
    for (name, tensor) in found {
        if tensor.storage.is_float() {
            of_storage.entry(tensor.storage.key.clone()).or_default().push((name, tensor));
        } else if !is_known_buffer(&name) {
            return Err(Fault::DataType(name, format!("{:?}", tensor.storage.dtype)));
        }
    }
    let mut dict = StateDict::default();
    for tensors in of_storage.into_values() {
        insert_all(&mut dict, &mut archive, tensors)?;
    }
    Ok(dict)
}

/// Reads the storage that all `tensors` look at, and inserts them.
fn insert_all<R: Read + Seek>(
    dict: &mut StateDict,
    archive: &mut Archive<R>,
    tensors: Vec<(String, Tensor)>,
) -> Result<(), Fault> {
    let mut content: Option<Vec<u8>> = None;
    for (name, tensor) in tensors {
        let storage = &tensor.storage;
        let bytes = match &content {
            Some(bytes) if bytes.len() as u64 == storage.bytes() => bytes,
            Some(_) => return Err(Fault::Unreadable(format!("storage `{}` has two lengths", storage.key))),
            None => content.insert(archive.storage(&storage.key, storage.bytes())?),
        };
        let Some(values) = floats(storage.dtype, &bytes[tensor.bytes()]) else {
            return Err(Fault::DataType(name, format!("{:?}", storage.dtype)));
        };
        let data = tensor.gather(values);
        dict.insert(name, HostTensor::new(tensor.shape, data));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
