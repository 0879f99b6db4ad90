//! Patterns that fill the whole picture.

use super::shape::{Point, length};

/// The patterns' names, in the order of their labels.
pub const PATTERN_NAMES: &[&str] = &[
    "horizontal stripes",
    "vertical stripes",
    "diagonal stripes",
    "checks",
    "dots",
    "grid lines",
    "zigzags",
    "bricks",
    "rings",
];

/// Distance from the middle of the period that holds `x`: 0 in the middle, 0.5 at whole numbers.
fn fold(x: f32) -> f32 {
    (x - x.floor() - 0.5).abs()
}

fn band(x: f32) -> f32 {
    fold(x) - 0.25
}

/// Distance to the nearest whole number.
fn seam(x: f32) -> f32 {
    0.5 - fold(x)
}

/// Signed distance to the edge of the pattern's ink, in periods; negative on the ink.
///
/// # Panics
/// If there is no such label.
pub fn distance(label: usize, (u, v): Point) -> f32 {
    match label {
        0 => band(v),
        1 => band(u),
        2 => band((u + v) * 0.75),
        3 => checks(band(u * 0.7), band(v * 0.7)),
        4 => length((fold(u), fold(v))) - 0.27,
        5 => seam(u * 0.8).min(seam(v * 0.8)) - 0.11,
        6 => band(v * 0.8 + 1.1 * fold(u * 0.7)) * 0.8,
        7 => bricks(u, v),
        8 => band(length((u, v))),
        _ => panic!("there are {} patterns", PATTERN_NAMES.len()),
    }
}

fn checks(a: f32, b: f32) -> f32 {
    let nearest = a.abs().min(b.abs());
    if a * b > 0.0 { -nearest } else { nearest }
}

fn bricks(u: f32, v: f32) -> f32 {
    let odd = v.floor() - 2.0 * (v * 0.5).floor();
    seam(v).min(2.0 * seam(u * 0.5 + odd * 0.5)) - 0.12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_has_ink_and_ground() {
        for (label, name) in PATTERN_NAMES.iter().enumerate() {
            let inked = (0..400).filter(|i| {
                let at = ((i % 20) as f32 * 0.13, (i / 20) as f32 * 0.13);
                distance(label, at) < 0.0
            });
            let count = inked.count();
            assert!((40..360).contains(&count), "{name}: {count}");
        }
    }
}
