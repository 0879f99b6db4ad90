//! Products of 32-bit matrices on a GPU without its tensor cores.
//!
//! For factors of 32 bits burn tunes over all its kernels, and those on NVIDIA's tensor cores round each factor to 11
//! bits of significand first. Here only kernels that multiply what they are given take part.

use burn::{
    backend::{
        Autodiff, Cube,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        ops::FloatTensorOps,
    },
    tensor::{DType, Tensor},
};
use burn_backend::cubecl::dtype_to_storage_type;
use burn_cubecl::{
    CubeTuneId,
    cubecl::tune::{LocalTuner, Tunable, TunableSet, local_tuner},
    kernel::matmul::init_matmul_output,
    tensor::CubeTensor,
};
use cubek::{
    matmul::{
        definition::{MatmulElems, MatmulGlobalElems},
        launch::launch_ref,
        multi_level::{
            Strategy,
            routines::{
                TileSizeSelection,
                batch::{double_unit::DoubleUnitSelectionArgs, simple_unit::SimpleUnitSelectionArgs},
                gemm::GemmStrategy,
            },
        },
        routine::BlueprintStrategy,
        tune_key::MatmulAutotuneKey,
    },
    std::InputBinding,
};

/// The factors and the place of the product.
type Operands = (CubeTensor, CubeTensor, CubeTensor);

/// The product of `a` and `b`, both of 32 bits on the GPU, both tracked or both not.
///
/// # Shapes
///
/// - `a`: `[.., rows, inner]`
/// - `b`: `[.., inner, columns]`, with the leading axes of `a`
/// - output: `[.., rows, columns]`
#[expect(clippy::expect_used, reason = "callers have looked at the device")]
pub(crate) fn product<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    if !a.is_autodiff() && !b.is_autodiff() {
        let plain = |tensor: Tensor<D>| tensor.try_into_primitive::<Cube>().expect("the tensor is on the GPU");
        return Tensor::from_primitive::<Cube>(multiplied(plain(a), plain(b)));
    }
    let tracked = |tensor: Tensor<D>| {
        let tensor = if tensor.is_autodiff() { tensor } else { tensor.autodiff() };
        tensor.try_into_primitive::<Autodiff<Cube>>().expect("the tensor is on the GPU, within autodiff").into_parts()
    };
    let ((a, of_a), (b, of_b)) = (tracked(a), tracked(b));
    let output = match Product.prepare::<NoCheckpointing>([of_a, of_b]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish((a.clone(), b.clone()), multiplied(a, b)),
        OpsKind::UnTracked(prepared) => prepared.finish(multiplied(a, b)),
    };
    Tensor::from_primitive::<Autodiff<Cube>>(output)
}

#[derive(Debug)]
struct Product;

impl Backward<Cube, 2> for Product {
    type State = (CubeTensor, CubeTensor);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let upstream = grads.consume::<Cube>(&ops.node);
        let (a, b) = ops.state;
        let [of_a, of_b] = ops.parents;
        if let Some(parent) = of_a {
            grads.register::<Cube>(parent.id, multiplied(upstream.clone(), transposed(b)));
        }
        if let Some(parent) = of_b {
            grads.register::<Cube>(parent.id, multiplied(transposed(a), upstream));
        }
    }
}

fn transposed(matrices: CubeTensor) -> CubeTensor {
    Cube::float_transpose(matrices)
}

/// The product by the fastest of the kernels on this device for matrices of about this size.
fn multiplied(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    static TUNER: LocalTuner<MatmulAutotuneKey, CubeTuneId> = local_tuner!();

    let out = init_matmul_output(&a, &b, DType::F32);
    if a.meta.shape().iter().chain(b.meta.shape().iter()).any(|size| *size == 0) {
        return out;
    }
    let (client, id) = (a.client.clone(), CubeTuneId::new(&a.client, &a.device));
    let kernels = TUNER.init(&id, || {
        let copied = |_: &MatmulAutotuneKey, (a, b, out): &Operands| (a.clone(), b.clone(), out.copy());
        strategies().into_iter().fold(TunableSet::new(key, copied), |kernels, strategy| {
            let name = strategy.to_string();
            kernels.with(Tunable::new(&name, move |operands| launch(&strategy, operands)))
        })
    });
    TUNER.execute(&id, &client, kernels, (a, b, out.clone()));
    out
}

/// What multiplies in 32 bits; the first takes matrices of any shape.
fn strategies() -> Vec<Strategy> {
    let tiled = [TileSizeSelection::MaxTileSize, TileSizeSelection::MinTileSize].into_iter().flat_map(|tile_size| {
        [
            Strategy::SimpleUnit(BlueprintStrategy::Inferred(SimpleUnitSelectionArgs { tile_size })),
            Strategy::DoubleUnit(BlueprintStrategy::Inferred(DoubleUnitSelectionArgs { tile_size })),
        ]
    });
    [Strategy::Naive]
        .into_iter()
        .chain(tiled)
        .chain([Strategy::Gemm(BlueprintStrategy::Inferred(GemmStrategy::default()))])
        .collect()
}

fn launch(strategy: &Strategy, (a, b, out): Operands) -> Result<(), String> {
    let number = dtype_to_storage_type(DType::F32);
    let mut types = MatmulElems::from_globals(&MatmulGlobalElems { lhs: number, rhs: number, out: number });
    let (client, input) = (out.client.clone(), |factor: CubeTensor| InputBinding::new(factor.binding(), number));
    launch_ref(&strategy.clone().into(), &client, input(a), input(b), out.binding(), &mut types)
        .map_err(|error| format!("{error:?}"))
}

fn key((a, b, out): &Operands) -> MatmulAutotuneKey {
    let number = |tensor: &CubeTensor| dtype_to_storage_type(tensor.dtype);
    MatmulAutotuneKey::generate(
        &a.client,
        a.meta.shape(),
        b.meta.shape(),
        a.meta.strides(),
        b.meta.strides(),
        a.meta.tiling,
        b.meta.tiling,
        number(a),
        number(b),
        number(out),
        None,
        None,
    )
}
