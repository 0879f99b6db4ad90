use std::sync::Arc;

use clf_core::data::{Dataset, DatasetError, DatasetInfo, Samples, Split};

use super::Descriptor;

/// A named dataset as it was read, with the name and the split family of its descriptor.
pub(super) struct Opened {
    dataset: Arc<dyn Dataset>,
    info: DatasetInfo,
}

impl Opened {
    pub(super) fn new(dataset: Arc<dyn Dataset>, descriptor: &Descriptor, whole: bool) -> Self {
        let partial = if whole { "" } else { ", partial copy" };
        let info = DatasetInfo {
            name: descriptor.name.to_owned(),
            split_family: format!("{}{partial}", descriptor.split_family),
            ..dataset.info().clone()
        };
        Self { dataset, info }
    }
}

impl Dataset for Opened {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn split(&self, split: Split) -> Result<Arc<dyn Samples>, DatasetError> {
        self.dataset.split(split)
    }
}
