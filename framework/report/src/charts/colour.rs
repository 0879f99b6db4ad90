//! All colours, for light and for dark: told apart with every kind of colour vision, by lightness as well as by hue.

use std::fmt::Write;

/// Name of the variable, its colour on light ground and its colour on dark ground.
const VARIABLES: [(&str, &str, &str); 17] = [
    ("page", "#f5f6f8", "#101317"),
    ("surface", "#ffffff", "#181c22"),
    ("ink", "#1b1f24", "#e7eaee"),
    ("ink-2", "#545c66", "#aab3bd"),
    ("rule", "#d5dae0", "#353c45"),
    ("grid", "#e6e9ed", "#2a3038"),
    ("accent", "#075ea3", "#74bbf5"),
    ("warn", "#8a4b00", "#f0b45b"),
    ("warn-ground", "#fff3dd", "#33291a"),
    ("s0", "#0069a8", "#4fa8e0"),
    ("s1", "#c9510c", "#f08a4b"),
    ("s2", "#00825f", "#3cc49a"),
    ("s3", "#a8437f", "#e091c1"),
    ("s4", "#8f6a00", "#e3bb45"),
    ("s5", "#5b4bb5", "#ab9ff0"),
    ("s6", "#2a8fa8", "#7fd3e6"),
    ("s7", "#5d4037", "#c8aa9c"),
];

/// Colours for lines; more lines differ in their marks and dashes.
pub(crate) const LINES: usize = 8;

/// Lowest to highest accuracy in a heat map: darker all the way, so that it survives a black-and-white printer.
const RAMP: [[f64; 3]; 5] =
    [[232.0, 241.0, 250.0], [170.0, 207.0, 232.0], [92.0, 161.0, 208.0], [34.0, 110.0, 172.0], [10.0, 54.0, 112.0]];

/// The variables as CSS: light, dark where the system or the page's switch asks for it, and light again on paper.
pub(crate) fn stylesheet() -> String {
    let block = |dark: bool| {
        VARIABLES.iter().fold(String::new(), |mut text, (name, light, night)| {
            // Writing into a string cannot fail.
            let _ = write!(text, "--{name}:{};", if dark { night } else { light });
            text
        })
    };
    let (light, dark) = (block(false), block(true));
    format!(
        ":root{{color-scheme:light;{light}}}\n\
         @media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n\
         :root[data-theme=dark]{{color-scheme:dark;{dark}}}\n\
         @media print{{:root,:root[data-theme]{{color-scheme:light;{light}}}}}\n"
    )
}

/// `css` with the light colours in place of the variables, for programs that know no variables.
pub(crate) fn without_variables(css: &str) -> String {
    VARIABLES.iter().fold(css.to_owned(), |css, (name, light, _)| css.replace(&format!("var(--{name})"), light))
}

/// Ground and ink of a cell at `share`, from 0 to 1, of the range of a heat map.
pub(crate) fn heat(share: f64) -> (String, &'static str) {
    let place = share.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let below = (place.floor() as usize).min(RAMP.len() - 2);
    let part = place - below as f64;
    let ground = [0, 1, 2].map(|channel| RAMP[below][channel] * (1.0 - part) + RAMP[below + 1][channel] * part);
    let hex = ground.map(|channel| format!("{:02x}", channel.round() as u8)).concat();
    (format!("#{hex}"), readable_ink(ground))
}

/// Black or white, whichever has more contrast on `ground` (WCAG 2.2, relative luminance).
fn readable_ink(ground: [f64; 3]) -> &'static str {
    let luminance = luminance(ground);
    if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) { "#000000" } else { "#ffffff" }
}

fn luminance(colour: [f64; 3]) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let channel = channel / 255.0;
        if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(hex: &str) -> [f64; 3] {
        [1, 3, 5].map(|start| f64::from(u8::from_str_radix(&hex[start..start + 2], 16).unwrap()))
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(channels(one)), luminance(channels(other)));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    fn colour(name: &str) -> (&'static str, &'static str) {
        VARIABLES.iter().find(|(other, ..)| *other == name).map(|(_, light, dark)| (*light, *dark)).unwrap()
    }

    #[test]
    fn texts_and_lines_have_the_contrast_that_wcag_asks_for() {
        let (light, dark) = colour("surface");
        for (name, of_light, of_dark) in VARIABLES {
            let least = match name {
                "ink" | "ink-2" | "accent" | "warn" => 4.5,
                _ if name.starts_with('s') && name != "surface" => 3.0,
                _ => continue,
            };
            assert!(contrast(of_light, light) >= least, "{name} on light: {}", contrast(of_light, light));
            assert!(contrast(of_dark, dark) >= least, "{name} on dark: {}", contrast(of_dark, dark));
        }
    }

    #[test]
    fn numbers_in_every_cell_of_a_heat_map_can_be_read() {
        for step in 0..=100 {
            let (ground, ink) = heat(f64::from(step) / 100.0);
            assert!(contrast(&ground, ink) >= 4.5, "{step}: {ink} on {ground}");
        }
        assert_eq!(heat(0.0).0, "#e8f1fa");
        assert_eq!(heat(1.0).0, "#0a3670");
    }

    #[test]
    fn a_style_without_variables_names_colours() {
        assert_eq!(without_variables("a{fill:var(--ink);stroke:var(--ink-2)}"), "a{fill:#1b1f24;stroke:#545c66}");
    }
}
