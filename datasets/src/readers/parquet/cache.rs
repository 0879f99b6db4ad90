//! The pages that were read last.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use parquet::data_type::ByteArray;

use super::source::Source;

/// Bytes of pictures that are kept, of all datasets together; the page that is being read comes on top.
const MAX_BYTES: usize = 512 << 20;
/// Pages that are kept.
const MAX_PAGES: usize = 4096;

/// The encoded pictures of a page; `None` where a row has none.
#[derive(Debug)]
pub(super) enum Page {
    /// Where they lie in the file as they are: start and length. Such a page weighs next to nothing.
    Places(Vec<Option<(u64, u64)>>),
    /// The pictures themselves, which were compressed.
    Pictures(Vec<Option<ByteArray>>),
}

/// An encoded picture, or where it lies in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Picture {
    Place(u64, u64),
    Bytes(ByteArray),
}

impl Page {
    /// The page of pictures that were read from `source`.
    pub(super) fn new(pictures: Vec<Option<ByteArray>>, source: &Source) -> Self {
        let place = |picture: &Option<ByteArray>| match picture {
            Some(picture) => source.place_of(picture.data()).map(|start| Some((start, picture.len() as u64))),
            None => Some(None),
        };
        match pictures.iter().map(place).collect() {
            Some(places) => Self::Places(places),
            None => Self::Pictures(pictures),
        }
    }

    /// The picture of a row, if it has one that is not empty.
    pub(super) fn get(&self, row: usize) -> Option<Picture> {
        match self {
            Self::Places(places) => {
                let (start, length) = places.get(row).copied().flatten()?;
                (length > 0).then_some(Picture::Place(start, length))
            }
            Self::Pictures(pictures) => {
                pictures.get(row).cloned().flatten().filter(|picture| !picture.is_empty()).map(Picture::Bytes)
            }
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Places(places) => size_of_val(places.as_slice()),
            Self::Pictures(pictures) => pictures.iter().flatten().map(ByteArray::len).sum(),
        }
    }
}

/// The dataset, the file, the row group and the page.
pub(super) type Key = (u64, usize, usize, usize);

type Slot = OnceLock<Result<Page, String>>;

/// Pages that were read, the oldest first. A page that several threads ask for at once is read once.
pub(super) struct PageCache {
    pages: Mutex<VecDeque<(Key, Arc<Slot>)>>,
}

/// One for the whole process, so that many datasets do not keep more than one does.
pub(super) static CACHE: PageCache = PageCache::new();

impl PageCache {
    const fn new() -> Self {
        Self { pages: Mutex::new(VecDeque::new()) }
    }

    /// What `take` makes of a page, which `read` reads where it is not kept.
    pub(super) fn with<T>(
        &self,
        key: Key,
        read: impl FnOnce() -> Result<Page, String>,
        take: impl FnOnce(&Page) -> T,
    ) -> Result<T, String> {
        let slot = self.slot(key);
        let mut is_new = false;
        let page = slot.get_or_init(|| {
            is_new = true;
            read()
        });
        let taken = page.as_ref().map(take).map_err(Clone::clone);
        if is_new {
            self.shrink();
        }
        taken
    }

    /// Drops the pages of a dataset.
    pub(super) fn forget(&self, dataset: u64) {
        self.lock().retain(|(key, _)| key.0 != dataset);
    }

    fn slot(&self, key: Key) -> Arc<Slot> {
        let mut pages = self.lock();
        let place = pages.iter().rposition(|(known, _)| *known == key);
        let slot = place.and_then(|place| pages.remove(place)).map_or_else(Arc::default, |(_, slot)| slot);
        pages.push_back((key, slot.clone()));
        slot
    }

    fn shrink(&self) {
        let mut pages = self.lock();
        let mut bytes: usize = pages.iter().map(|(_, slot)| weight(slot)).sum();
        while pages.len() > 1 && (bytes > MAX_BYTES || pages.len() > MAX_PAGES) {
            bytes -= pages.pop_front().map_or(0, |(_, slot)| weight(&slot));
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Key, Arc<Slot>)>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a page; one that is still being read counts nothing.
fn weight(slot: &Slot) -> usize {
    slot.get().and_then(|page| page.as_ref().ok()).map_or(0, Page::weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(cache: &PageCache, page: usize, bytes: usize) -> bool {
        let mut read = false;
        let page = cache.with(
            (0, 0, 0, page),
            || {
                read = true;
                Ok(Page::Pictures(vec![None, Some(ByteArray::from(vec![0; bytes]))]))
            },
            |page| (page.get(0), page.get(1).is_some(), page.get(2)),
        );
        assert_eq!(page, Ok((None, true, None)));
        read
    }

    #[test]
    fn a_page_is_read_once_while_it_is_kept() {
        let cache = PageCache::new();
        assert_eq!([1, 2, 1, 2].map(|number| reads(&cache, number, 10)), [true, true, false, false]);
    }

    #[test]
    fn the_page_that_was_not_used_for_longest_makes_room() {
        let cache = PageCache::new();
        let half = MAX_BYTES / 2;
        assert_eq!([1, 2, 1, 3].map(|number| reads(&cache, number, half)), [true, true, false, true]);
        assert_eq!([1, 3, 2].map(|number| reads(&cache, number, half)), [false, false, true]);
        // One page that is too large on its own is still read.
        assert!(reads(&cache, 9, 2 * MAX_BYTES));
        for number in 100..100 + 2 * MAX_PAGES {
            reads(&cache, number, 1);
        }
        assert_eq!(cache.lock().len(), MAX_PAGES);
        cache.forget(0);
        assert!(cache.lock().is_empty());
    }

    #[test]
    fn a_page_that_cannot_be_read_is_an_error_for_all() {
        let cache = PageCache::new();
        for _ in 0..2 {
            let page = cache.with((0, 0, 0, 0), || Err("cut off".to_owned()), |page| page.get(0));
            assert_eq!(page, Err("cut off".to_owned()));
        }
    }
}
