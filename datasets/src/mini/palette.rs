//! The ten named colours of the world and how they vary.

use super::canvas::{Colour, luma, mix};
use super::dice::Dice;

/// The colour names, in the order of their labels.
pub const COLOUR_NAMES: &[&str] =
    &["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white"];

const COLOURS: [Colour; 10] = [
    [0.86, 0.10, 0.12],
    [0.98, 0.52, 0.06],
    [0.97, 0.88, 0.12],
    [0.12, 0.62, 0.20],
    [0.13, 0.28, 0.86],
    [0.52, 0.16, 0.68],
    [0.98, 0.55, 0.75],
    [0.46, 0.27, 0.12],
    [0.06, 0.06, 0.07],
    [0.96, 0.96, 0.95],
];

/// A colour of the given name's label, varied a little.
pub fn shade(dice: &mut Dice, label: usize) -> Colour {
    let base = COLOURS[label];
    let tone = dice.pick(&[0.0, 1.0]);
    let moved = mix(base, [tone; 3], dice.between((0.0, 0.14)));
    moved.map(|channel| channel + dice.around(0.04))
}

/// The exact colour of a label, as flags need it.
pub const fn exact(label: usize) -> Colour {
    COLOURS[label]
}

/// The label of a colour that can be told from all of `taken`, also where only brightness is left.
pub fn another(dice: &mut Dice, taken: &[usize]) -> usize {
    loop {
        let label = dice.below(COLOURS.len());
        if taken.iter().all(|&other| can_be_told_apart(label, other)) {
            return label;
        }
    }
}

fn can_be_told_apart(a: usize, b: usize) -> bool {
    let (a, b) = (COLOURS[a], COLOURS[b]);
    let apart: f32 = a.iter().zip(b).map(|(x, y)| (x - y).abs()).sum();
    apart > 0.75 && (luma(a) - luma(b)).abs() > 0.12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_colours_leaves_a_third() {
        let others = |a, b| (0..10).filter(|&c| can_be_told_apart(a, c) && can_be_told_apart(b, c)).count();
        for (a, first) in COLOUR_NAMES.iter().enumerate() {
            for (b, second) in COLOUR_NAMES.iter().enumerate() {
                assert!(others(a, b) >= 1, "{first} and {second} leave none");
            }
        }
    }
}
