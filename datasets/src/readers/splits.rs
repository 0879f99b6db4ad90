//! A dataset made of an info and up to two splits.

use std::sync::Arc;

use clf_core::data::{Dataset, DatasetError, DatasetInfo, Samples, Split};

/// A dataset whose splits are already open: what every reader ends in, and a quick way to make one in a test.
pub struct Splits {
    info: DatasetInfo,
    train: Option<Arc<dyn Samples>>,
    test: Option<Arc<dyn Samples>>,
    hint: String,
}

impl Splits {
    /// A dataset of the given splits; `None` makes [`Dataset::split`] an error for that split.
    pub fn new(info: DatasetInfo, train: Option<Arc<dyn Samples>>, test: Option<Arc<dyn Samples>>) -> Self {
        Self { info, train, test, hint: "choose another split or another dataset".to_owned() }
    }

    /// Says what a user can do about a split that is not there.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl Dataset for Splits {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn split(&self, split: Split) -> Result<Arc<dyn Samples>, DatasetError> {
        let samples = match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        };
        samples.clone().ok_or_else(|| DatasetError::Unsuitable {
            dataset: self.info.name.clone(),
            reason: format!("it has no {split} split"),
            hint: self.hint.clone(),
        })
    }
}

/// Implements [`Dataset`] for a reader by handing everything to its `splits` field.
macro_rules! dataset_by_splits {
    ($reader:ty) => {
        impl clf_core::data::Dataset for $reader {
            fn info(&self) -> &clf_core::data::DatasetInfo {
                self.splits.info()
            }

            fn split(
                &self,
                split: clf_core::data::Split,
            ) -> Result<std::sync::Arc<dyn clf_core::data::Samples>, clf_core::data::DatasetError> {
                self.splits.split(split)
            }
        }
    };
}
pub(super) use dataset_by_splits;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_that_is_not_there_is_an_error_with_the_hint() {
        let info =
            DatasetInfo { name: "toy".into(), class_names: vec![], templates: vec![], split_family: String::new() };
        let splits = Splits::new(info, None, None).with_hint("set test-fraction");
        let error = splits.split(Split::Test).err().unwrap().to_string();
        assert_eq!(error, "dataset \"toy\": it has no test split\n  hint: set test-fraction");
    }
}
