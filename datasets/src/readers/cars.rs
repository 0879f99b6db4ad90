//! Stanford Cars in the layout of its download: pictures in two folders, labels in MATLAB files.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::{DatasetError, Samples};

use super::{
    file_samples::FileSamples,
    files::{corrupt, missing, read_text},
    info::InfoOverrides,
    mat::{read_cell_strings, read_struct_array},
    splits::{Splits, dataset_by_splits},
};

/// Stanford Cars: 8144 training and 8041 test pictures of 196 models of cars.
///
/// The folder holds `cars_train/00001.jpg` and so on with `devkit/cars_train_annos.mat`, and `cars_test/` with
/// `cars_test_annos_withlabels.mat`, which is also found in `devkit`; without one of the two there is no test split. Names
/// come from `devkit/cars_meta.mat`, or from `class-names`. A smaller copy lists the pictures that it has in a `SUBSET.tsv`,
/// a line each, `00163.jpg` or `cars_test/00012.jpg`, further columns being free; its classes are those that occur.
pub struct Cars {
    splits: Splits,
}

dataset_by_splits!(Cars);

impl Cars {
    /// Reads the dataset in the folder `path`, or in the folder that the TOML file `path` names.
    ///
    /// # Errors
    ///
    /// When files or pictures are missing or damaged, or when a class has no name.
    pub fn open(path: impl AsRef<Path>, overrides: InfoOverrides) -> Result<Self, DatasetError> {
        let (root, overrides) = overrides.resolve(path.as_ref())?;
        let subset = Subset::read(&root)?;
        let annotations = root.join("devkit/cars_train_annos.mat");
        let train = read_split(&root, "cars_train", &annotations, subset.as_ref())?;
        let test = match test_annotations(&root) {
            Some(annotations) => Some(read_split(&root, "cars_test", &annotations, subset.as_ref())?),
            None => None,
        };
        let test = test.filter(|pictures| !pictures.is_empty());
        if let Some(subset) = &subset {
            subset.check(train.len() + test.as_ref().map_or(0, Vec::len))?;
        }
        let numbers = train.iter().chain(test.iter().flatten()).map(|&(_, number)| number);
        let classes: Vec<_> = numbers.collect::<BTreeSet<_>>().into_iter().collect();
        let names = match &overrides.class_names {
            Some(names) => names_of(&classes, names.clone()).map_err(|reason| corrupt(&root, reason))?,
            None => read_names(&root, &classes)?,
        };
        let max_label = classes.len().saturating_sub(1);
        let overrides = InfoOverrides { class_names: None, ..overrides };
        let info = overrides.into_info(&root, "stanford-cars".to_owned(), names, max_label)?;
        let share = |items: Vec<(PathBuf, usize)>| -> Arc<dyn Samples> {
            let label = |number| classes.partition_point(|&class| class < number);
            Arc::new(FileSamples::new(items.into_iter().map(|(path, number)| (path, label(number))).collect()))
        };
        let hint = format!("it needs cars_test and cars_test_annos_withlabels.mat in {}", root.display());
        Ok(Self { splits: Splits::new(info, Some(share(train)), test.map(share)).with_hint(hint) })
    }
}

/// The file of the labels of the test pictures, where both are there.
fn test_annotations(root: &Path) -> Option<PathBuf> {
    const NAME: &str = "cars_test_annos_withlabels.mat";
    let file = [root.join(NAME), root.join("devkit").join(NAME)].into_iter().find(|file| file.is_file());
    file.filter(|_| root.join("cars_test").is_dir())
}

/// Pictures with the numbers of their classes, counted from one.
fn read_split(
    root: &Path,
    folder: &str,
    annotations: &Path,
    subset: Option<&Subset>,
) -> Result<Vec<(PathBuf, usize)>, DatasetError> {
    let rows = read_struct_array(annotations, "annotations")?;
    let mut pictures = Vec::new();
    for row in 0..rows.len() {
        let name = format!("{folder}/{}", rows.text(row, "fname")?);
        if subset.is_some_and(|subset| !subset.files.contains(&name)) {
            continue;
        }
        let number = rows.count(row, "class")?;
        if number == 0 {
            let reason = format!("row {} has the class 0, but classes are counted from one", row + 1);
            return Err(corrupt(annotations, reason));
        }
        let path = root.join(name);
        if !path.is_file() {
            let hint = "unpack the whole archive of pictures, or list those that are there in a SUBSET.tsv";
            return Err(missing("picture", &path, hint));
        }
        pictures.push((path, number));
    }
    Ok(pictures)
}

