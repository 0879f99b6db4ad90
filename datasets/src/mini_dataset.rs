use std::sync::Arc;

use clf_core::{
    data::{Dataset, DatasetError, DatasetInfo, Samples, Split},
    image::DynamicImage,
};

use crate::mini::{self, Domain, caption_pair};

/// Images of a domain to learn from.
const TRAIN_IMAGES: usize = 1500;
/// Images of a domain to score.
const TEST_IMAGES: usize = 250;
/// Caption pairs for pre-training.
const PRETRAIN_PAIRS: usize = 120_000;
/// Caption pairs for reference images and texts, disjoint from those for pre-training.
const REFERENCE_PAIRS: usize = 2000;

/// Streams of the world, one for each set of pictures.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Train = 0,
    Test = 1,
    Pretrain = 2,
    Reference = 3,
}

/// The locators of the mini world, `mini:NAME`.
const ALL_DOMAINS: &str = "all";
const REFERENCE: &str = "captions";
const PRETRAIN: &str = "pretrain";

/// A part of the mini world as a dataset: one domain, all domains together, or the caption set.
pub struct MiniDataset {
    info: DatasetInfo,
    part: Part,
}

enum Part {
    Domains(Arc<[Domain]>),
    Captions { stream: Stream, count: usize },
}

impl MiniDataset {
    /// Opens `name`: a domain, `all`, `captions` (for reference data) or `pretrain`.
    ///
    /// # Errors
    ///
    /// When there is no such part.
    pub fn open(name: &str) -> Result<Self, DatasetError> {
        let captions = |stream, count| Self {
            info: info(name, Vec::new(), &["a picture of a {}."]),
            part: Part::Captions { stream, count },
        };
        if name == REFERENCE {
            return Ok(captions(Stream::Reference, REFERENCE_PAIRS));
        }
        if name == PRETRAIN {
            return Ok(captions(Stream::Pretrain, PRETRAIN_PAIRS));
        }
        if name == ALL_DOMAINS {
            return Ok(Self::of(name, mini::domains(), &["a picture of a {}."]));
        }
        if let Some(domain) = mini::domains().iter().find(|domain| domain.name == name) {
            return Ok(Self::of(name, std::slice::from_ref(domain), domain.templates));
        }
        let names: Vec<&str> = mini::domains().iter().map(|domain| domain.name).collect();
        Err(DatasetError::Unsuitable {
            dataset: format!("mini:{name}"),
            reason: "the mini world has no such part".to_owned(),
            hint: format!("known are {}, {ALL_DOMAINS}, {REFERENCE}, {PRETRAIN}", names.join(", ")),
        })
    }

    fn of(name: &str, domains: &[Domain], templates: &[&str]) -> Self {
        let classes = domains.iter().flat_map(|domain| domain.class_names).map(ToString::to_string).collect();
        Self { info: info(name, classes, templates), part: Part::Domains(domains.into()) }
    }
}

fn info(name: &str, class_names: Vec<String>, templates: &[&str]) -> DatasetInfo {
    DatasetInfo {
        name: name.to_owned(),
        class_names,
        templates: templates.iter().map(ToString::to_string).collect(),
        split_family: "mini".to_owned(),
    }
}

impl Dataset for MiniDataset {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn split(&self, split: Split) -> Result<Arc<dyn Samples>, DatasetError> {
        match (&self.part, split) {
            (Part::Domains(domains), split) => {
                let (stream, per_domain) = match split {
                    Split::Train => (Stream::Train, TRAIN_IMAGES),
                    Split::Test => (Stream::Test, TEST_IMAGES),
                };
                Ok(Arc::new(Pictures { domains: domains.clone(), stream, per_domain }))
            }
            (Part::Captions { stream, count }, Split::Train) => {
                let texts = (0..*count as u64).map(|index| caption_pair(*stream as u64, index).1).collect();
                Ok(Arc::new(Pairs { stream: *stream, texts }))
            }
            (Part::Captions { .. }, Split::Test) => Err(DatasetError::Unsuitable {
                dataset: format!("mini:{}", self.info.name),
                reason: "captions have no test split".to_owned(),
                hint: "use a domain to score models".to_owned(),
            }),
        }
    }
}

/// Labelled pictures; sample `i` belongs to domain `i / per_domain` and cycles through its classes.
struct Pictures {
    domains: Arc<[Domain]>,
    stream: Stream,
    per_domain: usize,
}

impl Pictures {
    fn place(&self, index: usize) -> (&Domain, usize, usize) {
        let (domain, index) = (&self.domains[index / self.per_domain], index % self.per_domain);
        (domain, index, index % domain.class_names.len())
    }
}

impl Samples for Pictures {
    fn len(&self) -> usize {
        self.domains.len() * self.per_domain
    }

    fn label(&self, index: usize) -> Option<usize> {
        let earlier: usize =
            self.domains[..index / self.per_domain].iter().map(|domain| domain.class_names.len()).sum();
        Some(earlier + self.place(index).2)
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        let (domain, index, label) = self.place(index);
        Ok(domain.draw(self.stream as u64, index as u64, label).into())
    }
}

/// Pictures with captions, without labels.
struct Pairs {
    stream: Stream,
    texts: Vec<String>,
}

impl Samples for Pairs {
    fn len(&self) -> usize {
        self.texts.len()
    }

    fn label(&self, _index: usize) -> Option<usize> {
        None
    }

    fn image(&self, index: usize) -> Result<DynamicImage, DatasetError> {
        Ok(caption_pair(self.stream as u64, index as u64).0.into())
    }

    fn caption(&self, index: usize) -> Option<&str> {
        self.texts.get(index).map(String::as_str)
    }
}

clf_core::register_reader! {
    name: "mini",
    summary: "A part of the procedural mini world: a domain, all, captions or pretrain.",
    open: |path, _base| Ok(Arc::new(MiniDataset::open(path)?)),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_domain_has_balanced_labels_within_its_classes() {
        for domain in mini::domains() {
            let dataset = MiniDataset::open(domain.name).unwrap();
            let classes = dataset.info().class_names.len();
            assert!(classes >= 6, "{} has {classes} classes", domain.name);
            let test = dataset.split(Split::Test).unwrap();
            let mut counts = vec![0; classes];
            (0..test.len()).for_each(|index| counts[test.label(index).unwrap()] += 1);
            assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
        }
    }

    #[test]
    fn all_domains_together_keep_their_pictures_and_shift_their_labels() {
        let (first, second) = (&mini::domains()[0], &mini::domains()[1]);
        let all = MiniDataset::open(ALL_DOMAINS).unwrap().split(Split::Train).unwrap();
        let one = MiniDataset::open(second.name).unwrap().split(Split::Train).unwrap();
        assert_eq!(all.len(), mini::domains().len() * one.len());
        let index = 17;
        assert_eq!(all.label(TRAIN_IMAGES + index), one.label(index).map(|label| first.class_names.len() + label));
        assert_eq!(all.image(TRAIN_IMAGES + index).unwrap(), one.image(index).unwrap());
    }

    #[test]
    fn train_and_test_pictures_differ() {
        let dataset = MiniDataset::open(mini::domains()[0].name).unwrap();
        let [train, test] = [Split::Train, Split::Test].map(|split| dataset.split(split).unwrap());
        assert_ne!(train.image(0).unwrap(), test.image(0).unwrap());
    }

    #[test]
    fn an_unknown_part_lists_the_known_ones() {
        let error = MiniDataset::open("cats").err().unwrap().to_string();
        assert!(error.contains("mini:cats") && error.contains("captions"), "{error}");
    }
}
