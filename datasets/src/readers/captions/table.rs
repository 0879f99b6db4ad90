//! Tables of `caption TAB url`, of `caption TAB url TAB image`, and indices of `title TAB filepath`.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use clf_core::data::DatasetError;

use super::{
    super::files::{corrupt, io_error, missing},
    CaptionSamples,
};

/// First line of an index of images: every further line is a caption and the path of its image.
pub(super) const INDEX_HEAD: &str = "title\tfilepath";

/// Reads a table, checking that the images that it names are there.
pub(super) fn read(file: &Path) -> Result<CaptionSamples, DatasetError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut samples = CaptionSamples::new(file);
    let content = BufReader::new(File::open(file).map_err(io_error(file))?);
    let mut is_index = false;
    for (number, line) in (1..).zip(content.split(b'\n')) {
        let line = line.map_err(io_error(file))?;
        let at_line = |reason: String| corrupt(file, format!("line {number}: {reason}"));
        let line = str::from_utf8(&line).map_err(|error| at_line(error.to_string()))?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if number == 1 && line == INDEX_HEAD {
            is_index = true;
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let columns: Vec<_> = line.split('\t').collect();
        let (caption, image) = match columns.as_slice() {
            [caption, image] if is_index => (*caption, Some(folder.join(image))),
            [caption, _] | [caption, _, ""] if !is_index => (*caption, None),
            [caption, _, image] if !is_index => (*caption, Some(folder.join(image))),
            _ => {
                let (count, expected) = (columns.len(), if is_index { "2" } else { "2 or 3" });
                return Err(at_line(format!("it has {count} columns, expected {expected}")));
            }
        };
        if caption.trim().is_empty() {
            return Err(at_line("its caption is empty".to_owned()));
        }
        if let Some(image) = image.as_deref().filter(|image| !image.is_file()) {
            let what = format!("image of line {number} of {}", file.display());
            let hint = if is_index {
                "fetch the images again, or leave the line out"
            } else {
                "leave the third column empty where there is no image"
            };
            return Err(missing(what, image, hint));
        }
        samples.push(caption.trim(), image);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clf_core::data::{Dataset, Samples, Split};

    use super::{super::Captions, *};

    fn written(content: &[u8]) -> (tempfile::TempDir, Result<CaptionSamples, DatasetError>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("captions.tsv");
        fs::write(&path, content).unwrap();
        image::RgbImage::new(5, 4).save(dir.path().join("a.png")).unwrap();
        let samples = read(&path);
        (dir, samples)
    }

    #[test]
    fn a_line_has_a_caption_and_perhaps_an_image() {
        let (_dir, samples) = written("a cat .\thttp://a\na dög\thttp://b\ta.png\r\n".as_bytes());
        let samples = samples.unwrap();
        assert_eq!(samples.len(), 2);
        assert_eq!(samples.caption(0), Some("a cat ."));
        assert_eq!(samples.caption(1), Some("a dög"));
        assert_eq!((samples.caption(2), samples.label(0)), (None, None));
        assert_eq!(samples.image(1).unwrap().width(), 5);
        let error = samples.image(0).unwrap_err().to_string();
        assert!(error.contains("caption without an image"), "{error}");
    }

    #[test]
    fn a_line_that_is_not_understood_is_named_by_its_number() {
        let cases: [(&[u8], &str); 4] = [
            (b"a\tb\nalone\n", "line 2: it has 1 columns"),
            (b"a\tb\tc\td", "line 1: it has 4 columns"),
            (b" \tb", "line 1: its caption is empty"),
            (b"a\tb\n\xff\tb", "line 2: invalid utf-8"),
        ];
        for (content, expected) in cases {
            let error = written(content).1.err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn an_index_names_captions_and_images_below_its_folder() {
        let (_dir, samples) = written(b"title\tfilepath\na cat\ta.png\na dog\t./a.png\n");
        let samples = samples.unwrap();
        assert_eq!((samples.len(), samples.caption(1)), (2, Some("a dog")));
        assert_eq!(samples.image(0).unwrap().width(), 5);
        let error = written(b"title\tfilepath\na cat\thttp://a\ta.png").1.err().unwrap().to_string();
        assert!(error.contains("line 2: it has 3 columns, expected 2"), "{error}");
        let error = written(b"title\tfilepath\na cat\tgone.png").1.err().unwrap().to_string();
        assert!(error.contains("line 2") && error.contains("gone.png"), "{error}");
    }

    #[test]
    fn the_index_of_a_table_stands_for_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Validation.tsv"), "first\tb\nsecond\tb").unwrap();
        image::RgbImage::new(5, 4).save(dir.path().join("a.png")).unwrap();
        fs::write(dir.path().join("Validation_output.csv"), "title\tfilepath\nsecond\ta.png").unwrap();
        let samples = Captions::open(dir.path()).unwrap().split(Split::Train).unwrap();
        assert_eq!((samples.len(), samples.caption(0), samples.has_image(0)), (1, Some("second"), true));
        let table = Captions::open(dir.path().join("Validation.tsv")).unwrap().split(Split::Train).unwrap();
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn an_image_that_is_not_there_is_found_when_opening() {
        let error = written(b"a cat\thttp://a\tgone.png").1.err().unwrap();
        let text = error.to_string();
        assert!(text.contains("line 1") && text.contains("gone.png"), "{text}");
    }

    #[test]
    fn one_table_is_the_training_split_and_two_are_told_apart_by_name() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Validation.tsv"), "val\tb").unwrap();
        let captions = |split| {
            let data = Captions::open(dir.path()).unwrap();
            let samples: Result<_, DatasetError> = data.split(split);
            samples.ok().and_then(|it| it.caption(0).map(str::to_owned))
        };
        assert_eq!(captions(Split::Train).as_deref(), Some("val"));
        assert_eq!(captions(Split::Test), None);
        fs::write(dir.path().join("Train.tsv"), "train\tb").unwrap();
        assert_eq!(captions(Split::Train).as_deref(), Some("train"));
        assert_eq!(captions(Split::Test).as_deref(), Some("val"));
        fs::write(dir.path().join("test.tsv"), "test\tb").unwrap();
        let error = Captions::open(dir.path()).err().unwrap().to_string();
        assert!(error.contains("Validation.tsv") && error.contains("test.tsv"), "{error}");
    }

    #[test]
    fn an_empty_table_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.tsv"), "\n").unwrap();
        assert!(Captions::open(dir.path().join("a.tsv")).is_err());
    }
}
