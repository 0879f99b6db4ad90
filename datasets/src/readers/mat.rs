//! A reader for the vectors of whole numbers in a MATLAB file of version 5.
//!
//! The file is a header of 128 bytes and elements: a type, a length, the content, padded to eight bytes. An element may be
//! compressed; a matrix holds elements for its flags, its dimensions, its name and its values.

use std::{io::Read, path::Path};

use clf_core::data::DatasetError;
use flate2::read::ZlibDecoder;

use super::files::{corrupt, read_bytes};

/// Largest unpacked element that is read.
const MAX_BYTES: u64 = 64 << 20;
const HEADER: usize = 128;
const COMPRESSED: u32 = 15;
const MATRIX: u32 = 14;

/// The values of the matrix `name` in the file `path`, column by column.
pub(super) fn read_vector(path: &Path, name: &str) -> Result<Vec<usize>, DatasetError> {
    let bytes = read_bytes(path, "MATLAB file", "fetch it from the dataset's page")?;
    find(&bytes, name).map_err(|reason| corrupt(path, reason))
}

fn find(bytes: &[u8], name: &str) -> Result<Vec<usize>, String> {
    if bytes.get(HEADER - 2..HEADER) != Some(b"IM") {
        return Err("it is not a little-endian MATLAB file of version 5".to_owned());
    }
    let mut rest = &bytes[HEADER..];
    while !rest.is_empty() {
        let (kind, content) = next_element(&mut rest)?;
        let unpacked;
        let (kind, content) = if kind == COMPRESSED {
            unpacked = unpack(content)?;
            next_element(&mut unpacked.as_slice())?
        } else {
            (kind, content)
        };
        if kind == MATRIX
            && let Some(values) = matrix(content, name)?
        {
            return Ok(values);
        }
    }
    Err(format!("it has no matrix {name:?}"))
}

fn unpack(content: &[u8]) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let read = ZlibDecoder::new(content).take(MAX_BYTES).read_to_end(&mut unpacked);
    read.map_err(|error| error.to_string())?;
    Ok(unpacked)
}

/// The values of a matrix if it has that name.
fn matrix(mut content: &[u8], name: &str) -> Result<Option<Vec<usize>>, String> {
    let _flags = next_element(&mut content)?;
    let _dimensions = next_element(&mut content)?;
    let (_, found) = next_element(&mut content)?;
    if found != name.as_bytes() {
        return Ok(None);
    }
    let (kind, values) = next_element(&mut content)?;
    let values: Option<Vec<usize>> = match kind {
        2 => values.iter().map(|&value| Some(usize::from(value))).collect(),
        4 => numbers(values, |bytes| Some(usize::from(u16::from_le_bytes(bytes)))),
        5 => numbers(values, |bytes| usize::try_from(i32::from_le_bytes(bytes)).ok()),
        6 => numbers(values, |bytes| usize::try_from(u32::from_le_bytes(bytes)).ok()),
        9 => numbers(values, |bytes| whole(f64::from_le_bytes(bytes))),
        _ => None,
    };
    let values = values.ok_or_else(|| format!("matrix {name:?} is not made of counts"))?;
    Ok(Some(values))
}

fn numbers<const N: usize>(values: &[u8], number: impl Fn([u8; N]) -> Option<usize>) -> Option<Vec<usize>> {
    let (values, rest) = values.as_chunks::<N>();
    let values = values.iter().map(|&value| number(value));
    if rest.is_empty() { values.collect() } else { None }
}

fn whole(value: f64) -> Option<usize> {
    let fits = value >= 0.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0;
    fits.then_some(value as usize)
}

/// Takes the first element off `rest`: its type and its content.
fn next_element<'a>(rest: &mut &'a [u8]) -> Result<(u32, &'a [u8]), String> {
    let cut_off = || "it ends inside an element".to_owned();
    let word = |at: usize| {
        let bytes = rest.get(at..at + 4).and_then(<[u8]>::first_chunk::<4>);
        bytes.copied().map(u32::from_le_bytes).ok_or_else(cut_off)
    };
    let tag = word(0)?;
    // A small element has its length in the upper half of its type and its content in the same eight bytes.
    let (kind, length, start) = match tag >> 16 {
        0 => (tag, word(4)? as usize, 8_usize),
        small => (tag & 0xffff, small as usize, 4),
    };
    let end = start.checked_add(length).ok_or_else(cut_off)?;
    let content = rest.get(start..end).ok_or_else(cut_off)?;
    // Compressed elements are not padded.
    let padded = if kind == COMPRESSED { end } else { end.next_multiple_of(8) };
    *rest = rest.get(padded..).unwrap_or_default();
    Ok((kind, content))
}

#[cfg(test)]
pub(super) mod sample {
    //! Small MATLAB files, for tests.

    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    fn element(kind: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    /// A file with one compressed matrix of 16-bit numbers for each name.
    pub(in crate::readers) fn file(matrices: &[(&str, &[u16])]) -> Vec<u8> {
        let mut bytes = vec![b' '; 124];
        bytes.extend(b"\x00\x01IM");
        for (name, values) in matrices {
            let values: Vec<u8> = values.iter().flat_map(|it| it.to_le_bytes()).collect();
            let mut small_name = (((name.len() as u32) << 16) | 1).to_le_bytes().to_vec();
            small_name.extend(name.as_bytes());
            small_name.resize(8, 0);
            let name = match name.len() {
                ..=4 => small_name,
                _ => element(1, name.as_bytes()),
            };
            let parts = [element(6, &[0; 8]), element(5, &[0; 8]), name, element(4, &values)];
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&element(14, &parts.concat())).unwrap();
            let packed = encoder.finish().unwrap();
            bytes.extend(15u32.to_le_bytes());
            bytes.extend((packed.len() as u32).to_le_bytes());
            bytes.extend(packed);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn two() -> Vec<u8> {
        sample::file(&[("ids", &[3, 700]), ("longer name", &[1, 2, 3])])
    }

    #[test]
    fn a_matrix_is_found_by_its_name() {
        assert_eq!(find(&two(), "ids"), Ok(vec![3, 700]));
        assert_eq!(find(&two(), "longer name"), Ok(vec![1, 2, 3]));
        assert!(find(&two(), "other").unwrap_err().contains("other"));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = two();
        for length in 0..bytes.len() {
            assert!(find(&bytes[..length], "longer name").is_err(), "{length}");
        }
    }

    #[test]
    fn only_whole_numbers_are_counts() {
        assert_eq!(whole(12.0), Some(12));
        for bad in [-1.0, 0.5, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(whole(bad), None);
        }
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(changes in prop::collection::vec((0usize..400, any::<u8>()), 1..5)) {
            let mut bytes = two();
            for (at, value) in changes {
                let length = bytes.len();
                bytes[at % length] = value;
            }
            let _ = find(&bytes, "longer name");
        }
    }
}
