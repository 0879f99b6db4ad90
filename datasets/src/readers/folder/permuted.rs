//! The seeded random split of the ZSCL reference code.

use rand_mt::Mt;

use super::PermutedSplit;

/// Divides `items` into training and test items, each in the order of the permutation.
///
/// The permutation is `torch.randperm` of a CPU generator with this seed, as `torch.utils.data.random_split` uses it: MT19937
/// with 32-bit draws and a forward Fisher-Yates shuffle. It depends on the number and the order of the items alone.
pub(super) fn permuted_split<T>(items: Vec<T>, split: PermutedSplit) -> (Vec<T>, Vec<T>) {
    let kept = (items.len() as f64 * split.train).floor() as usize;
    let order = permutation(items.len(), split.seed);
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    // A permutation names every index once.
    let mut take = |indices: &[usize]| indices.iter().filter_map(|index| items[*index].take()).collect();
    let train = take(&order[..kept]);
    (train, take(&order[kept..]))
}

/// `torch.randperm(count)` after `manual_seed(seed)`.
fn permutation(count: usize, seed: u32) -> Vec<usize> {
    let mut generator = Mt::new(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for i in 0..count.saturating_sub(1) {
        order.swap(i, i + generator.next_u32() as usize % (count - i));
    }
    order
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    const SPLIT: PermutedSplit = PermutedSplit { train: 0.8, seed: 42 };

    #[test]
    fn ten_numbers_are_permuted_as_by_pytorch() {
        assert_eq!(permutation(10, 42), [2, 6, 1, 8, 4, 5, 0, 9, 3, 7]);
        assert!(permutation(0, 42).is_empty());
    }

    #[test]
    fn the_splits_of_the_reference_code_are_repeated_index_by_index() {
        // Number of images, and the hashes of the training and test indices joined by commas.
        let cases = [
            (
                8677,
                "5e529869d8bb5ab9fbc69653059395f7207c86d7237f8b8e2f01e93279382804",
                "e542ba1434a7ec604917f76867f6122aebda2205986f512c009f2c37f4da14a6",
            ),
            (
                27000,
                "4f8963d2e6693ace01ae27601e23200a163ace3eaf02dfc78bc711fe307d20ba",
                "151f6061fc45abf584ca7d52ee33af3f4de2c5c4caaa8e300ad9faffade34e8a",
            ),
            (
                108_754,
                "47f2391abd083861040a7fb3e6c003519c9c8a80ab296464ddaf73cb9a635c6d",
                "8e198d70d0a346564d8d7abe7b7de70285cb2b34149be6ddf62491f15d66e2be",
            ),
        ];
        for (count, train_hash, test_hash) in cases {
            let (train, test) = permuted_split((0..count).collect(), SPLIT);
            let hash = |part: &[i32]| {
                let words: Vec<String> = part.iter().map(ToString::to_string).collect();
                hex::encode(Sha256::digest(words.join(",")))
            };
            assert_eq!((hash(&train), hash(&test)), (train_hash.to_owned(), test_hash.to_owned()), "{count}");
        }
    }
}
