//! The samples of several shards.

use std::path::{Path, PathBuf};

use clf_core::data::{DatasetError, Samples};
use image::DynamicImage;

use super::{
    super::{
        files::{corrupt, io_error, read_part},
        picture,
        texts::Texts,
    },
    index::{self, Place},
};

/// Samples in tar files, read from their places.
pub(super) struct TarSamples {
    shards: Vec<PathBuf>,
    items: Vec<Item>,
    /// Names of the entries, for errors.
    names: Texts,
    /// Empty where a sample has none.
    captions: Texts,
}

struct Item {
    shard: u32,
    label: Option<u32>,
    place: Option<Place>,
}

impl TarSamples {
    /// Reads the headers of all `shards`.
    pub(super) fn open(shards: &[PathBuf]) -> Result<Self, DatasetError> {
        let mut samples =
            Self { shards: shards.to_vec(), items: Vec::new(), names: Texts::default(), captions: Texts::default() };
        for (shard, path) in (0..).zip(shards) {
            for found in index::read(path)? {
                samples.names.push(&found.name);
                samples.captions.push(found.caption.as_deref().unwrap_or_default());
                samples.items.push(Item { shard, label: found.label, place: found.place });
            }
        }
        samples.check_labels()?;
        Ok(samples)
    }

    /// Either all pictures have a label or none has.
    fn check_labels(&self) -> Result<(), DatasetError> {
        let labelled = self.items.iter().filter(|item| item.label.is_some()).count();
        let bare = self.items.iter().position(|item| item.label.is_none());
        if let Some(bare) = bare.filter(|_| labelled > 0) {
            let reason = format!("sample {} has no class, though others have one", self.name(bare));
            return Err(corrupt(self.shard(&self.items[bare]), reason));
        }
        Ok(())
    }

    /// The largest label, where there are labels.
    pub(super) fn max_label(&self) -> Option<usize> {
        self.items.iter().filter_map(|item| item.label).max().map(|label| label as usize)
    }

    fn shard(&self, item: &Item) -> &Path {
        &self.shards[item.shard as usize]
    }

    fn name(&self, index: usize) -> &str {
        self.names.get(index).unwrap_or_default()
    }
}

impl Samples for TarSamples {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.items.get(index)?.label.map(|label| label as usize)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let Some(item) = self.items.get(index) else {
            let total = self.items.len();
            return Err(corrupt(Path::new("tar shards"), format!("asked for sample {index} of {total}")));
        };
        let (path, name) = (self.shard(item), self.name(index));
        let Some(place) = item.place else {
            return Err(corrupt(path, format!("sample {name} is a caption without a picture")));
        };
        let bytes = read_part(path, place.start, place.length).map_err(io_error(path))?;
        let decoded = picture::decode_bytes(&bytes, Path::new(name));
        decoded.map_err(|source| DatasetError::Image { path: path.join(name), source })
    }

    fn has_image(&self, index: usize) -> bool {
        self.items.get(index).is_some_and(|item| item.place.is_some())
    }

    fn caption(&self, index: usize) -> Option<&str> {
        self.captions.get(index).filter(|caption| !caption.is_empty())
    }

    fn source(&self, index: usize) -> Option<&Path> {
        let item = self.items.get(index)?;
        item.place.map(|_| self.shard(item))
    }

    fn place(&self, index: usize) -> Option<u64> {
        self.items.get(index)?.place.map(|place| place.start)
    }
}
