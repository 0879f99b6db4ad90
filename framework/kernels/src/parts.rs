//! How work is cut into pieces. The cuts depend on shapes alone, so that the number of threads never changes a value.

use std::ops::Range;

/// Rows worked on at once, beside as many as a row has values: enough that packing the weights of a product costs little,
/// few enough for the caches.
const CHUNK_ROWS: usize = 256;

/// Chunks come in multiples of this, so that a few threads are busy equally long.
const EVEN: usize = 4;

/// Chunks below this many rows are not worth a thread.
const FEWEST_ROWS: usize = 48;

/// Most sums of parameter gradients that are kept side by side.
const MOST_GROUPS: usize = 8;

/// `0..rows` in chunks, for rows of `width` values.
pub(crate) fn chunks(rows: usize, width: usize) -> Vec<Range<usize>> {
    let wanted = rows.div_ceil(CHUNK_ROWS + width).next_multiple_of(EVEN);
    even(rows, wanted.min(rows.div_ceil(FEWEST_ROWS)))
}

/// `0..items` in chunks, for items that have `rows` rows of `width` values together.
pub(crate) fn chunks_of_items(items: usize, rows: usize, width: usize) -> Vec<Range<usize>> {
    even(items, chunks(rows, width).len().min(items))
}

/// Chunks that share one sum of parameter gradients.
pub(crate) fn groups(chunks: usize) -> Vec<Range<usize>> {
    even(chunks, chunks.min(MOST_GROUPS))
}

fn even(items: usize, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.max(1);
    (0..parts).map(|i| items * i / parts..items * (i + 1) / parts).collect()
}

/// The rows of `data` that belong to each range of a partition.
pub(crate) fn split<'a>(mut data: &'a mut [f32], ranges: &[Range<usize>], width: usize) -> Vec<&'a mut [f32]> {
    let part = |range: &Range<usize>| {
        let (part, rest) = std::mem::take(&mut data).split_at_mut(range.len() * width);
        data = rest;
        part
    };
    ranges.iter().map(part).collect()
}

/// The rows of `data` in `range`.
pub(crate) fn rows<'a>(data: &'a [f32], range: &Range<usize>, width: usize) -> &'a [f32] {
    &data[range.start * width..range.end * width]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_everything_once() {
        for rows in [1, 17, 100, 1100, 25_216] {
            let chunks = chunks(rows, 128);
            assert_eq!((chunks[0].start, chunks[chunks.len() - 1].end), (0, rows));
            assert!(chunks.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK_ROWS + 128));
        }
        assert_eq!(chunks(1100, 128).len(), 4);
        assert_eq!(chunks_of_items(3, 2000, 128).len(), 3);
        assert_eq!(chunks(0, 128).first(), Some(&(0..0)));
        assert_eq!(groups(100).len(), MOST_GROUPS);
    }

    #[test]
    fn parts_are_disjoint() {
        let mut data = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(split(&mut data, &[0..1, 1..3], 2), [&[0.0, 1.0][..], &[2.0, 3.0, 4.0, 5.0]]);
    }
}
