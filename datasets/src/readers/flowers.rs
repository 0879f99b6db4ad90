//! Oxford Flowers 102 in the layout of its download: pictures in `jpg/`, labels and splits in MATLAB files.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::data::{DatasetError, Samples};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    file_samples::FileSamples,
    files::{corrupt, missing, read_text},
    info::InfoOverrides,
    mat::read_vector,
    splits::{Splits, dataset_by_splits},
};

/// Oxford Flowers 102: the 1020 official training pictures and the 6149 test pictures; the validation pictures are left out.
///
/// The folder holds `jpg/image_00001.jpg` and so on, `imagelabels.mat` and `setid.mat`. The official files have no class
/// names: they come from a `cat_to_name.json` (`{"1": "pink primrose", ..}`), or from `class-names`. A smaller copy says
/// which pictures it has in a `SUBSET.json` with the lists of `setid.mat`; its classes are those that occur.
pub struct Flowers {
    splits: Splits,
}

dataset_by_splits!(Flowers);

impl Flowers {
    /// Reads the dataset in the folder `path`, or in the folder that the TOML file `path` names.
    ///
    /// # Errors
    ///
    /// When files or pictures are missing or damaged, or when a class has no name.
    pub fn open(path: impl AsRef<Path>, overrides: InfoOverrides) -> Result<Self, DatasetError> {
        let (root, overrides) = overrides.resolve(path.as_ref())?;
        let ids = Ids::read(&root)?;
        let label_file = root.join("imagelabels.mat");
        let labels = read_vector(&label_file, "labels")?;
        let label = |&id: &usize| {
            let label = id.checked_sub(1).and_then(|index| labels.get(index));
            let total = labels.len();
            let reason = || format!("it has {total} labels, but there is a picture {id}");
            let label = *label.ok_or_else(|| corrupt(&label_file, reason()))?;
            Ok((picture(&root, id)?, label))
        };
        let read = |ids: &[usize]| ids.iter().map(label).collect::<Result<Vec<_>, _>>();
        let (train, test) = (read(&ids.trnid)?, read(&ids.tstid)?);
        let all = train.iter().chain(&test).map(|&(_, label)| label);
        // Given names are those of all classes, whether or not they have pictures here.
        let (classes, names) = if let Some(names) = &overrides.class_names {
            ((1..=names.len().max(all.max().unwrap_or(0))).collect(), names.clone())
        } else {
            let classes: Vec<_> = all.collect::<BTreeSet<_>>().into_iter().collect();
            let names = read_names(&root, &classes)?;
            (classes, names)
        };
        let max_label = classes.len().saturating_sub(1);
        let info = overrides.into_info(&root, "flowers102".to_owned(), names, max_label)?;
        let share = |items: Vec<(PathBuf, usize)>| -> Arc<dyn Samples> {
            let place = |label| classes.partition_point(|&class| class < label);
            let items = items.into_iter().map(|(path, label)| (path, place(label)));
            Arc::new(FileSamples::new(items.collect()))
        };
        let splits = Splits::new(info, Some(share(train)), Some(share(test)));
        Ok(Self { splits })
    }
}

/// Numbers of the pictures of each split, counted from one.
#[derive(Deserialize)]
struct Ids {
    trnid: Vec<usize>,
    tstid: Vec<usize>,
}

impl Ids {
    fn read(root: &Path) -> Result<Self, DatasetError> {
        let subset = root.join("SUBSET.json");
        if subset.is_file() {
            return read_json(&subset);
        }
        let file = root.join("setid.mat");
        Ok(Self { trnid: read_vector(&file, "trnid")?, tstid: read_vector(&file, "tstid")? })
    }
}

fn picture(root: &Path, id: usize) -> Result<PathBuf, DatasetError> {
    let path = root.join(format!("jpg/image_{id:05}.jpg"));
    if path.is_file() {
        return Ok(path);
    }
    Err(missing("picture", &path, "unpack the whole archive of pictures"))
}

fn read_names(root: &Path, classes: &[usize]) -> Result<Vec<String>, DatasetError> {
    let file = root.join("cat_to_name.json");
    let names: BTreeMap<usize, String> = read_json(&file)?;
    let name = |class| {
        let name = names.get(class).cloned();
        name.ok_or_else(|| corrupt(&file, format!("it has no name for class {class}")))
    };
    classes.iter().map(name).collect()
}

fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T, DatasetError> {
    let hint = "put it there, or give the names as class-names in a dataset.toml";
    let text = read_text(file, "class names", hint)?;
    serde_json::from_str(&text).map_err(|error| corrupt(file, error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clf_core::data::{Dataset, Split};

    use super::{super::mat::sample, *};

    fn flowers() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
        write("imagelabels.mat", &sample::file(&[("labels", &[7, 7, 2, 50])]));
        let ids: [(&str, &[u16]); 3] = [("trnid", &[4, 1]), ("valid", &[2]), ("tstid", &[3])];
        write("setid.mat", &sample::file(&ids));
        write("cat_to_name.json", br#"{"50": "daisy", "2": "rose", "7": "iris"}"#);
        fs::create_dir(dir.path().join("jpg")).unwrap();
        for id in 1..=4 {
            let path = dir.path().join(format!("jpg/image_{id:05}.jpg"));
            image::RgbImage::new(id, 2).save(path).unwrap();
        }
        dir
    }

    fn open(dir: &tempfile::TempDir) -> Result<Flowers, DatasetError> {
        Flowers::open(dir.path(), InfoOverrides::default())
    }

    #[test]
    fn pictures_labels_and_names_belong_together() {
        let data = open(&flowers()).unwrap();
        assert_eq!(data.info().class_names, ["rose", "iris", "daisy"]);
        let labels = |split| {
            let samples = data.split(split).unwrap();
            let all = (0..samples.len()).map(|index| samples.label(index).unwrap());
            all.collect::<Vec<_>>()
        };
        assert_eq!(labels(Split::Train), [2, 1]);
        assert_eq!(labels(Split::Test), [0]);
    }

    #[test]
    fn a_subset_lists_its_own_pictures() {
        let dir = flowers();
        let subset = r#"{"trnid": [1], "valid": [], "tstid": [2]}"#;
        fs::write(dir.path().join("SUBSET.json"), subset).unwrap();
        let data = open(&dir).unwrap();
        assert_eq!(data.info().class_names, ["iris"]);
        assert_eq!(data.split(Split::Test).unwrap().image(0).unwrap().width(), 2);
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["jpg/image_00003.jpg", "setid.mat", "cat_to_name.json", "imagelabels.mat"] {
            let dir = flowers();
            fs::remove_file(dir.path().join(name)).unwrap();
            let error = open(&dir).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn a_picture_without_a_label_is_an_error_with_both_numbers() {
        let dir = flowers();
        let labels = sample::file(&[("labels", &[7, 7, 2])]);
        fs::write(dir.path().join("imagelabels.mat"), labels).unwrap();
        let error = open(&dir).err().unwrap().to_string();
        assert!(error.contains("3 labels") && error.contains("picture 4"), "{error}");
    }
}
