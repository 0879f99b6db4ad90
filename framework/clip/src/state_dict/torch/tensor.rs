//! Tensors as views of storages.

use std::ops::Range;

use safetensors::Dtype;

/// More dimensions than any weight has.
const MAX_DIMENSIONS: usize = 8;

/// Numbers of one type, kept as an entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    /// Its entry.
    pub(super) key: String,
    /// Type of its numbers.
    pub(super) dtype: Dtype,
    /// How many there are.
    pub(super) count: usize,
}

impl Storage {
    /// Length of the entry.
    pub(super) fn bytes(&self) -> u64 {
        (self.count as u64).saturating_mul(self.dtype.bitsize() as u64 / 8)
    }

    /// Whether its numbers are floating point.
    pub(super) fn is_float(&self) -> bool {
        matches!(self.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
    }
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) storage: Storage,
    /// Where it begins.
    offset: usize,
    /// How many numbers there are from its first to its last.
    pub(super) span: usize,
    pub(super) shape: Vec<usize>,
    stride: Vec<usize>,
}

impl Tensor {
    /// The view of `storage` from `offset` on; sizes and strides count numbers.
    ///
    /// # Errors
    ///
    /// When it reaches past the end of the storage, or looks at a number more than once.
    pub(super) fn new(storage: Storage, offset: usize, shape: Vec<usize>, stride: Vec<usize>) -> Result<Self, String> {
        let mut tensor = Self { storage, offset, span: 0, shape, stride };
        if tensor.shape.len() != tensor.stride.len() || tensor.shape.len() > MAX_DIMENSIONS {
            return Err(format!("a tensor has the shape {:?} and the strides {:?}", tensor.shape, tensor.stride));
        }
        match tensor.reach() {
            Some((volume, span))
                if volume <= span && offset.checked_add(span).is_some_and(|end| end <= tensor.storage.count) =>
            {
                tensor.span = span;
                Ok(tensor)
            }
            _ => Err(format!(
                "a tensor of shape {:?} with strides {:?} does not fit into the {} numbers of storage `{}` behind {offset}",
                tensor.shape, tensor.stride, tensor.storage.count, tensor.storage.key
            )),
        }
    }

    /// The bytes of its storage that it looks at.
    pub(super) fn bytes(&self) -> Range<usize> {
        let size = self.storage.dtype.bitsize() / 8;
        self.offset * size..(self.offset + self.span) * size
    }

    /// How many numbers it has, and from its first to its last; `None` for more than can be counted.
    fn reach(&self) -> Option<(usize, usize)> {
        let volume = self.shape.iter().try_fold(1_usize, |volume, &size| volume.checked_mul(size))?;
        if volume == 0 {
            return Some((0, 0));
        }
        let dimensions = self.shape.iter().zip(&self.stride);
        let last = dimensions.map(|(size, stride)| (size - 1).checked_mul(*stride));
        let last = last.into_iter().try_fold(0_usize, |sum, reach| sum.checked_add(reach?))?;
        Some((volume, last.checked_add(1)?))
    }

    /// Its numbers, row-major, out of those from its first to its last.
    pub(super) fn gather(&self, values: Vec<f32>) -> Vec<f32> {
        if self.is_row_major() {
            return values;
        }
        let mut places = vec![0];
        for (size, stride) in self.shape.iter().zip(&self.stride) {
            places = places.iter().flat_map(|place| (0..*size).map(move |index| place + index * stride)).collect();
        }
        places.into_iter().map(|place| values[place]).collect()
    }

    fn is_row_major(&self) -> bool {
        let mut expected = 1;
        let dimensions = self.shape.iter().zip(&self.stride).rev();
        // The stride of a dimension of one is never used.
        let mut dimensions = dimensions.filter(|(size, _)| **size != 1);
        dimensions.all(|(size, stride)| {
            let fits = *stride == expected;
            expected *= size;
            fits
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(offset: usize, shape: &[usize], stride: &[usize]) -> Result<Tensor, String> {
        let storage = Storage { key: "0".into(), dtype: Dtype::F32, count: 12 };
        Tensor::new(storage, offset, shape.into(), stride.into())
    }

    fn values(tensor: &Tensor) -> Vec<usize> {
        let range = tensor.bytes();
        let numbers = (range.start / 4..range.end / 4).map(|number| number as f32).collect();
        tensor.gather(numbers).into_iter().map(|number| number as usize).collect()
    }

    #[test]
    fn rows_columns_and_parts_are_found() {
        assert_eq!(values(&view(0, &[3, 4], &[4, 1]).unwrap()), (0..12).collect::<Vec<_>>());
        assert_eq!(values(&view(0, &[4, 3], &[1, 4]).unwrap()), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        assert_eq!(values(&view(5, &[2, 2], &[4, 1]).unwrap()), [5, 6, 9, 10]);
        assert_eq!(values(&view(7, &[1, 5], &[99, 1]).unwrap()), [7, 8, 9, 10, 11]);
        assert_eq!(values(&view(11, &[], &[]).unwrap()), [11]);
        assert!(values(&view(12, &[0, 5], &[5, 1]).unwrap()).is_empty());
    }

    #[test]
    fn a_view_past_the_end_or_of_one_number_many_times_is_refused() {
        for (offset, shape, stride) in [
            (0, &[13][..], &[1][..]),
            (12, &[], &[]),
            (1, &[3, 4], &[4, 1]),
            (0, &[5, 5], &[0, 1]),
            (0, &[1 << 40], &[0]),
            (0, &[1 << 40, 1 << 40], &[1, 1]),
            (0, &[2], &[usize::MAX]),
            (usize::MAX, &[1], &[1]),
            (0, &[2, 2], &[1]),
            (0, &[1; 9], &[1; 9]),
        ] {
            assert!(view(offset, shape, stride).is_err(), "{offset} {shape:?} {stride:?}");
        }
    }
}
