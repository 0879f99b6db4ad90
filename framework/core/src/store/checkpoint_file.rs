//! A checkpoint as a safetensors file.
//!
//! The metadata holds `format`, `state` (JSON: everything that is no tensor) and `sha256`, the hash of the whole file with
//! 64 zeros in its own place. Tensors are called `student/NAME`, `weights/NAME`, `own/NAME`, `first/NAME` and `second/NAME`
//! (moments), flat and in the order of the model, and `state/OWNER/NAME`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
};

use burn::tensor::{Device, Tensor, TensorData};
use clf_clip::{HostTensor, Weights};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    engine::{AdamWMoments, Checkpoint, TaskProgress},
    error::Error,
    state::State,
};

const FORMAT: &str = "clf checkpoint 1";
/// What stands in the place of the hash while it is computed.
const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Bytes of the length in front of the header.
const PREFIX: usize = 8;
/// Alignment of the first tensor.
const ALIGNMENT: usize = 8;
/// Bytes of a number.
const WIDTH: usize = 4;
const STATE: &str = "state";

/// Everything of a checkpoint that is no tensor; `record` is that of who keeps it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Meta<R> {
    /// Bits of the accuracies, since not-a-number has no JSON form.
    rows: Vec<Vec<u64>>,
    learned: bool,
    step: Option<usize>,
    optimizer_steps: i32,
    states: BTreeMap<String, BTreeMap<String, Value>>,
    record: R,
}

/// Parts that are lists of parameters.
const PARTS: [&str; 5] = ["student", "weights", "own", "first", "second"];

fn parts(checkpoint: &Checkpoint) -> Vec<(&'static str, &Weights)> {
    let task = checkpoint.task.iter().flat_map(|task| {
        let AdamWMoments { first, second, .. } = &task.moments;
        [&task.weights, &task.own, first, second]
    });
    PARTS.into_iter().zip(std::iter::once(&checkpoint.student).chain(task)).collect()
}

/// Names, shapes and values of everything in the file, in its order.
fn tensors(checkpoint: &Checkpoint) -> impl Iterator<Item = (String, Content<'_>)> {
    let parts = parts(checkpoint).into_iter().flat_map(|(part, weights)| {
        weights.iter().map(move |(name, value)| (format!("{part}/{name}"), Content::Device(value)))
    });
    let states = checkpoint.states.iter().flat_map(|(owner, state)| {
        let name = move |name: &String| format!("{STATE}/{owner}/{name}");
        state.tensors.iter().map(move |(tensor, value)| (name(tensor), Content::Host(value)))
    });
    parts.chain(states)
}

enum Content<'a> {
    Device(&'a Tensor<1>),
    Host(&'a HostTensor),
}

impl Content<'_> {
    fn shape(&self) -> Vec<usize> {
        match self {
            Self::Device(tensor) => tensor.dims().to_vec(),
            Self::Host(tensor) => tensor.shape.clone(),
        }
    }

    /// Little-endian bytes, as on every machine that clf runs on.
    fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> Result<T, Error> {
        match self {
            Self::Host(tensor) => Ok(take(bytemuck::cast_slice(&tensor.data))),
            Self::Device(tensor) => {
                let values = Tensor::clone(tensor).try_into_vec_as::<f32>();
                let values = values.map_err(|error| Error::Device(error.to_string()))?;
                Ok(take(bytemuck::cast_slice(&values)))
            }
        }
    }
}

/// Writes a checkpoint to `path`, whole or not at all.
///
/// One tensor after the other is copied from the device, so that a checkpoint takes no memory of its own.
pub(super) fn write(path: &Path, checkpoint: &Checkpoint, record: &impl Serialize) -> Result<(), Error> {
    let header = header(checkpoint, record)?;
    let partial = path.with_extension("partial");
    let written = write_synced(&partial, &header, checkpoint);
    let renamed = written.and_then(|()| {
        let rename = fs::rename(&partial, path).and_then(|()| sync_folder(path));
        rename.map_err(|error| Error::io("write", path, error))
    });
    if renamed.is_err() {
        // The first error is the one to report; a left-over file is removed later.
        drop(fs::remove_file(&partial));
    }
    renamed
}

