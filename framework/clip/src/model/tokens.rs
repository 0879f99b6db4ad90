/// Token ids of a batch of texts, cut to the length that can influence a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    ids: Vec<i32>,
    ends: Vec<usize>,
    length: usize,
}

impl TokenBatch {
    /// Packs token sequences of any length, padded or not.
    ///
    /// The position of a text's feature is the *first maximum* of its ids, as in OpenAI's code: the end token has the
    /// largest id. Everything behind the last such position of the batch is dropped; shorter texts are padded with 0.
    pub fn new<T: AsRef<[u32]>>(texts: &[T]) -> Self {
        let ends: Vec<usize> = texts.iter().map(|ids| first_maximum(ids.as_ref())).collect();
        let length = ends.iter().max().map_or(1, |end| end + 1);
        let ids = texts
            .iter()
            .flat_map(|text| {
                let text = text.as_ref();
                (0..length).map(|i| text.get(i).map_or(0, |id| *id as i32))
            })
            .collect();
        Self { ids, ends, length }
    }

    /// These texts in parts of `size`, the last one shorter, each cut to its own length.
    ///
    /// # Panics
    ///
    /// If `size` is 0.
    pub fn parts(&self, size: usize) -> Vec<Self> {
        let texts: Vec<&[i32]> = self.ids.chunks(self.length).collect();
        let part = |(texts, ends): (&[&[i32]], &[usize])| {
            let length = ends.iter().max().map_or(1, |end| end + 1);
            let ids = texts.iter().flat_map(|ids| &ids[..length]).copied().collect();
            Self { ids, ends: ends.to_vec(), length }
        };
        texts.chunks(size).zip(self.ends.chunks(size)).map(part).collect()
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Common length of all texts in tokens.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Ids in row-major order, `[texts, length]`.
    pub fn ids(&self) -> &[i32] {
        &self.ids
    }

    /// Ids of every text up to its feature, one text after the other.
    pub fn packed_ids(&self) -> Vec<i32> {
        let texts = self.ids.chunks(self.length).zip(&self.ends);
        texts.flat_map(|(ids, end)| &ids[..=*end]).copied().collect()
    }

    /// Position of each text's feature.
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }
}

fn first_maximum(ids: &[u32]) -> usize {
    ids.iter().enumerate().fold(0, |best, (i, id)| if *id > ids[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_as_long_as_its_longest_text() {
        let batch = TokenBatch::new(&[vec![8, 1, 9, 0, 0], vec![8, 1, 2, 9, 0]]);
        assert_eq!(batch.length(), 4);
        assert_eq!(batch.ids(), [8, 1, 9, 0, 8, 1, 2, 9]);
        assert_eq!(batch.ends(), [2, 3]);
        assert_eq!(batch.packed_ids(), [8, 1, 9, 8, 1, 2, 9]);
    }

    #[test]
    fn a_part_is_what_its_texts_alone_would_be() {
        let texts = [vec![8, 1, 9], vec![8, 1, 2, 3, 9], vec![8, 9]];
        let parts = TokenBatch::new(&texts).parts(2);
        assert_eq!(parts, [TokenBatch::new(&texts[..2]), TokenBatch::new(&texts[2..])]);
        assert_eq!(TokenBatch::new(&texts).parts(3), [TokenBatch::new(&texts)]);
    }

    #[test]
    fn the_feature_is_read_at_the_first_maximum() {
        assert_eq!(TokenBatch::new(&[vec![8, 9, 3, 9, 9]]).ends(), [1]);
        assert_eq!(TokenBatch::new(&[vec![8, 3, 3, 3]]).ends(), [0]);
    }
}
