//! COCO caption files: a list of images and a list of captions that point to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use clf_core::data::DatasetError;
use serde::Deserialize;

use super::{
    super::files::{corrupt, io_error, missing, read_bytes},
    CaptionSamples,
};

/// The parts of the file that matter; COCO has more.
#[derive(Deserialize)]
struct Content {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    caption: String,
}

/// Reads a caption file, checking that its images are there.
pub(super) fn read(file: &Path) -> Result<CaptionSamples, DatasetError> {
    let bytes = read_bytes(file, "caption file", "check the path")?;
    let content: Content = serde_json::from_slice(&bytes).map_err(|error| corrupt(file, error.to_string()))?;
    let folder = image_folder(file)?;
    let paths = image_paths(&content.images, &folder)?;
    let mut samples = CaptionSamples::new(file);
    for Annotation { image_id, caption } in &content.annotations {
        let path = paths.get(image_id).ok_or_else(|| {
            let reason = format!("a caption belongs to image {image_id}, which it does not list");
            corrupt(file, reason)
        })?;
        samples.push(caption.trim(), Some(path.clone()));
    }
    Ok(samples)
}

/// The folder that the file is named after: `train2017` for `captions_train2017.json`.
fn image_folder(file: &Path) -> Result<PathBuf, DatasetError> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = stem.strip_prefix("captions_").unwrap_or(&stem).to_owned();
    let beside = file.parent().unwrap_or(Path::new(""));
    let above = beside.parent().unwrap_or(Path::new(".."));
    let found = [beside, above]
        .into_iter()
        .flat_map(|base| [base.join(&name), base.join("images").join(&name), base.join("images")])
        .find(|folder| folder.is_dir());
    found.ok_or_else(|| {
        let hint = format!("put the images of {} there", file.display());
        missing("image folder", &above.join(name), hint)
    })
}

fn image_paths(images: &[Image], folder: &Path) -> Result<BTreeMap<u64, PathBuf>, DatasetError> {
    // One listing is much quicker than a question per file.
    let listing = fs::read_dir(folder).map_err(io_error(folder))?;
    let names: BTreeSet<_> = listing.flatten().map(|entry| entry.file_name()).collect();
    let mut paths = BTreeMap::new();
    for Image { id, file_name } in images {
        let path = folder.join(file_name);
        if !names.contains(Path::new(file_name).as_os_str()) && !path.is_file() {
            return Err(missing(format!("image {id}"), &path, "fetch the images again"));
        }
        paths.insert(*id, path);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use clf_core::data::{Dataset, Split};

    use super::{super::Captions, *};

    const TWO_CAPTIONS: &str = r#"{"info": {"year": 2017},
        "images": [{"id": 7, "file_name": "b.png", "width": 3}, {"id": 5, "file_name": "a.png"}],
        "annotations": [{"id": 1, "image_id": 5, "caption": "A cat.\n"},
            {"id": 2, "image_id": 7, "caption": "A dog."}, {"id": 3, "image_id": 5, "caption": "One cat."}]}"#;

    fn coco(json: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["annotations", "train2017"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let image = |name: &str, width| {
            let image = image::RgbImage::new(width, 2);
            image.save(dir.path().join("train2017").join(name)).unwrap();
        };
        image("a.png", 5);
        image("b.png", 7);
        let file = dir.path().join("annotations/captions_train2017.json");
        fs::write(file, json).unwrap();
        dir
    }

    fn error(json: &str) -> String {
        let error = Captions::open(coco(json).path()).err();
        error.unwrap().to_string()
    }

    #[test]
    fn every_caption_is_a_sample_with_its_image() {
        let dir = coco(TWO_CAPTIONS);
        for path in ["", "annotations/captions_train2017.json"] {
            let data = Captions::open(dir.path().join(path)).unwrap();
            let samples = data.split(Split::Train).unwrap();
            let read: Vec<_> = (0..samples.len())
                .map(|index| {
                    let width = samples.image(index).unwrap().width();
                    (samples.caption(index).unwrap(), width)
                })
                .collect();
            assert_eq!(read, [("A cat.", 5), ("A dog.", 7), ("One cat.", 5)]);
            assert_eq!(samples.label(0), None);
        }
    }

    #[test]
    fn a_caption_of_an_unknown_image_is_an_error() {
        let json = TWO_CAPTIONS.replace("\"image_id\": 7", "\"image_id\": 8");
        let text = error(&json);
        assert!(text.contains("image 8") && text.contains("captions_train2017.json"), "{text}");
    }

    #[test]
    fn an_image_that_is_not_there_is_found_when_opening() {
        let text = error(&TWO_CAPTIONS.replace("b.png", "gone.png"));
        assert!(text.contains("gone.png"), "{text}");
    }

    #[test]
    fn a_truncated_file_is_an_error_with_line_and_column() {
        for length in (0..TWO_CAPTIONS.len()).step_by(23) {
            let text = error(&TWO_CAPTIONS[..length]);
            assert!(text.contains("line"), "{text}");
        }
    }

    #[test]
    fn a_missing_image_folder_is_named() {
        let dir = coco(TWO_CAPTIONS);
        fs::remove_dir_all(dir.path().join("train2017")).unwrap();
        let error = Captions::open(dir.path()).err().unwrap().to_string();
        assert!(error.contains("train2017"), "{error}");
    }
}
