use std::{ops::Range, sync::Arc};

/// Where sequences lie in a matrix that holds their rows one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequences {
    /// First row of each sequence, and the number of rows.
    starts: Arc<[usize]>,
}

impl Sequences {
    /// `count` sequences of `length` rows.
    pub fn uniform(count: usize, length: usize) -> Self {
        Self { starts: (0..=count).map(|i| i * length).collect() }
    }

    /// Sequences of these lengths.
    pub fn of_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut end = 0;
        let ends = lengths.into_iter().map(|length| {
            end += length;
            end
        });
        Self { starts: std::iter::once(0).chain(ends).collect() }
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rows of all sequences.
    pub fn rows(&self) -> usize {
        self.starts[self.len()]
    }

    /// The rows of one sequence.
    pub fn range(&self, index: usize) -> Range<usize> {
        self.starts[index]..self.starts[index + 1]
    }

    /// The rows of some of the sequences.
    pub(crate) fn span(&self, sequences: &Range<usize>) -> Range<usize> {
        self.starts[sequences.start]..self.starts[sequences.end]
    }

    /// The length that all sequences have, if it is one.
    pub fn common_length(&self) -> Option<usize> {
        let length = self.range(0).len();
        (0..self.len()).all(|i| self.range(i).len() == length).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_lie_one_after_the_other() {
        let sequences = Sequences::of_lengths([2, 5, 1]);
        assert_eq!((sequences.len(), sequences.rows()), (3, 8));
        assert_eq!((sequences.range(1), sequences.span(&(1..3))), (2..7, 2..8));
        assert_eq!(sequences.common_length(), None);
        assert_eq!(Sequences::uniform(3, 4), Sequences::of_lengths([4, 4, 4]));
        assert_eq!(Sequences::uniform(3, 4).common_length(), Some(4));
    }
}
