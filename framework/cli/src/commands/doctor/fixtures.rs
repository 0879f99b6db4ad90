//! Tokenizer and pictures against what OpenAI's tokenizer and Pillow made of the same.

use clf_core::{
    Error,
    clip::{Tokenizer, preprocess::Crop, preprocess::Preprocess, tokenizer::CONTEXT_LENGTH},
    image::{DynamicImage, GrayImage, RgbImage},
};
use safetensors::SafeTensors;
use serde::Deserialize;

use super::{Patient, Verdict, model::Record};

/// Texts and the ids that OpenAI's tokenizer gives them.
const TEXTS: [&str; 2] = [
    include_str!("../../../../clip/tests/fixtures/tokenizer_cases.json"),
    include_str!("../../../../clip/tests/fixtures/tokenizer_cleaning_cases.json"),
];
/// Pictures, and what Pillow and torchvision make of them.
const PICTURES: &[u8] = include_bytes!("../../../../clip/tests/fixtures/preprocess.safetensors");
/// Of each picture the size of the model, and the crops as top, left, height and width.
const CROPS: [(u32, [[u32; 4]; 2]); 7] = [
    (32, [[2, 2, 38, 46], [0, 1, 40, 46]]),
    (32, [[6, 0, 49, 37], [6, 0, 49, 37]]),
    (32, [[0, 0, 27, 26], [0, 0, 28, 25]]),
    (32, [[1, 1, 31, 31], [0, 1, 32, 31]]),
    (32, [[0, 7, 101, 135], [0, 7, 101, 135]]),
    (32, [[3, 0, 27, 20], [3, 0, 27, 20]]),
    (64, [[0, 4, 30, 36], [0, 0, 30, 36]]),
];
/// Advice for what cannot depend on the user.
const REPORT: &str = "this build is not the one that was tested: build it anew, and report it if that does not help";

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

pub fn tokenizer(_: &Patient) -> Verdict {
    let counted = compare_texts(&TEXTS)
        .map(|texts| Verdict::ok(format!("the ids of {texts} texts are those of OpenAI's tokenizer")));
    Verdict::of(counted, REPORT)
}

/// How many texts there are; all have the recorded ids.
fn compare_texts(files: &[&str]) -> Result<usize, Error> {
    let full = Tokenizer::openai();
    let mut texts = 0;
    for file in files {
        let cases: Cases = serde_json::from_str(file).map_err(|error| Error::Defect(error.to_string()))?;
        texts += compare(&full, &cases.cases)?;
    }
    let small = Record::embedded()?;
    let tokenizer = Tokenizer::for_vocab_size(1024).map_err(|error| Error::Defect(error.to_string()))?;
    let cases = small.texts.into_iter().zip(small.ids).map(|(text, ids)| Case { text, ids });
    Ok(texts + compare(&tokenizer, &cases.collect::<Vec<_>>())?)
}

fn compare(tokenizer: &Tokenizer, cases: &[Case]) -> Result<usize, Error> {
    let is_wrong = |case: &&Case| tokenizer.encode(&case.text, CONTEXT_LENGTH) != case.ids;
    match cases.iter().find(is_wrong) {
        Some(case) => Err(Error::Defect(format!("the text {:?} has other ids than in OpenAI's tokenizer", case.text))),
        None => Ok(cases.len()),
    }
}

pub fn pictures(_: &Patient) -> Verdict {
    let made = compare_pictures(PICTURES);
    Verdict::of(
        made.map(|made| {
            Verdict::ok(format!("{made} resized and cropped pictures are Pillow's to the last grey level"))
        }),
        REPORT,
    )
}

/// How many pictures there are; all are made as they are recorded.
fn compare_pictures(bytes: &[u8]) -> Result<usize, Error> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| Error::Defect(format!("the fixture: {error}")))?;
    let mut made = 0;
    for (index, (size, crops)) in CROPS.into_iter().enumerate() {
        let source = picture(&file, &format!("src{index}"))?;
        let transform = Preprocess::new(size);
        let whole = std::iter::once((format!("test_u8_{index}"), transform.test(&source)));
        let crops = crops.into_iter().enumerate().map(|(number, [y, x, height, width])| {
            let crop = Crop { x, y, width, height };
            (format!("train_u8_{index}_{number}"), transform.train_crop(&source, crop))
        });
        for (name, ours) in whole.chain(crops) {
            if DynamicImage::from(ours) != picture(&file, &name)? {
                return Err(Error::Defect(format!("picture {name} is not what Pillow makes of it")));
            }
            made += 1;
        }
    }
    Ok(made)
}

fn picture(file: &SafeTensors<'_>, name: &str) -> Result<DynamicImage, Error> {
    let broken = || Error::Defect(format!("the fixture has no picture {name}"));
    let tensor = file.tensor(name).map_err(|_| broken())?;
    let [height, width, channels] = *tensor.shape() else { return Err(broken()) };
    let (width, height, raw) = (width as u32, height as u32, tensor.data().to_vec());
    let image = if channels == 1 {
        GrayImage::from_raw(width, height, raw).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, raw).map(DynamicImage::from)
    };
    image.ok_or_else(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_text_and_picture_is_made_as_recorded() {
        assert!(compare_texts(&TEXTS).unwrap() > 50);
        assert_eq!(compare_pictures(PICTURES).unwrap(), 21);
    }

    #[test]
    fn one_wrong_id_or_grey_level_is_a_defect_that_names_the_text_or_picture() {
        let wrong = r#"{"cases": [{"text": "a cat", "ids": [49406, 320, 2369, 49407]}]}"#;
        let error = compare_texts(&[wrong]).unwrap_err();
        assert!(error.exit_code() == 1 && error.to_string().contains("\"a cat\""), "{error}");
        let mut damaged = PICTURES.to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        let error = compare_pictures(&damaged).unwrap_err();
        assert!(error.exit_code() == 1 && error.to_string().contains("is not what Pillow makes"), "{error}");
    }
}
