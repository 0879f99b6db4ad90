//! Methods that several plugins share.

mod classification;
mod head;

pub use classification::{Classification, Negatives, TextMode, TrainMode};
pub use head::ClassifierHead;
