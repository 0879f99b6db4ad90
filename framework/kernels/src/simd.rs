//! Arithmetic that the compiler can vectorise, compiled for the best instruction set of the machine it runs on.
//!
//! Functions marked `inline(always)` are meant to be called within [`vectorised`].

/// Independent partial results of a reduction; a multiple of every vector width.
const LANES: usize = 16;

/// Runs `work` with all vector instructions of this machine; a closure that is not `inline(always)` is compiled without them.
#[inline]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    struct Work<F>(F);
    impl<R, F: FnOnce() -> R> pulp::NullaryFnOnce for Work<F> {
        type Output = R;

        #[inline(always)]
        fn call(self) -> R {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Work(work))
}

/// Name of the [instruction set](instruction_set) of machines without vector instructions that are known here.
pub const SCALAR: &str = "no vector instructions";

/// The vector instructions that are used on this machine.
pub fn instruction_set() -> &'static str {
    match pulp::Arch::new() {
        pulp::Arch::Scalar => SCALAR,
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        pulp::Arch::V3(_) => "AVX2",
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        pulp::Arch::V4(_) => "AVX-512",
        _ => "vector instructions",
    }
}

/// `e^x`, within two units in the last place; 0 below -87.3 and 2^127.. above 88.
///
/// Splits `x` into `n ln 2 + r` (Cody and Waite 1980) and sums the series of `e^r` up to degree 7.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 leaves the rounded integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const BELOW: f32 = -87.3;

    let clamped = x.clamp(BELOW, 88.0);
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, clamped));
    let series = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0]
        .into_iter()
        .fold(1.0 / 5040.0, |sum: f32, coefficient| sum.mul_add(r, coefficient));
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < BELOW { 0.0 } else { series * power }
}

/// Sum of `term(a, b)` over both slices.
#[inline(always)]
pub(crate) fn sum_of(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (blocks_a, rest_a) = a.as_chunks::<LANES>();
    let (blocks_b, rest_b) = b.as_chunks::<LANES>();
    for (block_a, block_b) in blocks_a.iter().zip(blocks_b) {
        for lane in 0..LANES {
            lanes[lane] += term(block_a[lane], block_b[lane]);
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| term(*a, *b)).sum();
    fold(lanes, |a, b| a + b) + rest
}

/// Largest value; negative infinity if there is none.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] = if block[lane] > lanes[lane] { block[lane] } else { lanes[lane] };
        }
    }
    rest.iter().fold(fold(lanes, f32::max), |max, value| max.max(*value))
}

#[inline(always)]
fn fold(lanes: [f32; LANES], both: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = both(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// `sums[column] += values[row][column]`.
pub(crate) fn add_rows(values: &[f32], sums: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for row in values.chunks_exact(sums.len()) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += value;
                }
            }
        },
    );
}

/// `out[row][column] = bias[column]`.
pub(crate) fn fill_rows(bias: &[f32], out: &mut [f32]) {
    for row in out.chunks_exact_mut(bias.len()) {
        row.copy_from_slice(bias);
    }
}

/// `out[row][column] = x[row][column] + bias[column]`.
pub(crate) fn add_bias(x: &[f32], bias: &[f32], out: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (row, out) in x.chunks_exact(bias.len()).zip(out.chunks_exact_mut(bias.len())) {
                for ((out, x), bias) in out.iter_mut().zip(row).zip(bias) {
                    *out = x + bias;
                }
            }
        },
    );
}

/// `sums += values`.
pub(crate) fn add(values: &[f32], sums: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for i in -870_000..880_000 {
            let x = i as f32 / 10_000.0;
            let (ours, exact) = (exp(x), f64::from(x).exp());
            let unit = f64::from(f32::EPSILON) * exact;
            assert!((f64::from(ours) - exact).abs() <= 2.0 * unit, "exp({x}) = {ours}, exactly {exact}");
        }
    }

    #[test]
    fn exp_has_its_limits() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1e4), 0.0);
        assert!(exp(1e4) > 1e38);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn reductions_see_every_value() {
        let values: Vec<f32> = (0..37).map(|i| (i * 7 % 37) as f32).collect();
        assert_eq!(sum_of(&values, &values, |a, _| a), 666.0);
        assert_eq!(max(&values), 36.0);
        let last = [0.0; 20].into_iter().chain([5.0]).collect::<Vec<f32>>();
        assert_eq!(max(&last), 5.0);
    }
}
