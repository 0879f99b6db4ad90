//! Captions in one text, with the images that some of them have.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use clf_core::data::{DatasetError, Samples};
use image::DynamicImage;

use super::super::{files::corrupt, picture};

/// One sample a caption.
///
/// All captions lie in one text: a set of millions costs little more memory than its letters.
pub(super) struct CaptionSamples {
    source: PathBuf,
    text: String,
    items: Vec<Item>,
}

struct Item {
    caption: Range<usize>,
    image: Option<Box<Path>>,
}

impl CaptionSamples {
    /// An empty list of what stands in `source`.
    pub(super) fn new(source: &Path) -> Self {
        Self { source: source.to_path_buf(), text: String::new(), items: Vec::new() }
    }

    pub(super) fn push(&mut self, caption: &str, image: Option<PathBuf>) {
        let start = self.text.len();
        self.text.push_str(caption);
        self.items.push(Item { caption: start..self.text.len(), image: image.map(PathBuf::into_boxed_path) });
    }
}

impl Samples for CaptionSamples {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn label(&self, _index: usize) -> Option<usize> {
        None
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let total = self.items.len();
        match self.items.get(index).map(|item| &item.image) {
            Some(Some(path)) => picture::decode(path),
            Some(None) => {
                let reason =
                    format!("sample {index} of {total} is a caption without an image: its line has no third column");
                Err(corrupt(&self.source, reason))
            }
            None => Err(corrupt(&self.source, format!("asked for sample {index} of {total}"))),
        }
    }

    fn has_image(&self, index: usize) -> bool {
        self.items.get(index).and_then(|item| item.image.as_ref()).is_some_and(|path| path.exists())
    }

    fn source(&self, index: usize) -> Option<&Path> {
        self.items.get(index)?.image.as_deref()
    }

    fn caption(&self, index: usize) -> Option<&str> {
        self.text.get(self.items.get(index)?.caption.clone())
    }
}
