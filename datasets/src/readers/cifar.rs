//! CIFAR-10 and CIFAR-100, in the binary and in the python version.

mod binary;
mod python;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::DatasetError;

use super::{
    files::{corrupt, missing},
    in_memory::{ImageShape, InMemory},
    info::{InfoOverrides, in_words},
    splits::{Splits, dataset_by_splits},
};

const SHAPE: ImageShape = ImageShape { height: 32, width: 32, channels: 3 };
/// Pixels of one colour plane.
const PLANE: usize = 32 * 32;
/// Bytes of one image.
const IMAGE: usize = 3 * PLANE;

/// CIFAR-10, or CIFAR-100 with its fine labels.
///
/// Class names are those of the meta files with spaces for underscores, in label order.
pub struct Cifar {
    splits: Splits,
}

dataset_by_splits!(Cifar);

impl Cifar {
    /// Reads the dataset in the folder `path`, or in the folder that the TOML file `path` names.
    ///
    /// The folder is `cifar-10-batches-bin`, `cifar-10-batches-py`, `cifar-100-binary` or `cifar-100-python`, or one that
    /// holds one of them; where both versions are there, the binary one is read. The training batches of CIFAR-10 are
    /// those that are there, without a gap.
    ///
    /// # Errors
    ///
    /// When files are missing or damaged, or when the folder holds both CIFAR-10 and CIFAR-100.
    pub fn open(path: impl AsRef<Path>, overrides: InfoOverrides) -> Result<Self, DatasetError> {
        let (root, overrides) = overrides.resolve(path.as_ref())?;
        let layout = Layout::find(&root)?;
        let content = layout.read()?;
        let parts = [&content.train, &content.test];
        let labels = parts.into_iter().flat_map(|part| &part.labels);
        let max_label = labels.copied().max().unwrap_or(0);
        let names = content.class_names.iter().map(|name| in_words(name));
        let info = overrides.into_info(&layout.folder, layout.kind.name().to_owned(), names.collect(), max_label)?;
        let share = |part: Part| InMemory::new(&layout.folder, SHAPE, part.pixels, part.labels);
        let train = Arc::new(share(content.train)?);
        let test = Arc::new(share(content.test)?);
        Ok(Self { splits: Splits::new(info, Some(train), Some(test)) })
    }
}

/// Which of the two datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cifar10,
    Cifar100,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar-10",
            Self::Cifar100 => "cifar-100",
        }
    }
}

/// How a folder stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Binary,
    Python,
}

/// An official folder and the file it is recognised by.
struct Known {
    name: &'static str,
    mark: &'static str,
    kind: Kind,
    version: Version,
}

/// Earlier rows are preferred.
const KNOWN: [Known; 4] = [
    Known { name: "cifar-10-batches-bin", mark: "data_batch_1.bin", kind: Kind::Cifar10, version: Version::Binary },
    Known { name: "cifar-10-batches-py", mark: "data_batch_1", kind: Kind::Cifar10, version: Version::Python },
    Known { name: "cifar-100-binary", mark: "train.bin", kind: Kind::Cifar100, version: Version::Binary },
    Known { name: "cifar-100-python", mark: "train", kind: Kind::Cifar100, version: Version::Python },
];

/// A folder and what was recognised in it.
struct Layout {
    folder: PathBuf,
    kind: Kind,
    version: Version,
}

impl Layout {
    fn find(root: &Path) -> Result<Self, DatasetError> {
        let here =
            KNOWN.iter().filter(|known| root.join(known.mark).is_file()).map(|known| (root.to_path_buf(), known));
        let below = KNOWN.iter().map(|known| (root.join(known.name), known)).filter(|(folder, _)| folder.is_dir());
        let mut found =
            here.chain(below).map(|(folder, known)| Self { folder, kind: known.kind, version: known.version });
        let Some(first) = found.next() else {
            let names = KNOWN.map(|known| known.name).join(", ");
            let hint = format!("the folder must be or hold one of {names}");
            return Err(missing("CIFAR-10 or CIFAR-100", root, hint));
        };
        match found.find(|other| other.kind != first.kind) {
            Some(other) => {
                let [first, other] = [&first, &other].map(|it| it.folder.display());
                let reason = format!("it holds both {first} and {other}; name one of them");
                Err(corrupt(root, reason))
            }
            None => Ok(first),
        }
    }

