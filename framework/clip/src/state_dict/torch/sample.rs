//! Archives put together opcode by opcode, for tests.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A zip archive of these entries.
pub(super) fn zip(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An archive with this pickle and these storages.
pub(super) fn archive(pickle: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let names: Vec<String> = storages.iter().map(|(key, _)| format!("a/data/{key}")).collect();
    let storages = names.iter().zip(storages).map(|(name, (_, content))| (name.as_str(), *content));
    let entries: Vec<_> = [("a/data.pkl", pickle)].into_iter().chain(storages).collect();
    zip(&entries, CompressionMethod::Stored)
}

/// A pickle of a dictionary of these items, each a key and the opcodes of its value.
pub(super) fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}(".to_vec();
    for (key, value) in items {
        pickle.extend(text(key));
        pickle.extend(value);
    }
    pickle.extend(b"u.");
    pickle
}

/// A text.
pub(super) fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A tensor that looks at a storage of `count` numbers.
pub(super) fn tensor(kind: &str, key: &str, count: i32, offset: i32, shape: &[i32], stride: &[i32]) -> Vec<u8> {
    let class = format!("ctorch\n{kind}\n");
    let storage = [&b"("[..], &text("storage"), class.as_bytes(), &text(key), &text("cpu"), &int(count), b"tQ"];
    let view = [&storage.concat()[..], &int(offset), &sizes(shape), &sizes(stride)].concat();
    [&b"ctorch._utils\n_rebuild_tensor_v2\n("[..], &view, b"\x89ccollections\nOrderedDict\n)RtR"].concat()
}

fn sizes(sizes: &[i32]) -> Vec<u8> {
    let inner: Vec<u8> = sizes.iter().flat_map(|size| int(*size)).collect();
    [b"(", &inner[..], b"t"].concat()
}

fn int(number: i32) -> Vec<u8> {
    [b"J", &number.to_le_bytes()[..]].concat()
}

/// The bytes of these numbers.
pub(super) fn numbers(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
