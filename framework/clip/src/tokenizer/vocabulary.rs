//! Recovers the list of merges from a finished byte-pair encoder.
//!
//! The byte-pair crate keeps its vocabulary file to itself, but it decodes every id. The bytes of a merged id, encoded with
//! the merges that came before it, end as exactly two symbols: these two are the merge. The result is a vocabulary file of
//! any length that the crate can read back.

use std::collections::HashMap;
use std::io;

use instant_clip_tokenizer::{Token, Tokenizer as BytePair};

use super::BYTE_SYMBOLS;

/// How the crate's decoder shows the end of a word.
const END_OF_WORD: u8 = b' ';
/// Completions that turn a piece of a UTF-8 sequence into valid text, in front of it and behind it. The values 0x90 and
/// 0xE1 / 0xF1 avoid the sequences that UTF-8 forbids (overlong forms and surrogates).
const BEFORE: [&[u8]; 7] = [&[], &[0xC2], &[0xE1], &[0xE1, 0x90], &[0xF1], &[0xF1, 0x90], &[0xF1, 0x90, 0x90]];
const AFTER: [&[u8]; 4] = [&[], &[0x90], &[0x90, 0x90], &[0x90, 0x90, 0x90]];

/// The first `count` merges of `byte_pair` as a vocabulary file: a header line, then one `first second` a line.
pub(super) fn merges_file(byte_pair: &BytePair, count: usize) -> io::Result<String> {
    let symbols = ByteSymbols::new();
    let mut names = symbols.names.clone();
    let mut rules = HashMap::new();
    let mut file = String::from("#version: recovered\n");
    for id in BYTE_SYMBOLS..BYTE_SYMBOLS + count {
        let word = symbols.spell(&token_bytes(byte_pair, &symbols, id));
        let [first, second] = merge(word, &rules)[..] else {
            let text = format!("id {id} is no merge of two earlier ones");
            return Err(io::Error::other(text));
        };
        rules.insert((first, second), id);
        let (first, second) = (&names[first], &names[second]);
        let both = format!("{first}{second}");
        file.extend([first, " ", second, "\n"]);
        names.push(both);
    }
    Ok(file)
}

/// Applies `rules` to `word`, lowest id first, until none fits.
fn merge(mut word: Vec<usize>, rules: &HashMap<(usize, usize), usize>) -> Vec<usize> {
    let lowest = |word: &[usize]| {
        word.windows(2).filter_map(|pair| rules.get(&(pair[0], pair[1])).map(|id| (*id, pair[0], pair[1]))).min()
    };
    while let Some((id, first, second)) = lowest(&word) {
        let mut at = 0;
        while at + 1 < word.len() {
            if (word[at], word[at + 1]) == (first, second) {
                word[at] = id;
                word.remove(at + 1);
            }
            at += 1;
        }
    }
    word
}

/// The bytes of one id, with [`END_OF_WORD`] behind them where the id ends a word.
///
/// The crate decodes into text and loses the pieces of split UTF-8 sequences, so such a piece is decoded between single bytes
/// that complete it.
fn token_bytes(byte_pair: &BytePair, symbols: &ByteSymbols, id: usize) -> Vec<u8> {
    let decode = |before: &[u8], after: &[u8]| {
        let bytes = |bytes: &[u8]| bytes.iter().map(|byte| symbols.id[usize::from(*byte)]).collect::<Vec<_>>();
        let ids = [bytes(before), vec![id], bytes(after)].concat();
        byte_pair.decode(ids.iter().filter_map(|id| Token::from_u16(*id as u16, byte_pair)))
    };
    let complete = |(before, after): (&[u8], &[u8])| {
        let text = decode(before, after);
        let valid = !text.contains(char::REPLACEMENT_CHARACTER);
        valid.then(|| text.as_bytes()[before.len()..text.len() - after.len()].to_vec())
    };
    BEFORE
        .iter()
        .flat_map(|before| AFTER.iter().map(|after| (*before, *after)))
        .find_map(complete)
        // The replacement character itself is part of the vocabulary.
        .unwrap_or_else(|| decode(&[], &[]).into_bytes())
}

/// The single bytes of the vocabulary.
struct ByteSymbols {
    /// Id of each byte inside a word.
    id: [usize; 256],
    /// Name of each of the 512 symbols in a vocabulary file.
    names: Vec<String>,
}

impl ByteSymbols {
    /// Bytes that print come first and stand for themselves; the others follow and are written as the characters from
    /// U+0100 on (GPT-2's `bytes_to_unicode`).
    fn new() -> Self {
        let prints = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
        let printing = (0..=255_u8).filter(prints).map(|byte| (byte, char::from(byte)));
        let others = (0..=255_u8).filter(|byte| !prints(byte)).zip('\u{100}'..);
        let mut id = [0; 256];
        let mut names = Vec::with_capacity(BYTE_SYMBOLS);
        for (index, (byte, shown)) in printing.chain(others).enumerate() {
            id[usize::from(byte)] = index;
            names.push(shown.to_string());
        }
        let ends = names.iter().map(|name| format!("{name}</w>")).collect::<Vec<_>>();
        names.extend(ends);
        Self { id, names }
    }

    /// One symbol a byte; the last one is of the kind that ends a word where [`END_OF_WORD`] follows it.
    fn spell(&self, bytes: &[u8]) -> Vec<usize> {
        let ends_word = bytes.last() == Some(&END_OF_WORD);
        let inner = &bytes[..bytes.len() - usize::from(ends_word)];
        let mut word = inner.iter().map(|byte| self.id[usize::from(*byte)]).collect::<Vec<_>>();
        if let (true, Some(last)) = (ends_word, word.last_mut()) {
            *last += BYTE_SYMBOLS / 2;
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_merges_are_those_of_the_vocabulary_file() {
        let file = merges_file(&BytePair::new(), 4).unwrap();
        let merges = file.lines().skip(1).collect::<Vec<_>>();
        assert_eq!(merges, ["i n", "t h", "a n", "r e"]);
    }

    #[test]
    fn every_merge_of_the_full_vocabulary_is_recovered() {
        let count = super::super::OPENAI_VOCAB_SIZE - BYTE_SYMBOLS - 2;
        assert_eq!(merges_file(&BytePair::new(), count).unwrap().lines().count(), count + 1);
    }

    #[test]
    fn merging_takes_the_lowest_rule_first() {
        let rules = HashMap::from([((1, 2), 600), ((2, 3), 599)]);
        assert_eq!(merge(vec![1, 2, 3], &rules), [1, 599]);
    }
}
