//! Numbers and names as text.

use crate::{
    comparison::Spread,
    grid::{decimal, signed_decimal},
};

/// An accuracy with its unit.
pub(crate) fn percent(value: Spread) -> String {
    format!("{} %", value.to_text())
}

/// A difference of accuracies with its unit.
pub(crate) fn points(value: Spread) -> String {
    match value.std.filter(|std| !std.is_nan()) {
        Some(std) => format!("{} ± {} points", signed_decimal(value.mean), decimal(std)),
        None => format!("{} points", signed_decimal(value.mean)),
    }
}

/// A whole number with narrow spaces between thousands; a dash where there is none.
pub(crate) fn thousands(value: f64) -> String {
    if value.is_nan() {
        return "-".to_owned();
    }
    let digits = format!("{value:.0}");
    let grouped = digits.char_indices().flat_map(|(i, digit)| {
        let space = i > 0 && (digits.len() - i) % 3 == 0;
        space.then_some('\u{202f}').into_iter().chain([digit])
    });
    grouped.collect()
}

/// The start of a hash, long enough to tell files apart.
pub(crate) fn short_hash(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// `name` as part of a file name: lower-case letters, digits and dashes.
pub(crate) fn slug(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "unnamed".to_owned() } else { parts.join("-") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_plain_file_names() {
        assert_eq!(["zscl (train.lr = 1e-3)", "../<x>", "ÄÖ"].map(slug), ["zscl-train-lr-1e-3", "x", "unnamed"]);
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(
            [0.0, 999.0, 1000.0, 1_234_567.4].map(thousands),
            ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
        assert_eq!(thousands(f64::NAN), "-");
    }

    #[test]
    fn differences_carry_sign_and_unit() {
        assert_eq!(points(Spread { mean: -3.04, std: Some(0.5) }), "-3.0 ± 0.5 points");
        assert_eq!(percent(Spread { mean: 61.0, std: None }), "61.0 %");
    }
}
