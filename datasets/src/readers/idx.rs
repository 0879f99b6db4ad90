//! The idx files of MNIST, Fashion-MNIST, EMNIST and their relatives.
//!
//! Layout, all numbers big endian: a magic number (0x803 for images, 0x801 for labels), the count, for images the rows and
//! columns, then one byte a value.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::{DatasetError, Samples};
use flate2::read::MultiGzDecoder;

use super::{
    files::{corrupt, display_name, io_error, missing},
    in_memory::{ImageShape, InMemory},
    info::InfoOverrides,
    splits::{Splits, dataset_by_splits},
};

const IMAGES_MAGIC: u32 = 0x803;
const LABELS_MAGIC: u32 = 0x801;

/// Largest content that is read: a gzip file of a few kilobytes may claim any size.
const MAX_BYTES: u64 = 2 << 30;

/// A dataset in the format of MNIST: `train-images-idx3-ubyte`, `t10k-labels-idx1-ubyte` and so on, gzipped or not.
pub struct Idx {
    splits: Splits,
}

dataset_by_splits!(Idx);

impl Idx {
    /// Reads the dataset in the folder `path`, or in the folder that the TOML file `path` names.
    ///
    /// idx files hold no names: the classes are called "0", "1" and so on, unless `overrides` or a `dataset.toml` in the
    /// folder has `class-names`.
    ///
    /// # Errors
    ///
    /// When files are missing, damaged, or disagree about counts.
    pub fn open(path: impl AsRef<Path>, overrides: InfoOverrides) -> Result<Self, DatasetError> {
        let (root, overrides) = overrides.resolve(path.as_ref())?;
        let train = read_split(&root, "train")?;
        let test = read_split(&root, "t10k")?;
        if train.is_none() && test.is_none() {
            return Err(missing(
                "idx file train-images-idx3-ubyte(.gz)",
                &root,
                "the folder must hold the four files of an MNIST-style dataset",
            ));
        }
        let labels = [&train, &test].into_iter().flatten();
        let max_label = labels.map(|split| split.max_label).max().unwrap_or(0);
        let digits = (0..=max_label).map(|label| label.to_string()).collect();
        let info = overrides.into_info(&root, display_name(&root), digits, max_label)?;
        let share = |split: Option<IdxSplit>| split.map(|it| Arc::new(it.samples) as Arc<dyn Samples>);
        let splits = Splits::new(info, share(train), share(test))
            .with_hint(format!("put its two idx files into {}", root.display()));
        Ok(Self { splits })
    }
}

struct IdxSplit {
    samples: InMemory,
    max_label: usize,
}

/// Images and labels of one split; `None` when neither file is there.
fn read_split(root: &Path, prefix: &str) -> Result<Option<IdxSplit>, DatasetError> {
    let images = find(root, prefix, "images", 3);
    let labels = find(root, prefix, "labels", 1);
    let (images, labels) = match (images, labels) {
        (Some(images), Some(labels)) => (images, labels),
        (None, None) => return Ok(None),
        (images, _) => {
            let what = if images.is_some() { "labels-idx1" } else { "images-idx3" };
            let path = root.join(format!("{prefix}-{what}-ubyte"));
            return Err(missing("idx file", &path, "its partner is there; fetch both"));
        }
    };
    let ([count, height, width], pixels) = read_idx(&images, IMAGES_MAGIC)?;
    let ([label_count], label_bytes) = read_idx(&labels, LABELS_MAGIC)?;
    if count != label_count {
        let images = images.display();
        let reason = format!("it holds {label_count} labels, but {images} holds {count} images");
        return Err(corrupt(&labels, reason));
    }
    if count == 0 {
        return Err(corrupt(&images, "it holds no images"));
    }
    let shape = ImageShape { height, width, channels: 1 };
    let max_label = label_bytes.iter().max().copied().map_or(0, usize::from);
    let label_list = label_bytes.into_iter().map(usize::from).collect();
    let samples = InMemory::new(images, shape, pixels, label_list)?;
    Ok(Some(IdxSplit { samples, max_label }))
}

