//! Small MATLAB files, for tests.

use std::io::{Read, Write};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

/// Something to write into a file.
pub(in crate::readers) enum Item {
    /// A row of 16-bit numbers.
    Numbers(Vec<u16>),
    /// A row of letters.
    Text(String),
    /// A row of cells.
    Cells(Vec<Item>),
    /// Names of the fields, and rows of their values.
    Structs(Vec<&'static str>, Vec<Vec<Item>>),
}

/// A file with one compressed matrix of 16-bit numbers for each name.
pub(in crate::readers) fn file(matrices: &[(&str, &[u16])]) -> Vec<u8> {
    let items: Vec<_> = matrices.iter().map(|(name, values)| (*name, Item::Numbers(values.to_vec()))).collect();
    variables(&items)
}

/// A file with one compressed variable for each name.
pub(in crate::readers) fn variables(items: &[(&str, Item)]) -> Vec<u8> {
    let mut bytes = vec![b' '; 124];
    bytes.extend(b"\x00\x01IM");
    for (name, item) in items {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&matrix(name, item)).unwrap();
        let packed = encoder.finish().unwrap();
        bytes.extend(15u32.to_le_bytes());
        bytes.extend((packed.len() as u32).to_le_bytes());
        bytes.extend(packed);
    }
    bytes
}

/// The same file with its elements not compressed.
pub(super) fn unpacked(file: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (file[..128].to_vec(), &file[128..]);
    while let [_, _, _, _, a, b, c, d, content @ ..] = rest {
        let (content, next) = content.split_at(u32::from_le_bytes([*a, *b, *c, *d]) as usize);
        ZlibDecoder::new(content).read_to_end(&mut bytes).unwrap();
        rest = next;
    }
    bytes
}

fn matrix(name: &str, item: &Item) -> Vec<u8> {
    let (class, columns, values) = match item {
        Item::Numbers(values) => (11, values.len(), halves(values)),
        Item::Text(text) => {
            let letters: Vec<u16> = text.encode_utf16().collect();
            (4, letters.len(), halves(&letters))
        }
        Item::Cells(cells) => (1, cells.len(), cells.iter().flat_map(|cell| matrix("", cell)).collect()),
        Item::Structs(fields, rows) => {
            let mut names = Vec::new();
            for field in fields {
                names.extend(field.as_bytes());
                names.resize(names.len().next_multiple_of(32), 0);
            }
            let values = rows.iter().flatten().flat_map(|value| matrix("", value));
            let header = [element(5, &32u32.to_le_bytes()), element(1, &names)].concat();
            (2, rows.len(), header.into_iter().chain(values).collect())
        }
    };
    let dimensions = [1u32.to_le_bytes(), (columns as u32).to_le_bytes()].concat();
    let parts =
        [element(6, &[class, 0, 0, 0, 0, 0, 0, 0]), element(5, &dimensions), element(1, name.as_bytes()), values];
    // A matrix is never a small element.
    long_element(14, &parts.concat())
}

fn halves(values: &[u16]) -> Vec<u8> {
    element(4, &values.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<_>>())
}

/// An element, small where its content fits beside its type.
fn element(kind: u32, content: &[u8]) -> Vec<u8> {
    if content.is_empty() || content.len() > 4 {
        return long_element(kind, content);
    }
    let mut bytes = (((content.len() as u32) << 16) | kind).to_le_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(8, 0);
    bytes
}

fn long_element(kind: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}
