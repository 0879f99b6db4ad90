//! Writes a safetensors file, whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;

use super::{StateDict, StateDictError};

/// Alignment of the first tensor in the file.
const ALIGNMENT: usize = 8;
/// Values that are turned into bytes at a time.
const BLOCK: usize = 16 * 1024;

/// Type of the numbers in a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// 32 bits, every value as it is.
    F32,
    /// 16 bits, values rounded to 11 bits of significand; as `OpenAI` publishes its weights.
    F16,
}

impl Stored {
    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
        }
    }

    fn size(self) -> usize {
        self.dtype().bitsize() / 8
    }
}

impl StateDict {
    /// Writes all tensors as F32 to a safetensors file at `path`, replacing what was there: [`StateDict::write_as`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), StateDictError> {
        self.write_as(path, Stored::F32)
    }

    /// Writes all tensors to a safetensors file at `path`, replacing what was there.
    ///
    /// The file is written under another name in the same folder, flushed to the disk and then renamed, so that `path` never
    /// holds half a file (a device or pipe is written to as it is). Equal dictionaries give equal bytes.
    pub fn write_as(&self, path: impl AsRef<Path>, stored: Stored) -> Result<(), StateDictError> {
        let path = path.as_ref();
        self.check_range(path, stored)?;
        if is_special(path) {
            // Renaming would put a file in the place of the device.
            return self.write_synced(path, stored).map_err(|source| refused(path, source));
        }
        let temporary = temporary(path);
        let written = self.write_synced(&temporary, stored).and_then(|()| fs::rename(&temporary, path));
        let written = written.and_then(|()| sync_folder(path));
        written.map_err(|source| {
            // The reason of the failure matters more than a leftover.
            let _ = fs::remove_file(&temporary);
            refused(path, source)
        })
    }

    /// Refuses values that would become infinite.
    fn check_range(&self, path: &Path, stored: Stored) -> Result<(), StateDictError> {
        let too_large = |value: &&f32| value.is_finite() && f16::from_f32(**value).is_infinite();
        for (name, tensor) in self.tensors.iter().filter(|_| stored == Stored::F16) {
            if let Some(value) = tensor.data.iter().find(too_large) {
                let (path, name) = (path.to_owned(), name.clone());
                return Err(StateDictError::TooLarge { path, name, value: *value });
            }
        }
        Ok(())
    }

    fn write_synced(&self, path: &Path, stored: Stored) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        let header = self.header(stored)?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        for tensor in self.tensors.values() {
            let mut written = Ok(());
            for_each_block(&tensor.data, stored, |bytes| {
                if written.is_ok() {
                    written = file.write_all(bytes);
                }
            });
            written?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    /// The header. The safetensors crate would order the metadata by a hash map, differently in every run.
    fn header(&self, stored: Stored) -> io::Result<Vec<u8>> {
        let mut header = serde_json::Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), serde_json::to_value(&self.metadata)?);
        }
        let mut start = 0;
        for (name, tensor) in &self.tensors {
            let end = start + tensor.data.len() * stored.size();
            let info = TensorInfo { dtype: stored.dtype(), shape: tensor.shape.clone(), data_offsets: (start, end) };
            header.insert(name.clone(), serde_json::to_value(info)?);
            start = end;
        }
        let mut bytes = serde_json::to_vec(&header)?;
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), b' ');
        Ok(bytes)
    }
}

/// Hands over the little-endian bytes of `values`, some at a time.
pub(super) fn for_each_block(values: &[f32], stored: Stored, mut take: impl FnMut(&[u8])) {
    let mut bytes = Vec::with_capacity(BLOCK * stored.size());
    for block in values.chunks(BLOCK) {
        bytes.clear();
        match stored {
            Stored::F32 => bytes.extend(block.iter().flat_map(|value| value.to_le_bytes())),
            Stored::F16 => bytes.extend(block.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes())),
        }
        take(&bytes);
    }
}

