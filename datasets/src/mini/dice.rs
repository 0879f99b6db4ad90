//! Counter-based randomness: every picture has its own generator, keyed by what it is.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The seed of the world; another value is another world with the same concepts.
pub const WORLD_SEED: u64 = 20_260;

/// The random numbers of one picture.
///
/// The four key words fill the 32 bytes of a `ChaCha8` key, so that no two pictures share a stream, and the floats are
/// made here rather than by a distribution of `rand`, whose algorithms may change between releases.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The generator of picture `index` of `stream` in the part of the world named by `place`.
    pub fn keyed(place: u64, stream: u64, index: u64) -> Self {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([WORLD_SEED, place, stream, index]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in `[0, 1)`, on the grid of 24-bit fractions that `f32` holds exactly.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 8) as f32 / 16_777_216.0
    }

    /// Uniform between the two ends of `range`.
    pub fn between(&mut self, range: (f32, f32)) -> f32 {
        range.0 + (range.1 - range.0) * self.unit()
    }

    /// Uniform in `[-reach, reach)`.
    pub fn around(&mut self, reach: f32) -> f32 {
        self.between((-reach, reach))
    }

    /// A whole number below `count`, which must not be zero.
    pub fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.bits()) * count as u64) >> 32) as usize
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of the given values, which must not be empty.
    pub fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_key_changes_the_stream() {
        let first = Dice::keyed(1, 2, 3).bits();
        assert_eq!(first, Dice::keyed(1, 2, 3).bits());
        assert_ne!(first, Dice::keyed(0, 2, 3).bits());
        assert_ne!(first, Dice::keyed(1, 0, 3).bits());
        assert_ne!(first, Dice::keyed(1, 2, 0).bits());
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut dice = Dice::keyed(0, 0, 0);
        for _ in 0..1000 {
            assert!((0.0..1.0).contains(&dice.unit()));
            assert!((-0.5..=0.5).contains(&dice.around(0.5)));
            assert!(dice.below(7) < 7);
        }
    }
}