    fn read(&self) -> Result<Content, DatasetError> {
        let train = self.train_files();
        match self.version {
            Version::Binary => binary::read(&self.folder, self.kind, &train),
            Version::Python => python::read(&self.folder, self.kind, &train),
        }
    }

    /// The files of the training split; those of CIFAR-10 may end early but must not have a gap.
    fn train_files(&self) -> Vec<PathBuf> {
        let ending = match self.version {
            Version::Binary => ".bin",
            Version::Python => "",
        };
        if self.kind == Kind::Cifar100 {
            return vec![self.folder.join(format!("train{ending}"))];
        }
        let batch = |number| self.folder.join(format!("data_batch_{number}{ending}"));
        let mut files: Vec<_> = (1..=5).map(batch).collect();
        let last = files.iter().rposition(|file| file.is_file()).unwrap_or(0);
        files.truncate(last + 1);
        files
    }
}

/// What a folder holds.
struct Content {
    class_names: Vec<String>,
    train: Part,
    test: Part,
}

/// Images, interleaved, and labels of one split.
#[derive(Default)]
struct Part {
    pixels: Vec<u8>,
    labels: Vec<usize>,
}

impl Part {
    /// Adds an image that is stored as a red, a green and a blue plane.
    fn push(&mut self, label: usize, planes: &[u8; IMAGE]) {
        self.labels.push(label);
        let pixel = |at| [planes[at], planes[at + PLANE], planes[at + 2 * PLANE]];
        self.pixels.extend((0..PLANE).flat_map(pixel));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clf_core::data::{Dataset, Split};

    use super::{super::pickle::sample::Builder, *};

    /// Planes of one colour each, with one pixel that differs.
    fn planes(red: u8, green: u8, blue: u8) -> Vec<u8> {
        let mut planes = [[red; PLANE], [green; PLANE], [blue; PLANE]].concat();
        planes[PLANE + 33] = 255;
        planes
    }

    fn images() -> [(u8, Vec<u8>); 3] {
        [(1, planes(10, 20, 30)), (0, planes(40, 50, 60)), (2, planes(70, 80, 90))]
    }

    fn write_binary(dir: &Path) {
        let record = |prefix: &[u8], image: &(u8, Vec<u8>)| [prefix, &[image.0], &image.1].concat();
        let [a, b, c] = images();
        let ten = dir.join("cifar-10-batches-bin");
        fs::create_dir(&ten).unwrap();
        let first = [record(&[], &a), record(&[], &b)].concat();
        fs::write(ten.join("data_batch_1.bin"), first).unwrap();
        fs::write(ten.join("test_batch.bin"), record(&[], &c)).unwrap();
        fs::write(ten.join("batches.meta.txt"), "cat\ndog\npine_tree\n\n").unwrap();
        let hundred = dir.join("cifar-100-binary");
        fs::create_dir(&hundred).unwrap();
        let train = [record(&[9], &a), record(&[9], &b)].concat();
        fs::write(hundred.join("train.bin"), train).unwrap();
        fs::write(hundred.join("test.bin"), record(&[9], &c)).unwrap();
        fs::write(hundred.join("fine_label_names.txt"), "cat\ndog\npine_tree\n").unwrap();
    }

    fn write_python(dir: &Path) {
        let [a, b, c] = images();
        let names = ["cat", "dog", "pine_tree"];
        for (folder, files, key) in [
            ("cifar-10-batches-py", ["data_batch_1", "test_batch", "batches.meta"], ""),
            ("cifar-100-python", ["train", "test", "meta"], "fine_"),
        ] {
            let folder = dir.join(folder);
            fs::create_dir(&folder).unwrap();
            let labels = format!("{key}labels");
            let train = Builder::default().ints(&labels, &[1, 0]);
            let train = train.matrix("data", 2, 3072, &[a.1.clone(), b.1.clone()].concat());
            let test = Builder::default().ints(&labels, &[2]);
            let test = test.matrix("data", 1, 3072, &c.1);
            let meta = Builder::default().texts(&format!("{key}label_names"), &names);
            for (name, builder) in files.iter().zip([train, test, meta]) {
                fs::write(folder.join(name), builder.finish()).unwrap();
            }
        }
    }

    fn open(path: &Path) -> Result<Cifar, DatasetError> {
        Cifar::open(path, InfoOverrides::default())
    }

    fn error(path: &Path) -> String {
        open(path).err().unwrap().to_string()
    }

    #[test]
    fn both_versions_of_both_datasets_hold_the_same() {
        let dir = tempfile::tempdir().unwrap();
        write_binary(dir.path());
        write_python(dir.path());
        for known in &KNOWN {
            let data = open(&dir.path().join(known.name)).unwrap();
            assert_eq!(data.info().name, known.kind.name());
            assert_eq!(data.info().class_names, ["cat", "dog", "pine tree"]);
            let train = data.split(Split::Train).unwrap();
            assert_eq!((train.len(), train.label(0), train.label(1)), (2, Some(1), Some(0)));
            let image = train.image(0).unwrap().to_rgb8();
            assert_eq!(image.get_pixel(0, 0).0, [10, 20, 30]);
            assert_eq!(image.get_pixel(1, 1).0, [10, 255, 30]);
            let test = data.split(Split::Test).unwrap();
            assert_eq!((test.len(), test.label(0)), (1, Some(2)));
        }
    }

    #[test]
    fn a_folder_above_is_enough_unless_it_holds_both_datasets() {
        let dir = tempfile::tempdir().unwrap();
        write_binary(dir.path());
        assert!(error(dir.path()).contains("name one of them"));
        fs::remove_dir_all(dir.path().join("cifar-100-binary")).unwrap();
        assert_eq!(open(dir.path()).unwrap().info().name, "cifar-10");
        fs::remove_dir_all(dir.path().join("cifar-10-batches-bin")).unwrap();
        assert!(error(dir.path()).contains("cifar-100-python"));
    }

    #[test]
    fn a_file_that_is_not_a_whole_number_of_images_is_an_error_with_both_numbers() {
        let dir = tempfile::tempdir().unwrap();
        write_binary(dir.path());
        let file = dir.path().join("cifar-100-binary/train.bin");
        fs::write(&file, vec![0; 3075]).unwrap();
        let error = error(&dir.path().join("cifar-100-binary"));
        assert!(error.contains("3075") && error.contains("3074"), "{error}");
        assert!(error.contains("train.bin"), "{error}");
    }

    #[test]
    fn a_missing_batch_in_the_middle_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        write_binary(dir.path());
        let folder = dir.path().join("cifar-10-batches-bin");
        fs::copy(folder.join("data_batch_1.bin"), folder.join("data_batch_3.bin")).unwrap();
        assert!(error(&folder).contains("data_batch_2.bin"));
        fs::copy(folder.join("data_batch_1.bin"), folder.join("data_batch_2.bin")).unwrap();
        assert_eq!(open(&folder).unwrap().split(Split::Train).unwrap().len(), 6);
    }

    #[test]
    fn a_label_without_a_class_name_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        write_binary(dir.path());
        let folder = dir.path().join("cifar-10-batches-bin");
        fs::write(folder.join("batches.meta.txt"), "cat\ndog").unwrap();
        let error = error(&folder);
        assert!(error.contains("label 2") && error.contains("2 class names"), "{error}");
    }

    #[test]
    fn damaged_python_files_are_errors_that_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        write_python(dir.path());
        let folder = dir.path().join("cifar-100-python");
        let whole = fs::read(folder.join("train")).unwrap();
        for length in (0..whole.len()).step_by(97) {
            fs::write(folder.join("train"), &whole[..length]).unwrap();
            assert!(error(&folder).contains("train"), "{length}");
        }
        let few = Builder::default().ints("fine_labels", &[1]);
        let few = few.matrix("data", 2, 3072, &[0; 6144]).finish();
        fs::write(folder.join("train"), few).unwrap();
        let error = error(&folder);
        assert!(error.contains("1 labels") && error.contains("2 images"), "{error}");
    }
}