/// Whether `path` is there but no ordinary file: a device, a pipe or a folder.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file())
}

/// A name beside `path` that no other process uses.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// Makes the renaming itself survive a power failure, on systems that can do so.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn refused(path: &Path, source: io::Error) -> StateDictError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StateDictError::DiskFull { path },
        _ => StateDictError::Write { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::super::HostTensor;
    use super::super::testing::small_clip;
    use super::*;

    #[test]
    fn a_written_dictionary_is_read_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let mut dict = small_clip();
        let odd = vec![f32::MIN_POSITIVE / 2.0, -0.0, f32::INFINITY, f32::from_bits(0x7FC0_1234)];
        dict.insert("odd", HostTensor::new([2, 2], odd));
        dict.insert("empty", HostTensor::new([0, 3], Vec::new()));
        dict.metadata.insert("recipe".into(), "mini, seed 1".into());
        dict.write(&path).unwrap();
        let read = StateDict::read(&path).unwrap();
        assert_eq!(read.sha256(), dict.sha256());
        assert_eq!(read.metadata, dict.metadata);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn sixteen_bits_are_rounded_once_and_refuse_what_they_cannot_hold() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.safetensors"), folder.path().join("two.safetensors"));
        small_clip().write_as(&one, Stored::F16).unwrap();
        let rounded = StateDict::read(&one).unwrap();
        rounded.write_as(&two, Stored::F16).unwrap();
        assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());
        for (name, tensor) in &small_clip().tensors {
            let expected: Vec<f32> = tensor.data.iter().map(|value| f16::from_f32(*value).to_f32()).collect();
            assert_eq!(rounded.tensors[name].data, expected, "{name}");
        }
        let mut dict = small_clip();
        dict.insert("visual.proj", HostTensor::new([2], vec![f32::INFINITY, 70_000.0]));
        let message = dict.write_as(&two, Stored::F16).unwrap_err().to_string();
        assert!(message.contains("`visual.proj` holds 70000") && message.contains("two.safetensors"), "{message}");
    }

    #[test]
    fn equal_dictionaries_give_equal_files() {
        let folder = tempfile::tempdir().unwrap();
        let content = |name: &str, keys: [&str; 3]| {
            let mut dict = small_clip();
            for key in keys {
                dict.metadata.insert(key.into(), key.to_uppercase());
            }
            let path = folder.path().join(name);
            dict.write(&path).unwrap();
            fs::read(path).unwrap()
        };
        assert!(content("one", ["a", "b", "c"]) == content("two", ["c", "b", "a"]));
    }

    #[test]
    fn other_readers_accept_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        small_clip().write(&path).unwrap();
        let content = fs::read(&path).unwrap();
        let parsed = safetensors::SafeTensors::deserialize(&content).unwrap();
        assert_eq!(parsed.tensor("visual.conv1.weight").unwrap().shape(), [6, 3, 8, 8]);
    }

    #[test]
    fn a_failed_write_keeps_the_old_file_and_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        small_clip().write(&path).unwrap();
        let before = fs::read(&path).unwrap();
        let error = small_clip().write(folder.path().join("no/folder/x.safetensors")).unwrap_err();
        assert!(error.to_string().contains("no/folder/x.safetensors"));
        // A folder under the temporary name makes the write fail before anything is replaced.
        fs::create_dir(temporary(&path)).unwrap();
        assert!(small_clip().write(&path).is_err());
        assert!(fs::read(&path).unwrap() == before);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_has_its_own_message_and_devices_stay_devices() {
        let error = small_clip().write("/dev/full").unwrap_err();
        assert!(matches!(error, StateDictError::DiskFull { .. }));
        assert!(error.to_string().contains("no space left to write /dev/full"));
        assert!(is_special(Path::new("/dev/full")));
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let error = small_clip().write(folder.path()).unwrap_err();
        assert!(matches!(error, StateDictError::Write { .. }));
        assert!(folder.path().is_dir());
    }
}