/// The file of that role under any of the names that mirrors give it.
fn find(root: &Path, prefix: &str, role: &str, dims: u8) -> Option<PathBuf> {
    ["-", "."]
        .iter()
        .map(|joint| format!("{prefix}-{role}{joint}idx{dims}-ubyte"))
        .flat_map(|name| [format!("{name}.gz"), name])
        .map(|name| root.join(name))
        .find(|path| path.is_file())
}

/// Reads one idx file with `DIMS` dimensions: their sizes and the values.
fn read_idx<const DIMS: usize>(path: &Path, magic: u32) -> Result<([u32; DIMS], Vec<u8>), DatasetError> {
    let file = BufReader::new(File::open(path).map_err(io_error(path))?);
    if path.extension().is_some_and(|ending| ending == "gz") {
        parse(MultiGzDecoder::new(file), path, magic)
    } else {
        parse(file, path, magic)
    }
}

fn parse<const DIMS: usize>(
    mut content: impl Read,
    path: &Path,
    magic: u32,
) -> Result<([u32; DIMS], Vec<u8>), DatasetError> {
    let found = read_u32(&mut content, path)?;
    if found != magic {
        let reason = format!("its magic number is {found:#x}, expected {magic:#x}");
        return Err(corrupt(path, reason));
    }
    let mut sizes = [0; DIMS];
    for size in &mut sizes {
        *size = read_u32(&mut content, path)?;
    }
    let expected = sizes
        .iter()
        .try_fold(1, |product: u64, &size| product.checked_mul(u64::from(size)))
        .filter(|&bytes| bytes <= MAX_BYTES)
        .ok_or_else(|| corrupt(path, format!("its header claims the sizes {sizes:?}")))?;
    let mut values = Vec::new();
    // One byte more than expected tells a file that is too long.
    let read = content.take(expected + 1).read_to_end(&mut values);
    read.map_err(damaged(path))?;
    let found = match values.len() as u64 {
        length if length == expected => return Ok((sizes, values)),
        length if length > expected => "more".to_owned(),
        length => length.to_string(),
    };
    let reason = format!("its header promises {expected} bytes of data, but it holds {found}");
    Err(corrupt(path, reason))
}

fn read_u32(content: &mut impl Read, path: &Path) -> Result<u32, DatasetError> {
    let mut bytes = [0; 4];
    content.read_exact(&mut bytes).map_err(damaged(path))?;
    Ok(u32::from_be_bytes(bytes))
}