fn write_synced(path: &Path, header: &[u8], checkpoint: &Checkpoint) -> Result<(), Error> {
    let refused = |error: io::Error| Error::io("write", path, error);
    let mut file = BufWriter::new(File::create(path).map_err(refused)?);
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        file.write_all(bytes)
    };
    put(&(header.len() as u64).to_le_bytes()).and_then(|()| put(header)).map_err(refused)?;
    for (_, content) in tensors(checkpoint) {
        content.with_bytes(&mut put)?.map_err(refused)?;
    }
    let place = position_of_hash(header).ok_or_else(|| Error::Defect("no place for the hash".to_owned()))?;
    let digest = hex::encode(hash.finalize());
    let end = |mut file: BufWriter<File>| {
        file.seek(SeekFrom::Start((PREFIX + place) as u64))?;
        file.write_all(digest.as_bytes())?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    };
    end(file).map_err(refused)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn header(checkpoint: &Checkpoint, record: &impl Serialize) -> Result<Vec<u8>, Error> {
    let task = checkpoint.task.as_ref();
    let meta = Meta {
        rows: checkpoint.rows.iter().map(|row| row.iter().map(|value| value.to_bits()).collect()).collect(),
        learned: checkpoint.learned,
        step: task.map(|task| task.step),
        optimizer_steps: task.map_or(0, |task| task.moments.steps),
        states: checkpoint.states.iter().map(|(owner, state)| (owner.clone(), state.values.clone())).collect(),
        record,
    };
    let defect = |error: serde_json::Error| Error::Defect(format!("cannot encode a checkpoint: {error}"));
    let state = serde_json::to_string(&meta).map_err(defect)?;
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!({ "format": FORMAT, "sha256": NO_HASH, "state": state }));
    let mut start = 0;
    for (name, content) in tensors(checkpoint) {
        let shape = content.shape();
        let end = start + shape.iter().product::<usize>() * WIDTH;
        header.insert(name, json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
        start = end;
    }
    let mut bytes = serde_json::to_vec(&header).map_err(defect)?;
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), b' ');
    Ok(bytes)
}

/// Where the hash stands in a header: the first 64 digits after its key.
fn position_of_hash(header: &[u8]) -> Option<usize> {
    let key = b"\"sha256\":\"";
    let found = header.windows(key.len()).position(|window| window == key)? + key.len();
    (found + NO_HASH.len() <= header.len()).then_some(found)
}

