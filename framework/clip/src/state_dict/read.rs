//! Reads a file of weights: safetensors here, `PyTorch`'s archives in [`torch`](super::torch).

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::{HostTensor, StateDict, StateDictError, foreign, is_known_buffer, torch};

/// Bytes of the length in front of the header.
const LENGTH_BYTES: u64 = 8;
/// Longest header that the format allows.
const MAX_HEADER: u64 = 100_000_000;
/// How a zip archive begins, and so what `torch.save` and `torch.jit.save` write.
const ZIP: &[u8] = b"PK\x03\x04";
/// How a pickle begins, and so what `torch.save` wrote before `PyTorch` 1.6.
const PICKLE: u8 = 0x80;

impl StateDict {
    /// Reads all tensors of the file at `path` as f32: safetensors, or a `.pt`, `.pth` or `.bin` of `PyTorch`.
    ///
    /// The content decides which of them it is, not the name. F16, BF16 and F64 are converted. Integer tensors that are
    /// [known buffers](is_known_buffer) are left out. One tensor is read after the other, so that the file is never in
    /// memory a second time. Nothing in a file of `PyTorch` is run; one that asks for more than weights need is refused.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, StateDictError> {
        let path = path.as_ref();
        if path.is_dir() {
            return Err(StateDictError::Folder { path: path.to_owned(), found: weights_in(path) });
        }
        let open = || {
            let file = File::open(path)?;
            Ok((file.metadata()?.len(), file))
        };
        let (bytes, file) = open().map_err(|source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => StateDictError::NotFound { path: path.to_owned() },
            _ => refused(path, source),
        })?;
        Self::read_any(BufReader::new(file), bytes, path)
    }

    /// As [`StateDict::read`], from a file that is already in memory; `name` stands for it in messages.
    pub fn from_bytes(bytes: &[u8], name: &Path) -> Result<Self, StateDictError> {
        Self::read_any(Cursor::new(bytes), bytes.len() as u64, name)
    }

    fn read_any(mut source: impl Read + Seek, bytes: u64, path: &Path) -> Result<Self, StateDictError> {
        let mut start = Vec::new();
        let begun = source.by_ref().take(foreign::READ).read_to_end(&mut start).and_then(|_| source.rewind());
        begun.map_err(|error| refused(path, error))?;
        match start.as_slice() {
            // A header of safetensors, whatever its length looks like.
            [_, _, _, _, _, _, _, _, b'{', ..] => {}
            start if start.starts_with(ZIP) => return torch::read(source, bytes, path),
            [PICKLE, 1..=5, ..] => return Err(StateDictError::OldTorch { path: path.to_owned() }),
            start => return Err(foreign::refusal(path, start)),
        }
        Self::read_from(Reader { path, whole: bytes, source })
    }

    fn read_from(mut file: Reader<'_, impl Read>) -> Result<Self, StateDictError> {
        let path = file.path;
        let header = file.header()?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let mut dict = Self { metadata: metadata.into_iter().collect(), ..Self::default() };
        // Tensors lie in the file in this order, without gaps.
        for name in header.offset_keys() {
            let Some(info) = header.info(&name) else {
                continue;
            };
            let bytes = file.bytes(info.data_offsets.1 - info.data_offsets.0)?;
            match floats(info.dtype, &bytes) {
                Some(data) => dict.insert(name, HostTensor::new(info.shape.clone(), data)),
                None if is_known_buffer(&name) => {}
                None => {
                    return Err(StateDictError::DataType {
                        path: path.to_owned(),
                        name,
                        dtype: format!("{:?}", info.dtype),
                    });
                }
            }
        }
        Ok(dict)
    }
}

/// The bytes of a file, how many there are, and its name for messages.
struct Reader<'a, R> {
    path: &'a Path,
    whole: u64,
    source: R,
}

impl<R: Read> Reader<'_, R> {
    fn corrupt(&self, reason: impl Into<String>) -> StateDictError {
        StateDictError::Corrupt { path: self.path.to_owned(), reason: reason.into() }
    }

    /// The parsed header, after which the tensors follow.
    fn header(&mut self) -> Result<Metadata, StateDictError> {
        let whole = self.whole;
        let length = self.bytes(LENGTH_BYTES as usize)?;
        let length = length.try_into().map_or(u64::MAX, u64::from_le_bytes);
        if length > MAX_HEADER.min(whole.saturating_sub(LENGTH_BYTES)) {
            return Err(self.corrupt("it does not begin with a header"));
        }
        let text = self.bytes(length as usize)?;
        let header = serde_json::from_slice::<Metadata>(&text)
            .map_err(|error| self.corrupt(format!("its header is damaged ({error})")))?;
        let expected = LENGTH_BYTES + length + header.data_len() as u64;
        if expected == whole {
            Ok(header)
        } else {
            Err(self.corrupt(format!("it has {whole} bytes instead of {expected}")))
        }
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, StateDictError> {
        let mut bytes = vec![0; count];
        self.source.read_exact(&mut bytes).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.corrupt("it ended while it was read"),
            _ => refused(self.path, source),
        })?;
        Ok(bytes)
    }
}

/// Files of weights in a folder, as far as their names say so, the usual one first.
fn weights_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_weights = |path: &PathBuf| {
        path.extension().is_some_and(|ending| ["safetensors", "pt", "pth", "bin"].iter().any(|known| ending == *known))
    };
    let mut found = entries.filter(is_weights).collect::<Vec<_>>();
    found.sort_by_key(|path| (!path.ends_with("model.safetensors"), path.clone()));
    found
}

