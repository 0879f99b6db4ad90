//! A linked picture as it is kept.

use std::{fs, io::Cursor, path::Path};

use clf_core::{data::DatasetError, panics};
use image::{DynamicImage, codecs::jpeg::JpegEncoder, imageops::FilterType};

use super::{super::super::picture, Outcome, write_error};

/// Quality of the JPEG; the reference code leaves PIL's default.
const QUALITY: u8 = 75;

/// Shrinks the picture of these bytes and keeps it at `path`, if it is one.
pub(super) fn keep(bytes: &[u8], path: &Path, side: u32) -> Result<Outcome, DatasetError> {
    let draft = path.with_extension("part");
    fs::write(&draft, bytes).map_err(write_error(&draft))?;
    // A decoder that panics on a hostile file must not end the whole work.
    let image = panics::caught(|| picture::decode(&draft));
    let outcome = match image {
        Ok(Ok(image)) if is_slim(&image) => Outcome::Dead("far from square".to_owned()),
        Ok(Ok(image)) => {
            let jpeg = encoded(&shrunk(image, side))?;
            fs::write(&draft, jpeg).and_then(|()| fs::rename(&draft, path)).map_err(write_error(path))?;
            return Ok(Outcome::Found { new: true });
        }
        Ok(Err(DatasetError::Io { path, source })) => return Err(DatasetError::Io { path, source }),
        Ok(Err(_)) | Err(_) => Outcome::Dead("no picture".to_owned()),
    };
    fs::remove_file(&draft).map_err(write_error(&draft))?;
    Ok(outcome)
}

/// Whether the shorter side is less than a third of the longer one.
fn is_slim(image: &DynamicImage) -> bool {
    let (short, long) = (image.width().min(image.height()), image.width().max(image.height()));
    3 * u64::from(short) < u64::from(long)
}

/// The picture with no side longer than `side`, in red, green and blue.
fn shrunk(image: DynamicImage, side: u32) -> DynamicImage {
    let image = DynamicImage::from(image.into_rgb8());
    let (width, height) = size(image.width(), image.height(), side);
    if (width, height) == (image.width(), image.height()) {
        return image;
    }
    // Keys' cubic with a = -1/2, as PIL's bicubic.
    image.resize_exact(width, height, FilterType::CatmullRom)
}

/// The size of PIL's `thumbnail`: the longer side becomes `side`, the shorter one what keeps the ratio best.
fn size(width: u32, height: u32, side: u32) -> (u32, u32) {
    if width.max(height) <= side {
        return (width, height);
    }
    let (ratio, long) = (f64::from(width) / f64::from(height), f64::from(side));
    let upright = width < height;
    let exact = if upright { long * ratio } else { long / ratio };
    let error = |short: f64| (ratio - if upright { short / long } else { long / short.max(1.0) }).abs();
    let short = if error(exact.floor()) <= error(exact.ceil()) { exact.floor() } else { exact.ceil() };
    let short = (short as u32).max(1);
    if upright { (short, side) } else { (side, short) }
}

fn encoded(image: &DynamicImage) -> Result<Vec<u8>, DatasetError> {
    let mut bytes = Cursor::new(Vec::new());
    let written = image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY));
    written.map_err(|source| DatasetError::Image { path: Path::new("a shrunk picture").to_owned(), source })?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_pictures_are_shrunk_and_keep_their_ratio() {
        assert_eq!(size(512, 300, 512), (512, 300));
        assert_eq!(size(1024, 683, 512), (512, 342), "of 341 and 342 the one whose ratio is nearer");
        assert_eq!(size(600, 1200, 512), (256, 512));
        assert_eq!(size(3000, 1001, 512), (512, 171));
        let image = DynamicImage::new_rgba8(1024, 512);
        let shrunk = shrunk(image, 512);
        assert_eq!((shrunk.width(), shrunk.height(), shrunk.color()), (512, 256, image::ColorType::Rgb8));
    }

    #[test]
    fn a_third_is_not_slim_and_less_is() {
        assert!(!is_slim(&DynamicImage::new_luma8(30, 10)));
        assert!(is_slim(&DynamicImage::new_luma8(31, 10)));
        assert!(is_slim(&DynamicImage::new_luma8(10, 31)));
    }
}
