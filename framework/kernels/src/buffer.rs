use std::{
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
};

use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};

/// Memory for intermediate values that is kept when it is given back.
///
/// Every step needs the same sizes again, and memory that is fresh from the system costs more to clear than to fill.
#[derive(Debug)]
pub(crate) struct Buffer {
    values: Vec<f32>,
    length: usize,
}

/// What was given back, and how much memory there is.
#[derive(Default)]
struct Pool {
    /// Shortest first.
    idle: Vec<Idle>,
    idle_values: usize,
    used_values: usize,
    most_used_values: usize,
    given: usize,
}

struct Idle {
    values: Vec<f32>,
    /// How many were given back before.
    since: usize,
}

static POOL: Mutex<Pool> =
    Mutex::new(Pool { idle: Vec::new(), idle_values: 0, used_values: 0, most_used_values: 0, given: 0 });

impl Pool {
    /// Memory for at least `length` values.
    fn take(&mut self, length: usize) -> Option<Vec<f32>> {
        let at = self.idle.partition_point(|idle| idle.values.len() < length);
        let fits = self.idle.get(at).is_some_and(|idle| idle.values.len() <= 2 * length);
        let known = fits.then(|| self.remove(at));
        self.used_values += known.as_ref().map_or(length, Vec::len);
        self.most_used_values = self.most_used_values.max(self.used_values);
        known
    }

    /// Keeps memory, and no more of it than was needed at once.
    fn give(&mut self, values: Vec<f32>) {
        self.used_values -= values.len();
        self.idle_values += values.len();
        self.given += 1;
        let at = self.idle.partition_point(|idle| idle.values.len() < values.len());
        self.idle.insert(at, Idle { values, since: self.given });
        while self.idle_values + self.used_values > self.most_used_values {
            let Some((oldest, _)) = self.idle.iter().enumerate().min_by_key(|(_, idle)| idle.since) else { return };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, at: usize) -> Vec<f32> {
        let values = self.idle.remove(at).values;
        self.idle_values -= values.len();
        values
    }
}

impl Buffer {
    /// Memory for `length` values, which are not specified.
    pub fn new(length: usize) -> Self {
        let known = POOL.lock().unwrap_or_else(PoisonError::into_inner).take(length);
        Self { values: known.unwrap_or_else(|| vec![0.0; length]), length }
    }

    /// Memory with a copy of `values`.
    pub fn of(values: &[f32]) -> Self {
        let mut buffer = Self::new(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        POOL.lock().unwrap_or_else(PoisonError::into_inner).give(values);
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.length]
    }
}

impl From<Buffer> for Bytes {
    /// Memory of a tensor, given back when the tensor is gone.
    #[expect(unsafe_code, reason = "memory of our own in a tensor of burn")]
    fn from(buffer: Buffer) -> Self {
        let length = size_of_val(&*buffer);
        // SAFETY: All values of a buffer are initialised.
        unsafe { Self::from_controller(Box::new(Memory(buffer)), length) }
    }
}

/// A buffer as memory of a tensor.
struct Memory(Buffer);

#[expect(unsafe_code, reason = "the interface is one of untyped memory")]
impl AllocationController for Memory {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _policy: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let (length, values) = (size_of_val(&*self.0), self.0.as_mut_ptr());
        // SAFETY: The values are borrowed mutably, and callers write initialised bytes, of which any make a float.
        Ok(unsafe { std::slice::from_raw_parts_mut(values.cast(), length) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        // SAFETY: The values are borrowed, and bytes have no alignment.
        Ok(unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), size_of_val(&*self.0)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_becomes_the_memory_of_a_tensor() {
        let mut buffer = Buffer::new(3);
        buffer.copy_from_slice(&[1.0, 2.0, 3.0]);
        let mut bytes = Bytes::from(buffer);
        assert_eq!(bytes.len(), 12);
        assert_eq!(bytes[4..8], 2.0_f32.to_ne_bytes());
        bytes[4..8].copy_from_slice(&5.0_f32.to_ne_bytes());
        assert_eq!(bytes.clone()[4..8], 5.0_f32.to_ne_bytes());
    }

    #[test]
    fn memory_that_was_given_back_is_used_again() {
        let mut pool = Pool::default();
        assert_eq!(pool.take(100), None);
        let values = vec![0.0; 100];
        let at = values.as_ptr();
        pool.give(values);
        assert_eq!(pool.take(101), None);
        assert_eq!(pool.take(49), None, "too much would lie idle within");
        let again = pool.take(90);
        assert_eq!(again.as_ref().map(|values| (values.as_ptr(), values.len())), Some((at, 100)));
    }

    #[test]
    fn no_more_is_kept_than_was_needed_at_once() {
        let mut pool = Pool::default();
        for length in [10, 1000] {
            assert_eq!(pool.take(length), None);
            pool.give(vec![0.0; length]);
        }
        assert_eq!(pool.idle.iter().map(|idle| idle.values.len()).collect::<Vec<_>>(), [1000]);
        assert_eq!(pool.idle_values, 1000);
    }
}
