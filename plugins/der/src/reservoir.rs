use rand::Rng;
use serde::{Deserialize, Serialize};

/// An image in the memory and what the student said about it when it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// 0-based task.
    pub task: usize,
    /// Position among the training images of that task.
    pub index: usize,
    /// Label within that task.
    pub label: usize,
    /// Scores of the classes of that task.
    pub logits: Vec<f32>,
}

/// A uniform sample of everything seen so far (Vitter 1985, algorithm R).
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reservoir {
    pub items: Vec<Item>,
    seen: u64,
}

impl Reservoir {
    /// Offers `item` to a memory of `size` items.
    pub fn offer(&mut self, item: Item, size: usize, rng: &mut impl Rng) {
        if self.items.len() < size {
            self.items.push(item);
        } else {
            let place = rng.random_range(0..=self.seen) as usize;
            if let Some(old) = self.items.get_mut(place) {
                *old = item;
            }
        }
        self.seen += 1;
    }

    /// `count` different items, or all if there are fewer.
    pub fn draw(&self, count: usize, rng: &mut impl Rng) -> Vec<&Item> {
        let mut items: Vec<&Item> = self.items.iter().collect();
        let count = count.min(items.len());
        for i in 0..count {
            let other = rng.random_range(i..items.len());
            items.swap(i, other);
        }
        items.truncate(count);
        items
    }
}

#[cfg(test)]
mod tests {
    use clf_core::random::{Key, Purpose};

    use super::*;

    fn item(index: usize) -> Item {
        Item { task: 0, index, label: 0, logits: Vec::new() }
    }

    #[test]
    fn everything_seen_is_equally_likely_to_be_kept() {
        let mut kept = [0; 20];
        for seed in 0..2000 {
            let mut rng = Key { seed, ..Key::default() }.stream(Purpose::Method);
            let mut reservoir = Reservoir::default();
            (0..20).for_each(|index| reservoir.offer(item(index), 5, &mut rng));
            reservoir.items.iter().for_each(|item| kept[item.index] += 1);
        }
        // 500 expected, with a deviation of 19.
        assert!(kept.iter().all(|count| (420..=580).contains(count)), "{kept:?}");
    }

    #[test]
    fn a_draw_has_no_item_twice() {
        let mut rng = Key::default().stream(Purpose::Method);
        let mut reservoir = Reservoir::default();
        (0..6).for_each(|index| reservoir.offer(item(index), 6, &mut rng));
        let mut drawn: Vec<usize> = reservoir.draw(9, &mut rng).iter().map(|item| item.index).collect();
        drawn.sort_unstable();
        assert_eq!(drawn, [0, 1, 2, 3, 4, 5]);
    }
}
