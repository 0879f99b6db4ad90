//! Choosing exemplars whose mean feature stays close to that of all images (iCaRL, Rebuffi et al. 2017, algorithm 4).

use rayon::prelude::*;

/// Greedy choice of `count` rows without replacement: the `k`-th pick minimises `|mean - (picks so far + row) / k|`.
///
/// The mean is that of all rows as they are; it is not scaled to length one. Sums are kept in 64 bits; of equally good
/// rows the first is taken. Returns positions, in the order in which they were picked.
///
/// # Shapes
///
/// - `features`: `[rows, width]`, flat
pub fn herd(features: &[f32], width: usize, count: usize) -> Vec<usize> {
    let rows: Vec<&[f32]> = features.chunks_exact(width).collect();
    let mut mean = vec![0.0; width];
    for row in &rows {
        add(&mut mean, row);
    }
    for value in &mut mean {
        *value /= rows.len() as f64;
    }

    let mut left: Vec<usize> = (0..rows.len()).collect();
    let mut sum = vec![0.0; width];
    let mut picks = Vec::with_capacity(count.min(rows.len()));
    while picks.len() < count && !left.is_empty() {
        let k = (picks.len() + 1) as f64;
        let distance = |row: &[f32]| -> f64 {
            let entries = mean.iter().zip(&sum).zip(row);
            entries.map(|((mean, sum), value)| (mean - (sum + f64::from(*value)) / k).powi(2)).sum()
        };
        let distances: Vec<f64> = left.par_iter().map(|index| distance(rows[*index])).collect();
        let best = (1..left.len()).fold(0, |best, i| if distances[i] < distances[best] { i } else { best });
        let index = left.remove(best);
        add(&mut sum, rows[index]);
        picks.push(index);
    }
    picks
}

/// For each of `picks` its position among the rows that were left when it was picked.
///
/// The published iCaRL code takes the images at these positions of the full set, so that it keeps other images than it
/// picked, some of them twice.
pub fn positions_among_the_rest(picks: &[usize]) -> Vec<usize> {
    let before = |i: usize| picks[..i].iter().filter(|earlier| **earlier < picks[i]).count();
    (0..picks.len()).map(|i| picks[i] - before(i)).collect()
}

fn add(sum: &mut [f64], row: &[f32]) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum += f64::from(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_keep_their_mean_close_to_that_of_all() {
        // Mean 4: first 3 (of 3 and 5 the first), then 5 brings the mean to 4, then 6 (14/3) rather than 1 (3) or 2.
        let picks = herd(&[1.0, 3.0, 5.0, 6.0, 5.0], 1, 3);
        assert_eq!(picks, [1, 2, 4]);
    }

    #[test]
    fn no_more_rows_are_picked_than_there_are() {
        let mut picks = herd(&[0.0, 1.0, 1.0, 0.0], 2, 9);
        picks.sort_unstable();
        assert_eq!(picks, [0, 1]);
        assert!(herd(&[0.0, 1.0], 2, 0).is_empty());
    }

    #[test]
    fn positions_count_only_what_is_left() {
        assert_eq!(positions_among_the_rest(&[2, 3, 0, 4]), [2, 2, 0, 1]);
    }
}
