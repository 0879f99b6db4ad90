//! The fused operations against the same composed of burn's own: values and all gradients.

#[path = "../src/testing.rs"]
mod testing;

use burn::tensor::{Device, Tensor, TensorData};
use clf_kernels::{
    Activation, AttentionSpec, LayerNormParameters, LinearParameters, PatchParameters, Precision, Sequences,
    embed_patches, layer_norm, primitives, residual_attention, residual_mlp,
};

const HEADS: usize = 3;
const WIDTH: usize = 24;
const INNER: usize = 56;

/// Differences that rounding in another order explains.
const LIMIT: f32 = 2e-5;

struct Parameters {
    tensors: Vec<Tensor<2>>,
}

/// Leaves of the graph: input, norm and two linear layers.
fn leaves(rows: usize, first: usize, inner: usize) -> Parameters {
    let shapes = [[rows, WIDTH], [1, WIDTH], [1, WIDTH], [WIDTH, first], [1, first], [inner, WIDTH], [1, WIDTH]];
    Parameters { tensors: (0..).zip(shapes).map(|(seed, shape)| testing::normal(shape, 0.6, seed)).collect() }
}

impl Parameters {
    fn tracked(&self) -> Vec<Tensor<2>> {
        self.tensors.iter().map(|tensor| tensor.clone().autodiff().require_grad()).collect()
    }
}

fn norm(leaves: &[Tensor<2>]) -> LayerNormParameters {
    LayerNormParameters { gamma: row(&leaves[1]), beta: row(&leaves[2]), epsilon: 1e-5 }
}

fn linear(leaves: &[Tensor<2>], at: usize) -> LinearParameters {
    LinearParameters { weight: leaves[at].clone(), bias: row(&leaves[at + 1]) }
}

fn row(tensor: &Tensor<2>) -> Tensor<1> {
    let [_, width] = tensor.dims();
    tensor.clone().reshape([width])
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The output and the gradient of every leaf, under a loss that weighs every output value differently.
fn run(parameters: &Parameters, f: impl Fn(&[Tensor<2>]) -> Tensor<2>) -> Vec<Vec<f32>> {
    let leaves = parameters.tracked();
    let output = f(&leaves);
    let [rows, width] = output.dims();
    let weights: Vec<f32> = (0..rows * width).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [rows, width]), &Device::flex()).autodiff();
    let gradients = (output.clone() * weights).sum().backward();
    let gradients = leaves.iter().map(|leaf| leaf.grad(&gradients).map(host).unwrap_or_default());
    std::iter::once(host(output.inner())).chain(gradients).collect()
}

fn assert_close(ours: &[Vec<f32>], theirs: &[Vec<f32>]) {
    let names = ["output", "x", "gamma", "beta", "weight 1", "bias 1", "weight 2", "bias 2"];
    assert_eq!(ours.len(), theirs.len());
    for ((name, ours), theirs) in names.iter().zip(ours).zip(theirs) {
        assert!(!ours.is_empty(), "{name} takes no part");
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let size = theirs.iter().fold(1.0_f32, |size, value| size.max(value.abs()));
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= LIMIT * size, "{name}: {a} against {b}");
        }
    }
}

fn attention(spec: &AttentionSpec) -> impl Fn(&[Tensor<2>]) -> Tensor<2> {
    move |leaves| residual_attention(leaves[0].clone(), norm(leaves), linear(leaves, 3), linear(leaves, 5), spec)
}

fn composed_attention(spec: &AttentionSpec) -> impl Fn(&[Tensor<2>]) -> Tensor<2> {
    move |leaves| {
        primitives::residual_attention(leaves[0].clone(), norm(leaves), linear(leaves, 3), linear(leaves, 5), spec)
    }
}

#[test]
fn attention_equals_that_composed_of_primitives() {
    for (count, length) in [(1, 1), (2, 5), (7, 17), (61, 19)] {
        for causal in [false, true] {
            let all = AttentionSpec {
                sequences: Sequences::uniform(count, length),
                heads: HEADS,
                causal,
                precision: Precision::F32,
                queries: None,
            };
            let at = (0..count).map(|i| i * 5 % length).collect();
            for spec in [all.clone(), AttentionSpec { queries: Some(at), ..all }] {
                let parameters = leaves(count * length, 3 * WIDTH, WIDTH);
                let ours = run(&parameters, attention(&spec));
                assert_close(&ours, &run(&parameters, composed_attention(&spec)));
            }
        }
    }
}

#[test]
fn sequences_of_different_lengths_are_independent() {
    let lengths = [4, 1, 9, 6];
    let sequences = Sequences::of_lengths(lengths);
    for queries in [None, Some([3, 0, 5, 5])] {
        let spec = AttentionSpec {
            sequences: sequences.clone(),
            heads: HEADS,
            causal: true,
            precision: Precision::F32,
            queries: queries.map(Into::into),
        };
        let one_by_one = |leaves: &[Tensor<2>]| {
            let outputs = (0..lengths.len()).map(|i| {
                let rows = sequences.range(i);
                let spec = AttentionSpec {
                    sequences: Sequences::uniform(1, lengths[i]),
                    queries: queries.map(|queries| [queries[i]].into()),
                    ..spec.clone()
                };
                let mut leaves = leaves.to_vec();
                leaves[0] = leaves[0].clone().narrow(0, rows.start, rows.len());
                composed_attention(&spec)(&leaves)
            });
            Tensor::cat(outputs.collect(), 0)
        };
        let parameters = leaves(sequences.rows(), 3 * WIDTH, WIDTH);
        assert_close(&run(&parameters, attention(&spec)), &run(&parameters, one_by_one));
    }
}