fn refused(path: &Path, source: io::Error) -> StateDictError {
    let path = path.to_owned();
    StateDictError::Read { path, source }
}

/// The values of a tensor of floating point numbers, `None` for other types.
pub(super) fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    /// Splits little-endian bytes into numbers of `N` bytes.
    fn numbers<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let (numbers, _) = bytes.as_chunks::<N>();
        numbers.iter().map(|number| read(*number)).collect()
    }
    match dtype {
        Dtype::F32 => Some(numbers(bytes, f32::from_le_bytes)),
        Dtype::F16 => Some(numbers(bytes, |two| f16::from_le_bytes(two).to_f32())),
        Dtype::BF16 => Some(numbers(bytes, |two| bf16::from_le_bytes(two).to_f32())),
        Dtype::F64 => Some(numbers(bytes, |eight| f64::from_le_bytes(eight) as f32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use safetensors::tensor::TensorView;
    use tempfile::TempDir;

    use super::*;

    fn file(dtype: Dtype, name: &str, bytes: &[u8], shape: &[usize]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let view = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
        let content = safetensors::serialize(HashMap::from([(name, view)]), None).unwrap();
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[test]
    fn every_floating_point_type_becomes_f32() {
        let cases: [(Dtype, Vec<u8>); 4] = [
            (Dtype::F32, [1.5_f32, -0.25].map(f32::to_le_bytes).concat()),
            (Dtype::F64, [1.5_f64, -0.25].map(f64::to_le_bytes).concat()),
            (Dtype::F16, [1.5, -0.25].map(|value| f16::from_f32(value).to_le_bytes()).concat()),
            (Dtype::BF16, [1.5, -0.25].map(|value| bf16::from_f32(value).to_le_bytes()).concat()),
        ];
        for (dtype, bytes) in cases {
            let (_folder, path) = file(dtype, "w", &bytes, &[1, 2]);
            let dict = StateDict::read(&path).unwrap();
            let expected = HostTensor::new([1, 2], vec![1.5, -0.25]);
            assert_eq!(dict.get("w"), Some(&expected), "{dtype:?}");
        }
    }

    #[test]
    fn integers_are_skipped_only_where_they_are_buffers() {
        let bytes = 7_i64.to_le_bytes();
        let (_folder, path) = file(Dtype::I64, "text_model.embeddings.position_ids", &bytes, &[1]);
        assert!(StateDict::read(&path).unwrap().tensors.is_empty());
        let (_folder, path) = file(Dtype::I64, "visual.proj", &bytes, &[1]);
        let message = StateDict::read(&path).unwrap_err().to_string();
        assert!(message.contains("`visual.proj`") && message.contains("I64"), "{message}");
        assert!(message.contains("weights.safetensors") && message.contains("hint:"));
    }

    fn is_foreign(error: &StateDictError) -> bool {
        matches!(error, StateDictError::Foreign { .. })
    }

    #[test]
    fn a_folder_is_refused_with_the_file_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let message = || StateDict::read(folder.path()).unwrap_err().to_string();
        assert!(message().contains("is a folder") && message().contains("such as its model.safetensors"));
        for file in ["config.json", "a.bin", "model.safetensors"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let (first, second) = (folder.path().join("model.safetensors"), folder.path().join("a.bin"));
        let expected = format!("\n  hint: give the file in it: {} or {}", first.display(), second.display());
        assert!(message().ends_with(&expected), "{}", message());
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = StateDict::read("no/such/file.safetensors").unwrap_err();
        assert!(matches!(error, StateDictError::NotFound { .. }));
        assert!(error.to_string().contains("no/such/file.safetensors"));
    }

    #[test]
    fn a_file_cut_anywhere_is_reported_as_corrupt() {
        let bytes = [1.0_f32; 6].map(f32::to_le_bytes).concat();
        let (_folder, path) = file(Dtype::F32, "w", &bytes, &[2, 3]);
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = StateDict::read(&path).unwrap_err();
            // Too few bytes say nothing of what they were.
            let is_told =
                if length <= 8 { is_foreign(&error) } else { matches!(error, StateDictError::Corrupt { .. }) };
            assert!(is_told, "{length}: {error}");
        }
        std::fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
        assert!(StateDict::read(&path).is_err());
    }

    #[test]
    fn other_files_are_told_apart_by_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let error = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            StateDict::read(&path).unwrap_err()
        };
        let html = b"\n<!DOCTYPE html><html><body>404</body></html>";
        for (content, reason) in [
            (&b""[..], "it is empty"),
            (b"PK", "only 2 bytes"),
            (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
            (html, "web page"),
            (&[0xFF; 64], "fits none"),
        ] {
            let error = error(content);
            assert!(is_foreign(&error) && error.to_string().contains(reason), "{error}");
            assert!(error.to_string().contains("no weights file of a known format"), "{error}");
        }
        assert!(matches!(error(b"\x10\0\0\0\0\0\0\0{\"w\": not json}"), StateDictError::Corrupt { .. }));
        assert!(matches!(error(b"PK\x03\x04 an archive of some length"), StateDictError::Torch { .. }));
        assert!(matches!(error(b"\x80\x02\x8a\x0al\xfc\x9cF"), StateDictError::OldTorch { .. }));
    }
}
