use std::sync::Arc;

use clf_core::Error;
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree, fontdb},
};

/// Pixels of a picture for each pixel of the drawing: sharp in print at the size of a column.
const ZOOM: f32 = 2.5;
/// Families that look well in charts, the first that is installed.
const FAMILIES: [&str; 7] =
    ["Helvetica Neue", "Arial", "Segoe UI", "DejaVu Sans", "Liberation Sans", "Noto Sans", "Roboto"];

/// The fonts of the system, for texts in pictures.
pub(crate) struct Fonts(Arc<fontdb::Database>);

impl Fonts {
    /// Finds the fonts of the system; nothing where there is none.
    pub fn of_the_system() -> Option<Self> {
        let mut fonts = fontdb::Database::new();
        fonts.load_system_fonts();
        let families: Vec<String> =
            fonts.faces().filter_map(|face| face.families.first()).map(|(name, _)| name.clone()).collect();
        let liked = FAMILIES.iter().find(|liked| families.iter().any(|family| family == *liked));
        let family = liked.map(|family| (*family).to_owned()).or_else(|| families.into_iter().next())?;
        fonts.set_sans_serif_family(family);
        Some(Self(Arc::new(fonts)))
    }
}

/// `svg` as a PNG picture.
///
/// # Errors
///
/// When the drawing cannot be read or is too large, which is a defect.
pub(crate) fn png(svg: &str, fonts: &Fonts) -> Result<Vec<u8>, Error> {
    let defect = |reason: String| Error::Defect(format!("a chart cannot be drawn: {reason}"));
    let options = Options { fontdb: fonts.0.clone(), font_family: "sans-serif".to_owned(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| defect(error.to_string()))?;
    let size = tree.size().to_int_size().scale_by(ZOOM).ok_or_else(|| defect("its size is 0".to_owned()))?;
    let mut picture = Pixmap::new(size.width(), size.height()).ok_or_else(|| defect("it is too large".to_owned()))?;
    resvg::render(&tree, Transform::from_scale(ZOOM, ZOOM), &mut picture.as_mut());
    picture.encode_png().map_err(|error| defect(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::Drawing;

    /// Dark pixels of a drawing that holds `text` and nothing else.
    fn dark_pixels(text: &str, fonts: &Fonts) -> usize {
        let body = maud::html! { text.heading x="2" y="20" { (text) } };
        let svg = Drawing { width: 80.0, height: 30.0, label: "x".into(), body }.standalone();
        let picture = Pixmap::decode_png(&png(&svg, fonts).unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (200, 75));
        picture.pixels().iter().filter(|pixel| pixel.red() < 128).count()
    }

    #[test]
    fn texts_appear_in_pictures() {
        let Some(fonts) = Fonts::of_the_system() else {
            use std::io::Write;
            // The test harness hides what succeeds; this must be seen.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED texts_appear_in_pictures: no font is installed\n");
            return;
        };
        assert_eq!(dark_pixels("", &fonts), 0);
        assert!(dark_pixels("mtil-mini", &fonts) > 200, "{}", dark_pixels("mtil-mini", &fonts));
    }
}
