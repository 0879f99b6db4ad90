//! The byte-pair tokenizer of CLIP.
//!
//! Equal to `clip.tokenize` of `OpenAI`'s CLIP (and to `open_clip.tokenize` up to the end token of over-long texts): the text is
//! repaired ([`clean`]), lower-cased, split into words and merged into the 49408 ids of CLIP's vocabulary. The vocabulary
//! and the merge loop come from the crate [`instant_clip_tokenizer`]; what is added here is the cleaning, the cutting, and
//! small vocabularies for small models ([`Tokenizer::truncated`]).
//!
//! # Layout of the ids
//!
//! | ids | meaning |
//! |---|---|
//! | `0..256` | one byte inside a word |
//! | `256..512` | one byte that ends a word |
//! | `512..n - 2` | the merges, in the order in which they are applied |
//! | `n - 2`, `n - 1` | start and end of the text |
//!
//! # Differences from the reference
//!
//! The special tokens are spelled `<start_of_text>` and `<end_of_text>` as in `open_clip` and ZSCL (`<|startoftext|>` in
//! `OpenAI`'s file). The reference matches contractions case-insensitively after lower-casing, which only differs for the
//! letter `ſ` (U+017F) behind an apostrophe.

mod clean;
mod vocabulary;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use instant_clip_tokenizer::{Token, Tokenizer as BytePair};

pub use clean::clean;

/// Number of ids of CLIP's own vocabulary (`OpenAI` CLIP, `simple_tokenizer.py`).
pub const OPENAI_VOCAB_SIZE: usize = 49408;
/// Number of ids a text occupies in every published CLIP (`OpenAI` CLIP, `clip.tokenize`).
pub const CONTEXT_LENGTH: usize = 77;
/// Ids of single bytes: 256 inside a word and 256 at its end.
const BYTE_SYMBOLS: usize = 512;
/// Start and end of the text.
const SPECIAL_TOKENS: usize = 2;

/// A vocabulary that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The size leaves no room for the byte symbols, or exceeds what the full vocabulary has.
    #[error(
        "a vocabulary of {vocab_size} ids is not possible\n\
         hint: choose a size from {} (bytes only) to {OPENAI_VOCAB_SIZE} (all of CLIP)",
        BYTE_SYMBOLS + SPECIAL_TOKENS
    )]
    Size {
        /// The size asked for.
        vocab_size: usize,
    },
    /// The merges could not be recovered, or the byte-pair crate refused them.
    #[error(
        "the merges for {vocab_size} ids could not be derived from the bundled vocabulary\n\
         hint: use the full vocabulary of {OPENAI_VOCAB_SIZE} ids"
    )]
    Merges {
        /// The size asked for.
        vocab_size: usize,
        /// What was wrong with them.
        #[source]
        source: std::io::Error,
    },
}

/// Texts to token ids. Cloning shares the vocabulary.
#[derive(Clone)]
pub struct Tokenizer {
    byte_pair: Arc<BytePair>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("vocab_size", &self.vocab_size()).finish()
    }
}

impl Tokenizer {
    /// CLIP's own tokenizer with 49408 ids. The first call reads the vocabulary, later calls share it.
    pub fn openai() -> Self {
        static OPENAI: OnceLock<Tokenizer> = OnceLock::new();
        OPENAI.get_or_init(|| Self { byte_pair: Arc::new(BytePair::new()) }).clone()
    }

    /// The same byte-pair encoding with only its first `vocab_size - 514` merges, for small models.
    ///
    /// Merges are applied in the order of their ids, so a short text has the ids that the full tokenizer would give it if it
    /// stopped early: frequent words stay whole, rare ones are spelled in pieces. Start and end are the last two ids.
    pub fn truncated(vocab_size: usize) -> Result<Self, TokenizerError> {
        if !(BYTE_SYMBOLS + SPECIAL_TOKENS..=OPENAI_VOCAB_SIZE).contains(&vocab_size) {
            return Err(TokenizerError::Size { vocab_size });
        }
        let merges = vocab_size - BYTE_SYMBOLS - SPECIAL_TOKENS;
        let byte_pair = vocabulary::merges_file(&Self::openai().byte_pair, merges)
            .and_then(|file| BytePair::with_vocabulary(Cursor::new(file), vocab_size as u16))
            .map_err(|source| TokenizerError::Merges { vocab_size, source })?;
        Ok(Self { byte_pair: Arc::new(byte_pair) })
    }

