//! Decoding a picture file.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use clf_core::data::DatasetError;
use image::{
    DynamicImage, ImageError, ImageFormat, ImageReader,
    error::{DecodingError, ImageFormatHint},
};

use super::files::io_error;

/// Endings of the files that count as pictures, without regard to case.
const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "gif", "bmp", "webp"];

/// Whether the name of `path` ends like a picture's.
pub(super) fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// The file that `path` means, which may leave out the ending.
pub(super) fn find(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_path_buf());
    }
    let with_ending = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        PathBuf::from(name)
    };
    ENDINGS
        .iter()
        .flat_map(|ending| [(*ending).to_owned(), ending.to_ascii_uppercase()])
        .map(|ending| with_ending(&ending))
        .find(|candidate| candidate.is_file())
}

/// Decodes a picture by its content; its name only decides where the content says nothing.
pub(super) fn decode(path: &Path) -> Result<DynamicImage, DatasetError> {
    let bytes = fs::read(path).map_err(io_error(path))?;
    decode_bytes(&bytes, path).map_err(|source| DatasetError::Image { path: path.to_path_buf(), source })
}

/// Decodes the bytes of a picture, as [`decode`] does for a file of the name `path`.
pub(super) fn decode_bytes(bytes: &[u8], path: &Path) -> Result<DynamicImage, ImageError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    if reader.format().is_none()
        && let Ok(format) = ImageFormat::from_path(path)
    {
        reader.set_format(format);
    }
    // The JPEG decoder fills what is missing with grey instead of failing.
    if reader.format() == Some(ImageFormat::Jpeg) && !jpeg_is_whole(bytes) {
        return Err(ImageError::Decoding(DecodingError::new(
            ImageFormatHint::Exact(ImageFormat::Jpeg),
            "the file ends before the end of the image",
        )));
    }
    reader.decode()
}

/// Whether the markers of a JPEG run from its start to an end-of-image marker.
///
/// Segments are stepped over by their length, so the end marker of an embedded thumbnail does not count.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    // What lies between markers is compressed data.
    while let Some(distance) = bytes.get(at..).and_then(|rest| memchr::memchr(0xff, rest)) {
        at += distance;
        at += match bytes.get(at + 1) {
            Some(0xd9) => return true,
            // Stuffed bytes and restart markers carry no length.
            Some(0x00 | 0x01 | 0xd0..=0xd8) => 2,
            // Fill bytes before a marker.
            Some(0xff) => 1,
            _ => match bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => return false,
            },
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let image = RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 77]));
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(image).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn decode_as(name: &str, bytes: &[u8]) -> Result<DynamicImage, DatasetError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        decode(&path)
    }

    #[test]
    fn the_content_decides_and_not_the_name() {
        for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::Jpeg] {
            let image = decode_as("picture.jpg", &encoded(format)).unwrap();
            assert_eq!((image.width(), image.height()), (40, 30));
        }
    }

    #[test]
    fn a_jpeg_cut_off_anywhere_is_an_error() {
        let bytes = encoded(ImageFormat::Jpeg);
        for length in 0..bytes.len() {
            let image = decode_bytes(&bytes[..length], Path::new("cut.jpg"));
            assert!(image.is_err(), "{length} bytes of {}", bytes.len());
        }
        let error = decode_as("cut.jpg", &bytes[..300]).unwrap_err();
        assert!(matches!(error, DatasetError::Image { .. }));
        assert!(error.to_string().contains("cut.jpg"));
    }

    #[test]
    fn a_png_cut_off_is_an_error_unless_all_pixels_are_there() {
        let bytes = encoded(ImageFormat::Png);
        let path = Path::new("cut.png");
        let whole = decode_bytes(&bytes, path).unwrap();
        for length in 0..bytes.len() {
            let image = decode_bytes(&bytes[..length], path);
            assert!(image.is_err() || image.is_ok_and(|image| image == whole), "{length} bytes");
        }
        assert!(decode_bytes(&bytes[..bytes.len() / 2], path).is_err());
    }

    #[test]
    fn the_end_of_an_embedded_thumbnail_is_not_the_end_of_the_picture() {
        let thumbnail = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 2];
        let scan = [0xff, 0xda, 0, 3, 0, 7, 0xff, 0x00, 0xff, 0xd0, 7];
        let cut = [&thumbnail[..], &scan].concat();
        assert!(!jpeg_is_whole(&cut));
        assert!(jpeg_is_whole(&[&cut[..], &[0xff, 0xff, 0xd9]].concat()));
    }

    #[test]
    fn text_and_nothing_at_all_are_not_pictures() {
        for content in ["", "<html>404 not found</html>"] {
            for name in ["page.jpg", "page.png", "page"] {
                let error = decode_as(name, content.as_bytes()).unwrap_err();
                assert!(matches!(error, DatasetError::Image { .. }), "{name}");
            }
        }
    }

    #[test]
    fn damaged_bytes_never_panic() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif] {
            let bytes = encoded(format);
            for at in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0xff;
                let _ = decode_bytes(&damaged, Path::new("damaged.jpg"));
            }
        }
    }

    #[test]
    fn a_file_is_found_with_or_without_its_ending() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.b.JPEG"), "").unwrap();
        assert_eq!(find(&dir.path().join("a.b")), Some(dir.path().join("a.b.JPEG")));
        assert!(find(&dir.path().join("a.b.JPEG")).is_some());
        assert_eq!(find(&dir.path().join("c")), None);
        assert!(is_picture(Path::new("x.JpG")) && !is_picture(Path::new("x.txt")));
    }
}