fn read_names(root: &Path, classes: &[usize]) -> Result<Vec<String>, DatasetError> {
    let file = root.join("devkit/cars_meta.mat");
    let names = read_cell_strings(&file, "class_names")?;
    names_of(classes, names).map_err(|reason| corrupt(&file, reason))
}

/// Names of the `classes` that occur, out of names of all of them, or of just these.
fn names_of(classes: &[usize], names: Vec<String>) -> Result<Vec<String>, String> {
    let all: Option<Vec<String>> = classes.iter().map(|class| names.get(class - 1).cloned()).collect();
    let largest = classes.last().copied().unwrap_or(0);
    match all {
        Some(names) => Ok(names),
        None if names.len() == classes.len() => Ok(names),
        None => {
            let (given, classes) = (names.len(), classes.len());
            Err(format!("there are {given} class names for {classes} classes, the largest number being {largest}"))
        }
    }
}

/// The pictures of a smaller copy, by folder and name.
struct Subset {
    list: PathBuf,
    files: BTreeSet<String>,
}

impl Subset {
    fn read(root: &Path) -> Result<Option<Self>, DatasetError> {
        let list = root.join("SUBSET.tsv");
        if !list.is_file() {
            return Ok(None);
        }
        let text = read_text(&list, "list of pictures", "check the path")?;
        let names = text.lines().filter_map(|line| line.split('\t').next()).filter(|name| !name.trim().is_empty());
        let file = |name: &str| if name.contains('/') { name.to_owned() } else { format!("cars_train/{name}") };
        let files = names.map(|name| file(name.trim())).collect();
        Ok(Some(Self { list, files }))
    }

