//! Numbers for tests, the same every time.

use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// Normal numbers around zero.
pub fn normal<const D: usize>(shape: [usize; D], deviation: f32, seed: u64) -> Tensor<D> {
    let generator = ChaCha8Rng::seed_from_u64(seed);
    let normal = StandardNormal.sample_iter(generator).map(|value: f32| deviation * value);
    let values: Vec<f32> = normal.take(shape.iter().product()).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}
