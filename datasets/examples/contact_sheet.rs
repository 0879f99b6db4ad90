//! Puts pictures of a dataset on one sheet, and prints their class names in the same order.
//!
//! `cargo run --release -p clf-datasets --example contact_sheet -- DATASET OUT.png [DATA]`, where DATASET is a name or a
//! locator such as `folder:PATH` and DATA is the folder of named datasets, in which partial copies will do.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{error::Error, path::Path};

use clf_core::{
    data::{DataFolder, Split},
    registry::open_dataset,
};
use clf_datasets as _;
use image::{RgbImage, imageops};

const COLUMNS: usize = 8;
const ROWS: usize = 6;
const SIDE: u32 = 96;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, out, rest @ ..] = &arguments[..] else { return Err("expected DATASET OUT.png [DATA]".into()) };
    let data = DataFolder { partial: true, ..DataFolder::new(rest.first().map_or("", String::as_str)) };
    let dataset = open_dataset(name, Path::new(""), &data)?;
    let samples = dataset.split(Split::Train)?;
    let with_image: Vec<usize> = (0..samples.len()).filter(|index| samples.has_image(*index)).collect();
    let shown = (COLUMNS * ROWS).min(with_image.len());
    let mut sheet = RgbImage::new(COLUMNS as u32 * SIDE, ROWS as u32 * SIDE);
    let mut names = Vec::new();
    for place in 0..shown {
        let index = with_image[place * with_image.len() / shown];
        let picture = samples.image(index)?.thumbnail(SIDE, SIDE).to_rgb8();
        let (x, y) = ((place % COLUMNS) as u32 * SIDE, (place / COLUMNS) as u32 * SIDE);
        imageops::replace(&mut sheet, &picture, i64::from(x), i64::from(y));
        let class = samples.label(index).map(|label| dataset.info().class_names[label].as_str());
        names.push(class.or_else(|| samples.caption(index)).unwrap_or("-").to_owned());
    }
    sheet.save(out)?;
    for row in names.chunks(COLUMNS) {
        println!("{}", row.join(" | "));
    }
    Ok(())
}