    /// Refuses a list of which only `found` pictures have labels.
    fn check(&self, found: usize) -> Result<(), DatasetError> {
        if found == self.files.len() {
            return Ok(());
        }
        let listed = self.files.len();
        Err(corrupt(
            &self.list,
            format!("it lists {listed} pictures, but the annotations have labels for {found} of them"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clf_core::data::{Dataset, Split};

    use super::{
        super::mat::sample::{Item, variables},
        *,
    };

    fn text(text: &str) -> Item {
        Item::Text(text.to_owned())
    }

    fn annotations(rows: &[(u16, &str)]) -> Vec<u8> {
        let row = |(class, name): &(u16, &str)| vec![Item::Numbers(vec![*class]), text(name)];
        variables(&[("annotations", Item::Structs(vec!["class", "fname"], rows.iter().map(row).collect()))])
    }

    fn cars() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["devkit", "cars_train", "cars_test"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
        write("devkit/cars_train_annos.mat", &annotations(&[(3, "1.png"), (1, "2.png"), (3, "3.png")]));
        write("cars_test_annos_withlabels.mat", &annotations(&[(2, "1.png"), (1, "2.png")]));
        let names = Item::Cells(vec![text("Audi TT"), text("Fiat 500"), text("Geo Metro"), text("Ram C/V")]);
        write("devkit/cars_meta.mat", &variables(&[("class_names", names)]));
        for (width, name) in (1..).zip(["train/1", "train/2", "train/3", "test/1", "test/2"]) {
            image::RgbImage::new(width, 2).save(dir.path().join(format!("cars_{name}.png"))).unwrap();
        }
        dir
    }

    fn open(dir: &tempfile::TempDir) -> Result<Cars, DatasetError> {
        Cars::open(dir.path(), InfoOverrides::default())
    }

    fn error(dir: &tempfile::TempDir) -> String {
        open(dir).err().unwrap().to_string()
    }

    /// Labels and widths of the pictures.
    fn read(data: &Cars, split: Split) -> Vec<(usize, u32)> {
        let samples = data.split(split).unwrap();
        (0..samples.len()).map(|index| (samples.label(index).unwrap(), samples.image(index).unwrap().width())).collect()
    }

    #[test]
    fn pictures_labels_and_names_belong_together() {
        let data = open(&cars()).unwrap();
        assert_eq!(data.info().class_names, ["Audi TT", "Fiat 500", "Geo Metro"]);
        let dir = cars();
        let data = open(&dir).unwrap();
        assert_eq!(read(&data, Split::Train), [(2, 1), (0, 2), (2, 3)]);
        assert_eq!(read(&data, Split::Test), [(1, 4), (0, 5)]);
    }

    #[test]
    fn a_smaller_copy_lists_its_pictures() {
        let dir = cars();
        fs::write(dir.path().join("SUBSET.tsv"), "1.png\t3\tGeo Metro\n\n3.png\n").unwrap();
        fs::remove_file(dir.path().join("cars_train/2.png")).unwrap();
        let data = open(&dir).unwrap();
        assert_eq!(data.info().class_names, ["Geo Metro"]);
        assert_eq!(read(&data, Split::Train), [(0, 1), (0, 3)]);
        assert!(data.split(Split::Test).is_err());
        fs::write(dir.path().join("SUBSET.tsv"), "1.png\ncars_test/1.png").unwrap();
        assert_eq!(read(&open(&dir).unwrap(), Split::Test), [(0, 4)]);
        fs::write(dir.path().join("SUBSET.tsv"), "1.png\n9.png").unwrap();
        assert!(error(&dir).contains("lists 2 pictures"), "{}", error(&dir));
    }

    #[test]
    fn without_test_pictures_or_their_labels_there_is_a_training_split() {
        for gone in ["cars_test", "cars_test_annos_withlabels.mat"] {
            let dir = cars();
            fs::rename(dir.path().join(gone), dir.path().join("elsewhere")).unwrap();
            let data = open(&dir).unwrap();
            assert_eq!(data.info().class_names, ["Audi TT", "Geo Metro"]);
            let error = data.split(Split::Test).err().unwrap().to_string();
            assert!(error.contains("cars_test_annos_withlabels.mat"), "{error}");
        }
        let dir = cars();
        let name = "cars_test_annos_withlabels.mat";
        fs::rename(dir.path().join(name), dir.path().join("devkit").join(name)).unwrap();
        assert_eq!(read(&open(&dir).unwrap(), Split::Test).len(), 2);
    }

    #[test]
    fn given_names_are_those_of_all_classes_or_of_those_that_occur() {
        let dir = cars();
        fs::write(dir.path().join("SUBSET.tsv"), "1.png").unwrap();
        let names = |names: &str| {
            fs::write(dir.path().join("dataset.toml"), format!("class-names = {names}")).unwrap();
            open(&dir).map(|data| data.info().class_names.clone())
        };
        assert_eq!(names("['a', 'b', 'c', 'd']").unwrap(), ["c"]);
        assert_eq!(names("['a']").unwrap(), ["a"]);
        let error = names("['a', 'b']").unwrap_err().to_string();
        assert!(error.contains("2 class names for 1 classes, the largest number being 3"), "{error}");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for name in ["cars_test/2.png", "devkit/cars_meta.mat", "devkit/cars_train_annos.mat"] {
            let dir = cars();
            fs::remove_file(dir.path().join(name)).unwrap();
            assert!(error(&dir).contains(name), "{}", error(&dir));
        }
        let dir = cars();
        fs::write(dir.path().join("devkit/cars_train_annos.mat"), annotations(&[(0, "1.png")])).unwrap();
        assert!(error(&dir).contains("row 1 has the class 0"), "{}", error(&dir));
        let unlabelled = variables(&[("annotations", Item::Structs(vec!["fname"], vec![vec![text("1.png")]]))]);
        fs::write(dir.path().join("devkit/cars_train_annos.mat"), unlabelled).unwrap();
        assert!(error(&dir).contains("no field \"class\""), "{}", error(&dir));
    }
}
