//! What a file is that begins like none of the formats of weights.

use std::path::Path;

use super::StateDictError;

/// Bytes of its beginning that tell.
pub(super) const READ: u64 = 64;
/// Fewest bytes that can be weights: a length and a header.
const FEWEST: usize = 10;
/// The whole download went wrong.
const AGAIN: &str = "fetch or copy it again";

/// Why a file that begins with `start`, of at most [`READ`] bytes, is refused.
pub(super) fn refusal(path: &Path, start: &[u8]) -> StateDictError {
    let text = start.trim_ascii_start();
    let (reason, advice) = if start.is_empty() {
        ("it is empty".to_owned(), AGAIN)
    } else if start.starts_with(b"version https://git-lfs") {
        ("it is a pointer of Git LFS".to_owned(), "get the file itself with git lfs pull")
    } else if [&b"<!doctype"[..], b"<html", b"<?xml"].iter().any(|tag| begins(text, tag)) {
        ("it is a web page".to_owned(), "the address it was loaded from leads to no file, take another one")
    } else if start.len() < FEWEST {
        (format!("it has only {} bytes", start.len()), AGAIN)
    } else {
        ("its beginning fits none".to_owned(), AGAIN)
    };
    StateDictError::Foreign { path: path.to_owned(), reason, advice }
}

/// Whether `text` begins with `tag` in letters of any size.
fn begins(text: &[u8], tag: &[u8]) -> bool {
    text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))
}