/// A failure while unpacking speaks about the content, not about the disk.
fn damaged(path: &Path) -> impl Fn(io::Error) -> DatasetError {
    move |error| corrupt(path, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use clf_core::data::{Dataset, Split};
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn idx(magic: u32, sizes: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = magic.to_be_bytes().to_vec();
        for size in sizes {
            bytes.extend(size.to_be_bytes());
        }
        bytes.extend(values);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Three training images of 2 x 3 pixels, raw, and one test image, gzipped.
    fn toy() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
        let train: Vec<u8> = (0..18).collect();
        write("train-images-idx3-ubyte", &idx(0x803, &[3, 2, 3], &train));
        write("train-labels-idx1-ubyte", &idx(0x801, &[3], &[2, 0, 1]));
        let test = gzip(&idx(0x803, &[1, 2, 3], &[9; 6]));
        write("t10k-images-idx3-ubyte.gz", &test);
        write("t10k-labels-idx1-ubyte.gz", &gzip(&idx(0x801, &[1], &[2])));
        dir
    }

    fn error_after_writing(name: &str, bytes: &[u8]) -> String {
        let dir = toy();
        fs::write(dir.path().join(name), bytes).unwrap();
        let error = Idx::open(dir.path(), InfoOverrides::default()).err();
        error.unwrap().to_string()
    }

    #[test]
    fn raw_and_gzipped_files_are_read_with_digits_as_class_names() {
        let dir = toy();
        let data = Idx::open(dir.path(), InfoOverrides::default()).unwrap();
        assert_eq!(data.info().class_names, ["0", "1", "2"]);
        let train = data.split(Split::Train).unwrap();
        let labels: Vec<_> = (0..3).map(|index| train.label(index).unwrap()).collect();
        assert_eq!(labels, [2, 0, 1]);
        let image = train.image(1).unwrap().to_luma8();
        assert_eq!((image.width(), image.height()), (3, 2));
        assert_eq!(image.as_raw(), &[6, 7, 8, 9, 10, 11]);
        assert_eq!(data.split(Split::Test).unwrap().label(0), Some(2));
    }

    #[test]
    fn a_descriptor_in_the_folder_names_the_classes() {
        let dir = toy();
        let text = "name = \"clothes\"\nclass-names = [\"coat\", \"bag\", \"shirt\"]";
        fs::write(dir.path().join("dataset.toml"), text).unwrap();
        let data = Idx::open(dir.path(), InfoOverrides::default()).unwrap();
        assert_eq!(data.info().prompt(0, 1), "a photo of a bag.");
        assert_eq!(data.info().name, "clothes");
    }

    #[test]
    fn a_wrong_magic_number_is_named_with_the_file() {
        let images = idx(0x801, &[3, 2, 3], &[0; 18]);
        let error = error_after_writing("train-images-idx3-ubyte", &images);
        assert!(error.contains("0x801") && error.contains("0x803"), "{error}");
        assert!(error.contains("train-images-idx3-ubyte"), "{error}");
    }

    #[test]
    fn counts_that_disagree_are_an_error_with_both_numbers() {
        let labels = idx(0x801, &[4], &[0; 4]);
        let error = error_after_writing("train-labels-idx1-ubyte", &labels);
        assert!(error.contains("4 labels") && error.contains("3 images"), "{error}");
    }

    #[test]
    fn a_file_that_is_too_short_or_too_long_is_an_error() {
        let name = "train-images-idx3-ubyte";
        let short = error_after_writing(name, &idx(0x803, &[3, 2, 3], &[0; 17]));
        assert!(short.contains("18 bytes") && short.contains("holds 17"), "{short}");
        let long = error_after_writing(name, &idx(0x803, &[3, 2, 3], &[0; 19]));
        assert!(long.contains("holds more"), "{long}");
    }

    #[test]
    fn a_header_that_claims_a_huge_size_is_refused_before_anything_is_read() {
        let images = idx(0x803, &[u32::MAX, u32::MAX, u32::MAX], &[]);
        let error = error_after_writing("train-images-idx3-ubyte", &images);
        assert!(error.contains("4294967295"), "{error}");
    }

    #[test]
    fn images_without_their_labels_are_an_error_that_names_the_missing_file() {
        let dir = toy();
        fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte.gz")).unwrap();
        let error = Idx::open(dir.path(), InfoOverrides::default()).err().unwrap();
        assert!(error.to_string().contains("t10k-labels-idx1-ubyte"));
    }

    #[test]
    fn a_dataset_without_test_files_opens_and_has_no_test_split() {
        let dir = toy();
        for name in ["t10k-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz"] {
            fs::remove_file(dir.path().join(name)).unwrap();
        }
        let data = Idx::open(dir.path(), InfoOverrides::default()).unwrap();
        assert!(data.split(Split::Test).is_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(Idx::open(empty.path(), InfoOverrides::default()).is_err());
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(at in 0usize..40, value: u8, length in 0usize..40, packed: bool) {
            let mut bytes = idx(0x803, &[3, 2, 3], &[7; 18]);
            if packed {
                bytes = gzip(&bytes);
            }
            bytes.truncate(length);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            let path = Path::new("damaged");
            let _ = if packed {
                parse::<3>(MultiGzDecoder::new(&bytes[..]), path, IMAGES_MAGIC)
            } else {
                parse::<3>(&bytes[..], path, IMAGES_MAGIC)
            };
        }
    }
}
