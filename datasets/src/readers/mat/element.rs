//! The elements of a file.
//!
//! The file is a header of 128 bytes and elements: a type, a length, the content, padded to eight bytes. An element may be
//! compressed; a matrix holds elements for its flags, its dimensions, its name and its values.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// Largest unpacked element that is read.
const MAX_BYTES: u64 = 64 << 20;
const HEADER: usize = 128;
const COMPRESSED: u32 = 15;
/// Type of an element that is a matrix.
pub(super) const MATRIX: u32 = 14;

/// A matrix whose values are not read yet.
pub(super) struct Array<'a> {
    /// What it is made of: cells, structs, letters or numbers.
    pub(super) class: u8,
    /// Its first dimension.
    pub(super) rows: usize,
    /// Number of values.
    pub(super) count: usize,
    /// Elements with its values.
    pub(super) content: &'a [u8],
}

impl<'a> Array<'a> {
    /// The matrix in the content of an element, and its name.
    pub(super) fn new(mut content: &'a [u8]) -> Result<(Self, &'a [u8]), String> {
        let (_, flags) = next_element(&mut content)?;
        let (_, dimensions) = next_element(&mut content)?;
        let (_, name) = next_element(&mut content)?;
        let class = *flags.first().ok_or("a matrix has no class")?;
        let sizes = dimensions.as_chunks::<4>().0.iter().map(|size| u32::from_le_bytes(*size) as usize);
        let count = sizes.clone().try_fold(1_usize, usize::checked_mul).ok_or("a matrix is impossibly large")?;
        Ok((Self { class, rows: sizes.clone().next().unwrap_or(0), count, content }, name))
    }
}

/// What `read` makes of the matrix `name` of a file.
pub(super) fn find<T>(bytes: &[u8], name: &str, read: impl Fn(Array) -> Result<T, String>) -> Result<T, String> {
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
        if kind == MATRIX {
            let (array, found) = Array::new(content)?;
            if found == name.as_bytes() {
                return read(array);
            }
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

/// Takes the first element off `rest`: its type and its content.
pub(super) fn next_element<'a>(rest: &mut &'a [u8]) -> Result<(u32, &'a [u8]), String> {
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
