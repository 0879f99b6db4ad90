//! The pages that were read last.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use parquet::data_type::ByteArray;

/// Bytes of pictures that are kept; the page that is being read comes on top.
const MAX_BYTES: usize = 256 << 20;
/// Pages that are kept.
const MAX_PAGES: usize = 512;

/// The encoded pictures of a page.
pub(super) type Page = Result<Vec<Option<ByteArray>>, String>;

/// Number of the file, the row group and the page.
pub(super) type Key = (usize, usize, usize);

/// Pages that were read, the oldest first. A page that several threads ask for at once is read once.
#[derive(Default)]
pub(super) struct PageCache {
    pages: Mutex<VecDeque<(Key, Arc<OnceLock<Page>>)>>,
}

impl PageCache {
    /// What `take` makes of a page, which `read` reads where it is not kept.
    pub(super) fn with<T>(&self, key: Key, read: impl FnOnce() -> Page, take: impl FnOnce(&Page) -> T) -> T {
        let slot = self.slot(key);
        let mut is_new = false;
        let page = slot.get_or_init(|| {
            is_new = true;
            read()
        });
        let taken = take(page);
        if is_new {
            self.shrink();
        }
        taken
    }

    fn slot(&self, key: Key) -> Arc<OnceLock<Page>> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let place = pages.iter().rposition(|(known, _)| *known == key);
        let slot = place.and_then(|place| pages.remove(place)).map_or_else(Arc::default, |(_, slot)| slot);
        pages.push_back((key, slot.clone()));
        slot
    }

    fn shrink(&self) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes: usize = pages.iter().map(|(_, slot)| weight(slot)).sum();
        while pages.len() > 1 && (bytes > MAX_BYTES || pages.len() > MAX_PAGES) {
            bytes -= pages.pop_front().map_or(0, |(_, slot)| weight(&slot));
        }
    }
}

/// Bytes of a page; one that is still being read counts nothing.
fn weight(slot: &OnceLock<Page>) -> usize {
    match slot.get() {
        Some(Ok(pictures)) => pictures.iter().flatten().map(ByteArray::len).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(bytes: usize) -> Page {
        Ok(vec![None, Some(ByteArray::from(vec![0; bytes]))])
    }

    fn reads(cache: &PageCache, page_number: usize, bytes: usize) -> bool {
        let mut read = false;
        cache.with(
            (0, 0, page_number),
            || {
                read = true;
                page(bytes)
            },
            |_| (),
        );
        read
    }

    #[test]
    fn a_page_is_read_once_while_it_is_kept() {
        let cache = PageCache::default();
        assert_eq!([1, 2, 1, 2].map(|number| reads(&cache, number, 10)), [true, true, false, false]);
    }

    #[test]
    fn the_page_that_was_not_used_for_longest_makes_room() {
        let cache = PageCache::default();
        let half = MAX_BYTES / 2;
        assert_eq!([1, 2, 1, 3].map(|number| reads(&cache, number, half)), [true, true, false, true]);
        assert_eq!([1, 3, 2].map(|number| reads(&cache, number, half)), [false, false, true]);
        // One page that is too large on its own is still read.
        assert!(reads(&cache, 9, 2 * MAX_BYTES));
        for number in 100..100 + 2 * MAX_PAGES {
            reads(&cache, number, 1);
        }
        assert_eq!(cache.pages.lock().unwrap().len(), MAX_PAGES);
    }
}