#[test]
fn the_feed_forward_half_equals_that_composed_of_primitives() {
    for rows in [1, 50, 450, 1100] {
        for activation in [Activation::QuickGelu, Activation::Gelu] {
            let parameters = leaves(rows, INNER, INNER);
            let ours = |l: &[Tensor<2>]| {
                residual_mlp(l[0].clone(), norm(l), linear(l, 3), linear(l, 5), activation, Precision::F32)
            };
            let theirs = |l: &[Tensor<2>]| {
                primitives::residual_mlp(l[0].clone(), norm(l), linear(l, 3), linear(l, 5), activation, Precision::F32)
            };
            assert_close(&run(&parameters, ours), &run(&parameters, theirs));
        }
    }
}

#[test]
fn layer_norm_equals_that_composed_of_primitives() {
    for rows in [1, 700] {
        let mut parameters = leaves(rows, 1, 1);
        parameters.tensors.truncate(3);
        let ours = run(&parameters, |l| layer_norm(l[0].clone(), norm(l)));
        assert_close(&ours, &run(&parameters, |l| primitives::layer_norm(l[0].clone(), norm(l))));
    }
}

#[test]
fn embedded_patches_equal_those_composed_of_primitives() {
    let (batch, size, patch) = (9, 12, 4);
    let patches = (size / patch) * (size / patch);
    let images = testing::normal([batch, 3, size, size], 0.6, 7);
    let shapes = [[1, WIDTH], [1, WIDTH], [1, WIDTH], [3 * patch * patch, WIDTH], [1 + patches, WIDTH]];
    let parameters =
        Parameters { tensors: (0..).zip(shapes).map(|(seed, shape)| testing::normal(shape, 0.6, seed)).collect() };
    let of = |l: &[Tensor<2>]| PatchParameters {
        weight: l[3].clone(),
        class: row(&l[0]),
        positions: l[4].clone(),
        norm: norm(l),
    };
    let ours = run(&parameters, |l| embed_patches(images.clone(), of(l), Precision::F32));
    assert_close(
        &ours,
        &run(&parameters, |l| primitives::embed_patches(images.clone().autodiff(), of(l), Precision::F32)),
    );
}

#[test]
fn outside_of_autodiff_the_output_is_the_same() {
    let parameters = leaves(70, INNER, INNER);
    let f = |l: &[Tensor<2>]| {
        residual_mlp(l[0].clone(), norm(l), linear(l, 3), linear(l, 5), Activation::QuickGelu, Precision::F32)
    };
    assert_eq!(host(f(&parameters.tensors)), run(&parameters, f)[0]);
}

#[test]
fn parameters_that_are_not_tracked_get_no_gradient() {
    let parameters = leaves(30, INNER, INNER);
    let mut mixed = parameters.tensors.clone();
    mixed[0] = mixed[0].clone().autodiff().require_grad();
    let f = |l: &[Tensor<2>]| {
        residual_mlp(l[0].clone(), norm(l), linear(l, 3), linear(l, 5), Activation::QuickGelu, Precision::F32)
    };
    let gradients = f(&mixed).sum().backward();
    let all = parameters.tracked();
    let expected = f(&all).sum().backward();
    assert_eq!(host(mixed[0].grad(&gradients).unwrap()), host(all[0].grad(&expected).unwrap()));
}

#[test]
fn products_of_16_bits_are_near_those_of_32() {
    let spec = |precision| AttentionSpec {
        sequences: Sequences::uniform(5, 7),
        heads: HEADS,
        causal: true,
        precision,
        queries: None,
    };
    let parameters = leaves(35, 3 * WIDTH, WIDTH);
    let of = |precision| run(&parameters, composed_attention(&spec(precision)));
    let (single, half) = (of(Precision::F32), of(Precision::Bf16));
    for (single, half) in single.iter().zip(&half) {
        let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
        let error = norm(&mut single.iter().zip(half).map(|(a, b)| a - b));
        // Factors and products are rounded to 2^-9; a value passes through four products and back, seen were 2.3%.
        assert!(error < 0.05 * norm(&mut single.iter().copied()), "{error}");
    }
    assert_ne!(single, half);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let spec = AttentionSpec {
        sequences: Sequences::uniform(90, 13),
        heads: HEADS,
        causal: false,
        precision: Precision::F32,
        queries: None,
    };
    let (first, second) = (leaves(90 * 13, 3 * WIDTH, WIDTH), leaves(1170, INNER, INNER));
    let mlp = |l: &[Tensor<2>]| {
        residual_mlp(l[0].clone(), norm(l), linear(l, 3), linear(l, 5), Activation::QuickGelu, Precision::F32)
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (run(&first, attention(&spec)), run(&second, mlp)))
    };
    assert_eq!(with(1), with(3));
}