    /// The tokenizer of a model whose embedding has `vocab_size` rows: [`Tokenizer::openai`] for 49408, else
    /// [`Tokenizer::truncated`].
    pub fn for_vocab_size(vocab_size: usize) -> Result<Self, TokenizerError> {
        static TRUNCATED: Mutex<BTreeMap<usize, Tokenizer>> = Mutex::new(BTreeMap::new());
        if vocab_size == OPENAI_VOCAB_SIZE {
            return Ok(Self::openai());
        }
        // A poisoned lock still guards whole entries.
        let mut made = TRUNCATED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tokenizer) = made.get(&vocab_size) {
            return Ok(tokenizer.clone());
        }
        let tokenizer = Self::truncated(vocab_size)?;
        made.insert(vocab_size, tokenizer.clone());
        Ok(tokenizer)
    }

    /// The ids of `text` with start and end, not padded: between 2 and `context` ids.
    ///
    /// A text that is too long is cut to `context` ids and then has **no** end token, as in the reference.
    ///
    /// # Shapes
    ///
    /// - output: `[length]`, `length <= context`
    pub fn encode(&self, text: &str, context: usize) -> Vec<u32> {
        let mut tokens = vec![self.byte_pair.start_of_text()];
        self.byte_pair.encode(&clean(text), &mut tokens);
        tokens.push(self.byte_pair.end_of_text());
        tokens.truncate(context);
        tokens.into_iter().map(|token| u32::from(token.to_u16())).collect()
    }

    /// The text of `ids`, lower-cased and with a space behind every word; ids outside the vocabulary are left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        let token = |id: &u32| Token::from_u16(u16::try_from(*id).ok()?, &self.byte_pair);
        self.byte_pair.decode(ids.iter().filter_map(token))
    }

    /// The id in front of every text.
    pub fn start(&self) -> u32 {
        u32::from(self.byte_pair.start_of_text().to_u16())
    }

    /// The id behind every text; the text feature is read at its position.
    pub fn end(&self) -> u32 {
        u32::from(self.byte_pair.end_of_text().to_u16())
    }

    /// Number of ids, which is the number of rows of the token embedding.
    pub fn vocab_size(&self) -> usize {
        self.end() as usize + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        text: String,
        ids: Vec<u32>,
    }

    #[derive(serde::Deserialize)]
    struct Cases {
        cases: Vec<Case>,
    }

    fn cases() -> Vec<Case> {
        let files = [
            include_str!("../../tests/fixtures/tokenizer_cases.json"),
            include_str!("../../tests/fixtures/tokenizer_cleaning_cases.json"),
        ];
        let read = |file| serde_json::from_str::<Cases>(file).unwrap().cases;
        files.into_iter().flat_map(read).collect()
    }

    fn assert_all_cases(tokenizer: &Tokenizer) {
        for case in cases() {
            let ids = tokenizer.encode(&case.text, CONTEXT_LENGTH);
            assert_eq!(ids, case.ids, "{:?}", case.text);
        }
    }

    #[test]
    fn the_full_tokenizer_equals_the_reference_on_every_case() {
        assert_all_cases(&Tokenizer::openai());
    }

    #[test]
    fn truncation_to_the_full_size_changes_nothing() {
        let rebuilt = Tokenizer::truncated(OPENAI_VOCAB_SIZE).unwrap();
        assert_eq!(rebuilt.vocab_size(), OPENAI_VOCAB_SIZE);
        assert_all_cases(&rebuilt);
    }

    #[test]
    fn a_small_vocabulary_spells_rare_words_and_keeps_frequent_ones() {
        let small = Tokenizer::for_vocab_size(1024).unwrap();
        assert_eq!((small.start(), small.end()), (1022, 1023));
        let ids = small.encode("a photo of the zebra", CONTEXT_LENGTH);
        assert!(ids.iter().all(|id| *id < 1024));
        // "a", "of" and "the" are early merges and keep the ids they have in the full vocabulary.
        for kept in [320, 539, 518] {
            assert!(ids.contains(&kept), "{ids:?}");
        }
        assert_eq!(small.decode(&ids[1..ids.len() - 1]), "a photo of the zebra ");
    }

    #[test]
    fn bytes_alone_are_a_vocabulary() {
        let bytes = Tokenizer::truncated(514).unwrap();
        // 'h' = 71 inside a word, 'i' = 72 + 256 at its end; ids count from '!'.
        assert_eq!(bytes.encode("Hi", CONTEXT_LENGTH), [512, 71, 328, 513]);
    }

    #[test]
    fn long_texts_are_cut_without_an_end_token() {
        let tokenizer = Tokenizer::openai();
        let ids = tokenizer.encode("cat cat cat", 3);
        assert_eq!(ids, [tokenizer.start(), 2368, 2368]);
    }

    #[test]
    fn impossible_sizes_are_refused_with_the_range() {
        for vocab_size in [0, 513, 49409, 100_000] {
            let message = Tokenizer::for_vocab_size(vocab_size).unwrap_err().to_string();
            assert!(message.contains("514") && message.contains("49408"));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_ids_inside_the_vocabulary(text in "\\PC{0,40}", raw in proptest::collection::vec(proptest::char::any(), 0..30)) {
            let raw: String = raw.into_iter().collect();
            for text in [text, raw] {
                let ids = Tokenizer::openai().encode(&text, CONTEXT_LENGTH);
                proptest::prop_assert!(ids.len() >= 2 && ids.iter().all(|id| (*id as usize) < OPENAI_VOCAB_SIZE));
            }
        }
    }
}
