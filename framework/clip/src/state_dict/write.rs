//! Writes a safetensors file, whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorInfo;

use super::{StateDict, StateDictError};

/// Alignment of the first tensor in the file.
const ALIGNMENT: usize = 8;
/// Values that are turned into bytes at a time.
const BLOCK: usize = 16 * 1024;

impl StateDict {
    /// Writes all tensors as F32 to a safetensors file at `path`, replacing what was there.
    ///
    /// The file is written under another name in the same folder, flushed to the disk and then renamed, so that `path` never
    /// holds half a file (a device or pipe is written to as it is). Equal dictionaries give equal bytes.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), StateDictError> {
        let path = path.as_ref();
        if is_special(path) {
            // Renaming would put a file in the place of the device.
            return self.write_synced(path).map_err(|source| refused(path, source));
        }
        let temporary = temporary(path);
        let written =
            self.write_synced(&temporary).and_then(|()| fs::rename(&temporary, path)).and_then(|()| sync_folder(path));
        written.map_err(|source| {
            // The reason of the failure matters more than a leftover.
            let _ = fs::remove_file(&temporary);
            refused(path, source)
        })
    }

    fn write_synced(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        let header = self.header()?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        for tensor in self.tensors.values() {
            let mut written = Ok(());
            for_each_block(&tensor.data, |bytes| {
                if written.is_ok() {
                    written = file.write_all(bytes);
                }
            });
            written?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    /// The header. The safetensors crate would order the metadata by a hash map, differently in every run.
    fn header(&self) -> io::Result<Vec<u8>> {
        let mut header = serde_json::Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), serde_json::to_value(&self.metadata)?);
        }
        let mut start = 0;
        for (name, tensor) in &self.tensors {
            let end = start + tensor.data.len() * size_of::<f32>();
            let info = TensorInfo { dtype: Dtype::F32, shape: tensor.shape.clone(), data_offsets: (start, end) };
            header.insert(name.clone(), serde_json::to_value(info)?);
            start = end;
        }
        let mut bytes = serde_json::to_vec(&header)?;
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), b' ');
        Ok(bytes)
    }
}

/// Hands over the little-endian bytes of `values`, some at a time.
pub(super) fn for_each_block(values: &[f32], mut take: impl FnMut(&[u8])) {
    let mut bytes = Vec::with_capacity(BLOCK * size_of::<f32>());
    for block in values.chunks(BLOCK) {
        bytes.clear();
        bytes.extend(block.iter().flat_map(|value| value.to_le_bytes()));
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