#[derive(Deserialize)]
struct Entry {
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// Reads a checkpoint and the record of who keeps it; tensors of the engine go to `device`.
///
/// # Errors
///
/// What is wrong with the file, in words.
pub(super) fn read<R: DeserializeOwned>(path: &Path, device: &Device) -> Result<(Checkpoint, R), String> {
    let mut file = HashedFile::open(path).map_err(|error| error.to_string())?;
    let (entries, meta, expected) = file.header::<R>()?;
    let mut parts: BTreeMap<&str, Vec<(Arc<str>, Tensor<1>)>> = BTreeMap::new();
    let mut states: BTreeMap<String, State> =
        meta.states.into_iter().map(|(owner, values)| (owner, State { values, ..State::default() })).collect();
    for (name, shape, bytes) in entries {
        let values = file.floats(bytes)?;
        let (part, rest) = name.split_once('/').ok_or("it holds a tensor without a place")?;
        if let Some(part) = PARTS.iter().find(|known| **known == part) {
            let length = values.len();
            let tensor = Tensor::from_data(TensorData::new(values, [length]), device);
            parts.entry(part).or_default().push((Arc::from(rest), tensor));
        } else {
            let (owner, tensor) = rest.split_once('/').ok_or("it holds a state without an owner")?;
            let state = states.get_mut(owner).ok_or("it holds a state of nobody")?;
            state.tensors.insert(tensor.to_owned(), HostTensor::new(shape, values));
        }
    }
    file.end(&expected)?;
    let mut part = |name: &str| parts.remove(name).unwrap_or_default().into_iter().collect::<Weights>();
    let rows = meta.rows.iter().map(|row| row.iter().map(|bits| f64::from_bits(*bits)).collect()).collect();
    let student = part("student");
    let task = meta.step.map(|step| {
        let moments = AdamWMoments { steps: meta.optimizer_steps, first: part("first"), second: part("second") };
        TaskProgress { step, own: part("own"), weights: part("weights"), moments }
    });
    Ok((Checkpoint { rows, learned: meta.learned, student, task, states }, meta.record))
}

/// A file, and the hash of what was read of it.
struct HashedFile {
    file: BufReader<File>,
    hash: Sha256,
    left: u64,
}

/// Name, shape and bytes of every tensor, in the order of the file.
type Entries = Vec<(String, Vec<usize>, usize)>;

impl HashedFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { left: file.metadata()?.len(), file: BufReader::new(file), hash: Sha256::new() })
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, String> {
        if count > self.left {
            return Err("it is cut off".to_owned());
        }
        self.left -= count;
        let mut bytes = vec![0; count as usize];
        self.file.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn header<R: DeserializeOwned>(&mut self) -> Result<(Entries, Meta<R>, String), String> {
        let prefix = self.bytes(PREFIX as u64)?;
        let length = prefix.as_slice().try_into().map_or(u64::MAX, u64::from_le_bytes);
        let mut header = self.bytes(length)?;
        let damaged = "its header is damaged".to_owned();
        let parsed: Map<String, Value> = serde_json::from_slice(&header).map_err(|_| damaged.clone())?;
        let place = position_of_hash(&header).ok_or_else(|| damaged.clone())?;
        let place = place..place + NO_HASH.len();
        let expected = String::from_utf8_lossy(&header[place.clone()]).into_owned();
        header[place].copy_from_slice(NO_HASH.as_bytes());
        self.hash.update(prefix);
        self.hash.update(&header);

        let metadata = parsed.get("__metadata__").ok_or_else(|| damaged.clone())?;
        if metadata["format"] != FORMAT {
            return Err(format!("it is no {FORMAT}, and was made by another version"));
        }
        let state = metadata["state"].as_str().ok_or_else(|| damaged.clone())?;
        let meta = serde_json::from_str(state).map_err(|error| format!("its state is damaged: {error}"))?;
        let mut entries: Vec<(String, Entry)> = parsed
            .into_iter()
            .filter(|(name, _)| name != "__metadata__")
            .map(|(name, entry)| Some((name, serde_json::from_value(entry).ok()?)))
            .collect::<Option<_>>()
            .ok_or_else(|| damaged.clone())?;
        entries.sort_by_key(|(_, entry)| entry.data_offsets);
        let entry = |(name, Entry { shape, data_offsets: [start, end] })| {
            let bytes = shape.iter().try_fold(WIDTH, |product, side| product.checked_mul(*side))?;
            (end.checked_sub(start) == Some(bytes)).then_some((name, shape, bytes))
        };
        let entries = entries.into_iter().map(entry).collect::<Option<_>>().ok_or(damaged)?;
        Ok((entries, meta, expected))
    }

    fn floats(&mut self, bytes: usize) -> Result<Vec<f32>, String> {
        let bytes = self.bytes(bytes as u64)?;
        self.hash.update(&bytes);
        let number = |bytes: &[u8]| bytes.try_into().map_or(f32::NAN, f32::from_le_bytes);
        Ok(bytes.chunks_exact(WIDTH).map(number).collect())
    }

    fn end(self, expected: &str) -> Result<(), String> {
        if self.left > 0 {
            return Err("it is longer than it should be".to_owned());
        }
        if hex::encode(self.hash.finalize()) == expected {
            return Ok(());
        }
        Err("its content is not what was written (SHA-256)".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(values: &[(&str, f32)]) -> Weights {
        let device = Device::flex();
        values.iter().map(|(name, value)| (Arc::from(*name), Tensor::from_data([*value, 0.1], &device))).collect()
    }

    fn checkpoint() -> Checkpoint {
        let moments =
            AdamWMoments { steps: 4, first: weights(&[("b", 5.0)]), second: weights(&[("b", f32::MIN_POSITIVE)]) };
        let task = TaskProgress { step: 3, own: weights(&[]), weights: weights(&[("b", 3.0), ("a", 4.0)]), moments };
        let state = State::default().with_weights("mean", &weights(&[("z", 7.0), ("y", 8.0)]));
        let state = state.with_value("count", &7).unwrap();
        Checkpoint {
            rows: vec![vec![0.1, f64::NAN]],
            learned: false,
            student: weights(&[("b", 1.0), ("a", -0.0)]),
            task: Some(task),
            states: [("hook.x".to_owned(), state), ("method".to_owned(), State::default())].into(),
        }
    }

    fn bits(weights: &Weights) -> Vec<(String, Vec<u32>)> {
        let bits = |value: &Tensor<1>| value.to_data().iter::<f32>().map(f32::to_bits).collect();
        weights.iter().map(|(name, value)| (name.to_string(), bits(value))).collect()
    }

    #[test]
    fn everything_comes_back_to_the_last_bit_and_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let (path, written) = (folder.path().join("c.safetensors"), checkpoint());
        write(&path, &written, &"record").unwrap();
        let (read, record): (_, String) = read(&path, &Device::flex()).unwrap();
        assert_eq!(record, "record");
        assert_eq!(read.rows[0][0], 0.1);
        assert!(read.rows[0][1].is_nan() && !read.learned);
        assert_eq!((read.position(), read.task.as_ref().unwrap().moments.steps), ((0, 3), 4));
        assert_eq!(read.states, written.states);
        for ((part, left), (_, right)) in parts(&read).into_iter().zip(parts(&written)) {
            assert_eq!(bits(left), bits(right), "{part}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn other_programs_can_read_the_tensors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.safetensors");
        write(&path, &checkpoint(), &()).unwrap();
        let dict = clf_clip::StateDict::read(&path).unwrap();
        assert_eq!(dict.tensors["weights/a"].data, [4.0, 0.1]);
        assert_eq!(dict.tensors["state/hook.x/mean/z"].data, [7.0, 0.1]);
    }

    #[test]
    fn any_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.safetensors");
        write(&path, &checkpoint(), &()).unwrap();
        let whole = fs::read(&path).unwrap();
        let broken = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            read::<()>(&path, &Device::flex()).err().unwrap_or_else(|| panic!("{} bytes were taken", bytes.len()))
        };
        for length in (0..whole.len()).step_by(97) {
            broken(&whole[..length]);
        }
        assert_eq!(broken(&whole[..whole.len() - 1]), "it is cut off");
        assert_eq!(broken(&[&whole[..], &[0]].concat()), "it is longer than it should be");
        for place in (PREFIX..whole.len()).step_by(61) {
            let mut bytes = whole.clone();
            bytes[place] ^= 4;
            broken(&bytes);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_folder_that_cannot_be_written_is_named() {
        let error = write(Path::new("/proc/nothing/c.safetensors"), &checkpoint(), &()).unwrap_err();
        assert!(error.to_string().contains("/proc/nothing/c"), "{error}");
        assert_eq!(error.exit_code(), 6);
    }
}
