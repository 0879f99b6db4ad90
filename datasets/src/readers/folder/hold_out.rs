//! Holding out a share of each class as the test split.

use std::collections::{BTreeMap, BTreeSet};

use super::{super::files::name_bytes, sources::Entry};

/// Splits `entries` into training and test pictures, both in the order they came in.
///
/// Which pictures are held out depends on seed, class and file names alone: not on the machine, the path of the dataset, or the
/// other classes. At least one picture of a class is held out and at least one is kept.
pub(super) fn hold_out(entries: Vec<Entry>, fraction: f64, seed: u64) -> Result<(Vec<Entry>, Vec<Entry>), String> {
    let mut classes: BTreeMap<&str, Vec<(u64, usize)>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let rank = rank(seed, entry);
        classes.entry(&entry.class).or_default().push((rank, index));
    }
    let mut held = BTreeSet::new();
    for (class, mut ranked) in classes {
        if ranked.len() < 2 {
            return Err(format!("class {class:?} has one picture, too few for test-fraction"));
        }
        ranked.sort_unstable();
        let wanted = (ranked.len() as f64 * fraction).round() as usize;
        let count = wanted.clamp(1, ranked.len() - 1);
        held.extend(ranked[..count].iter().map(|&(_, index)| index));
    }
    let (test, train): (Vec<_>, Vec<_>) = entries.into_iter().enumerate().partition(|(index, _)| held.contains(index));
    let entries = |part: Vec<(usize, Entry)>| part.into_iter().map(|(_, entry)| entry).collect();
    Ok((entries(train), entries(test)))
}

/// A number that looks random: FNV-1a over the names, then the finalizer of `SplitMix64`.
fn rank(seed: u64, entry: &Entry) -> u64 {
    const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const FNV_PRIME: u64 = 0x0100_0000_01b3;
    let seed_bytes = seed.to_le_bytes();
    // The zero byte keeps class and file name apart.
    let parts = [&seed_bytes, entry.class.as_bytes(), &[0], name_bytes(&entry.path)];
    let hash =
        parts.into_iter().flatten().fold(FNV_OFFSET, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(root: &str, classes: &[(&str, usize)]) -> Vec<Entry> {
        let of_class = |&(class, count): &(&str, usize)| {
            let class = class.to_owned();
            let root = root.to_owned();
            (0..count)
                .map(move |number| Entry { path: format!("{root}/{class}/{number}.jpg").into(), class: class.clone() })
        };
        classes.iter().flat_map(of_class).collect()
    }

    fn held_names(entries: Vec<Entry>, class: &str, seed: u64) -> Vec<Vec<u8>> {
        let (_, test) = hold_out(entries, 0.25, seed).unwrap();
        let of_class = test.iter().filter(|entry| entry.class == class);
        of_class.map(|entry| name_bytes(&entry.path).to_vec()).collect()
    }

    #[test]
    fn every_class_gives_its_share_and_keeps_the_rest_in_order() {
        let all = entries("a", &[("cat", 12), ("dog", 3), ("emu", 2)]);
        let (train, test) = hold_out(all.clone(), 0.25, 7).unwrap();
        let count = |part: &[Entry], class| part.iter().filter(|it| it.class == class).count();
        assert_eq!(["cat", "dog", "emu"].map(|class| count(&test, class)), [3, 1, 1]);
        assert_eq!(["cat", "dog", "emu"].map(|class| count(&train, class)), [9, 2, 1]);
        let is_sorted =
            |part: &[Entry]| part.iter().map(|entry| all.iter().position(|other| other == entry)).is_sorted();
        assert!(is_sorted(&train) && is_sorted(&test));
    }

    #[test]
    fn the_choice_depends_on_the_seed_but_not_on_place_or_other_classes() {
        let here = held_names(entries("a", &[("cat", 20), ("dog", 5)]), "cat", 1);
        let there = held_names(entries("b/c", &[("cat", 20)]), "cat", 1);
        assert_eq!(here, there);
        let other_seed = held_names(entries("a", &[("cat", 20)]), "cat", 2);
        assert_ne!(here, other_seed);
    }

    #[test]
    fn a_class_of_one_picture_cannot_be_divided() {
        let error = hold_out(entries("a", &[("cat", 4), ("dog", 1)]), 0.5, 0).unwrap_err();
        assert!(error.contains("dog"), "{error}");
    }
}
