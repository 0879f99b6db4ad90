//! Custom operations of burn's CPU backend, with a backward of their own.

use std::{fmt::Debug, sync::Arc};

use burn::{
    backend::{
        Autodiff, DispatchKindConversion, DispatchTensor, Flex,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        flex::{FlexTensor, Layout},
    },
    tensor::{Bytes, DType, Device, Shape, Tensor},
};

use crate::buffer::Buffer;

/// Whether the operations of this crate are fused on `device`; on others they are composed of burn's own.
pub fn is_fused(device: &Device) -> bool {
    device.clone().without_autodiff() == Device::flex()
}

/// An operation on contiguous 32-bit tensors in host memory.
pub(crate) trait FusedOperation<const N: usize>: Clone + Debug + Send + Sync + 'static {
    /// What the backward pass needs beside the inputs.
    type Saved: Debug + Send + Sync + 'static;

    /// The output, and what the backward pass needs if `keep` is set.
    fn forward(&self, inputs: &[FlexTensor; N], keep: bool) -> (FlexTensor, Option<Self::Saved>);

    /// The gradient with respect to each input, given that with respect to the output. Those of inputs that are not
    /// `wanted` are ignored.
    fn backward(
        &self,
        inputs: &[FlexTensor; N],
        saved: &Self::Saved,
        upstream: &FlexTensor,
        wanted: [bool; N],
    ) -> [Option<FlexTensor>; N];
}

/// The inputs of an operation, all on the autodiff device or all outside of it.
pub(crate) struct Inputs<const N: usize> {
    pub tensors: [DispatchTensor; N],
    pub tracked: bool,
}

/// A tensor of any rank as an input of an operation.
pub(crate) struct Input {
    plain_or_tracked: DispatchTensor,
    lifted: Option<DispatchTensor>,
    tracked: bool,
}

impl<const D: usize> From<Tensor<D>> for Input {
    fn from(tensor: Tensor<D>) -> Self {
        let tracked = tensor.is_autodiff();
        let lifted = (!tracked).then(|| tensor.clone().autodiff().into_dispatch());
        Self { plain_or_tracked: tensor.into_dispatch(), lifted, tracked }
    }
}

impl<const N: usize> From<[Input; N]> for Inputs<N> {
    fn from(inputs: [Input; N]) -> Self {
        let tracked = inputs.iter().any(|input| input.tracked);
        let tensors = inputs.map(|input| match input.lifted {
            Some(lifted) if tracked => lifted,
            _ => input.plain_or_tracked,
        });
        Self { tensors, tracked }
    }
}

#[derive(Debug, Clone)]
struct Step<O>(O);

#[derive(Debug)]
struct State<S, const N: usize> {
    inputs: [FlexTensor; N],
    saved: S,
}

impl<const N: usize, O: FusedOperation<N>> Backward<Flex, N> for Step<O> {
    type State = Arc<State<O::Saved, N>>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let upstream = grads.consume::<Flex>(&ops.node).to_contiguous();
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = self.0.backward(&ops.state.inputs, &ops.state.saved, &upstream, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// Runs `operation` on tensors of the CPU backend.
#[expect(clippy::expect_used, reason = "callers have asked `is_fused`, and all inputs are lifted if one is tracked")]
pub(crate) fn apply<const N: usize, const D: usize, O: FusedOperation<N>>(
    operation: &O,
    inputs: impl Into<Inputs<N>>,
) -> Tensor<D> {
    let Inputs { tensors, tracked } = inputs.into();
    if !tracked {
        let plain = |tensor| {
            let tensor = <DispatchTensor as DispatchKindConversion<Flex>>::try_into_backend(tensor);
            tensor.expect("the tensor is on the CPU, outside of autodiff").float().to_contiguous()
        };
        let (output, _) = operation.forward(&tensors.map(plain), false);
        return Tensor::from_primitive::<Flex>(output);
    }
    let (mut primitives, mut guards) = (Vec::with_capacity(N), Vec::with_capacity(N));
    for tensor in tensors {
        let tensor = <DispatchTensor as DispatchKindConversion<Autodiff<Flex>>>::try_into_backend(tensor);
        let (primitive, guard) = tensor.expect("the tensor is on the CPU, within autodiff").float().into_parts();
        primitives.push(primitive.to_contiguous());
        guards.push(guard);
    }
    let inputs: [FlexTensor; N] = primitives.try_into().expect("there are as many as inputs");
    let guards = guards.try_into().expect("there are as many as inputs");
    let output = match Step(operation.clone()).prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (output, saved) = operation.forward(&inputs, true);
            let saved = saved.expect("an operation keeps what it is asked to keep");
            prepared.finish(Arc::new(State { inputs, saved }), output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(operation.forward(&inputs, false).0),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

/// A vector of the CPU backend, outside of autodiff, as memory of just its length.
#[expect(clippy::expect_used, reason = "callers have asked `is_fused`")]
pub(crate) fn host(vector: Tensor<1>) -> FlexTensor {
    let [length] = vector.dims();
    let vector = vector.try_into_primitive::<Flex>().expect("the tensor is on the CPU, outside of autodiff");
    // A borrowed copy of the handle would make the memory shared, and every write to it a copy.
    if vector.is_contiguous() && vector.storage::<f32>().len() == length {
        return vector;
    }
    tensor(Buffer::of(values(&vector.to_contiguous())), [length])
}

/// The values of a contiguous tensor.
#[expect(clippy::expect_used, reason = "inputs of operations are made contiguous before")]
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("the tensor is contiguous")
}

/// A tensor of these values.
pub(crate) fn tensor(values: impl Into<Bytes>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(values.into(), Layout::contiguous(shape.into()), DType::F32)
}
