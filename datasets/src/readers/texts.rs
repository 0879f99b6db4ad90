//! Many short texts.

/// Texts in one piece of memory: millions of captions cost little more than their letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    letters: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Adds a text behind the others.
    pub(super) fn push(&mut self, text: &str) {
        self.letters.push_str(text);
        self.ends.push(self.letters.len());
    }

    /// Text number `index`.
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.letters.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_by_number() {
        let mut texts = Texts::default();
        for text in ["a cat", "", "é"] {
            texts.push(text);
        }
        assert_eq!([0, 1, 2, 3].map(|index| texts.get(index)), [Some("a cat"), Some(""), Some("é"), None]);
    }
}
