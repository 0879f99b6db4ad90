//! Operations with a backward of their own, for burn's backend of GPUs.

use std::fmt::Debug;

use burn::{
    backend::{
        Autodiff, Cube, DispatchKindConversion, DispatchTensor,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
    },
    tensor::{DType, Shape, Tensor},
};
use burn_cubecl::{kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor};

use crate::fused::Inputs;

/// An operation on contiguous 32-bit tensors in the memory of a GPU.
pub(super) trait Operation<const N: usize>: Clone + Debug + Send + Sync + 'static {
    /// The output, and what the backward pass needs beside the inputs.
    fn forward(&self, inputs: &[CubeTensor; N]) -> (CubeTensor, CubeTensor);

    /// The gradients with respect to the inputs, given that with respect to the output.
    fn backward(&self, inputs: [CubeTensor; N], saved: CubeTensor, upstream: CubeTensor) -> [CubeTensor; N];
}

#[derive(Debug, Clone)]
struct Step<O>(O);

impl<const N: usize, O: Operation<N>> Backward<Cube, N> for Step<O> {
    type State = ([CubeTensor; N], CubeTensor);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let upstream = into_contiguous(grads.consume::<Cube>(&ops.node));
        let (inputs, saved) = ops.state;
        let gradients = self.0.backward(inputs, saved, upstream);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(parent) = parent {
                grads.register::<Cube>(parent.id, gradient);
            }
        }
    }
}

/// Runs `operation` on tensors of a GPU, all of 32 bits.
#[expect(
    clippy::expect_used,
    reason = "callers have looked at the device, and all inputs are lifted if one is tracked"
)]
pub(super) fn apply<const N: usize, const D: usize, O: Operation<N>>(
    operation: O,
    inputs: impl Into<Inputs<N>>,
) -> Tensor<D> {
    let Inputs { tensors, tracked } = inputs.into();
    if !tracked {
        let plain = |tensor| {
            let tensor = <DispatchTensor as DispatchKindConversion<Cube>>::try_into_backend(tensor);
            into_contiguous(tensor.expect("the tensor is on the GPU, outside of autodiff").float())
        };
        return Tensor::from_primitive::<Cube>(operation.forward(&tensors.map(plain)).0);
    }
    let (mut primitives, mut guards) = (Vec::with_capacity(N), Vec::with_capacity(N));
    for tensor in tensors {
        let tensor = <DispatchTensor as DispatchKindConversion<Autodiff<Cube>>>::try_into_backend(tensor);
        let (primitive, guard) = tensor.expect("the tensor is on the GPU, within autodiff").float().into_parts();
        primitives.push(into_contiguous(primitive));
        guards.push(guard);
    }
    let inputs: [CubeTensor; N] = primitives.try_into().expect("there are as many as inputs");
    let guards = guards.try_into().expect("there are as many as inputs");
    let (output, saved) = operation.forward(&inputs);
    let output = match Step(operation).prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish((inputs, saved), output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Tensor::from_primitive::<Autodiff<Cube>>(output)
}

/// Memory for 32-bit values beside `tensor`, without gaps.
pub(super) fn empty(tensor: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_device_contiguous_dtype(tensor.client.clone(), tensor.device.clone(), shape.into(), DType::F32)
}
