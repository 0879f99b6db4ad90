//! The two halves of a pre-norm transformer block and layer norm, as operations on tensors.

use burn::{backend::flex::FlexTensor, tensor::Tensor};

use crate::{
    activation::Activation,
    buffer::Buffer,
    fused::{FusedOperation, Input, apply, is_fused, tensor, values},
    linear::Linear,
    mlp::Mlp,
    norm::Norm,
    patches::PatchEmbedding,
    precision::Precision,
    primitives,
    self_attention::{AttentionSpec, Saved, SelfAttention},
};

/// Parameters of a layer norm.
#[derive(Debug, Clone)]
pub struct LayerNormParameters {
    /// Scale, `[width]`.
    pub gamma: Tensor<1>,
    /// Shift, `[width]`.
    pub beta: Tensor<1>,
    /// Added to the variance.
    pub epsilon: f64,
}

/// Parameters of a linear layer.
#[derive(Debug, Clone)]
pub struct LinearParameters {
    /// `[inputs, outputs]`
    pub weight: Tensor<2>,
    /// `[outputs]`
    pub bias: Tensor<1>,
}

/// Attention half of a pre-norm block (Radford et al. 2021, `ResidualAttentionBlock`): `x + attention(norm(x))`.
///
/// With [`AttentionSpec::queries`], only the output of one position of each sequence is computed, and equals that row of
/// all outputs.
///
/// # Shapes
///
/// - `x`: `[rows, width]`, the sequences of `spec` one after the other
/// - `in_proj`: `[width, 3 width]`, to query, key and value
/// - `out_proj`: `[width, width]`
/// - output: `[rows, width]`, or `[sequences, width]`
pub fn residual_attention(
    x: Tensor<2>,
    norm: LayerNormParameters,
    in_proj: LinearParameters,
    out_proj: LinearParameters,
    spec: &AttentionSpec,
) -> Tensor<2> {
    if !is_fused(&x.device()) {
        return primitives::residual_attention(x, norm, in_proj, out_proj, spec);
    }
    let operation = AttentionOperation { spec: spec.clone(), epsilon: norm.epsilon as f32 };
    let inputs: [Input; 7] = [
        x.into(),
        norm.gamma.into(),
        norm.beta.into(),
        in_proj.weight.into(),
        in_proj.bias.into(),
        out_proj.weight.into(),
        out_proj.bias.into(),
    ];
    apply(&operation, inputs)
}

/// Feed-forward half of a pre-norm block: `x + c_proj(activation(c_fc(norm(x))))`; `precision` is that of the products, where
/// there is a choice.
///
/// # Shapes
///
/// - `x`, output: `[rows, width]`
/// - `c_fc`: `[width, inner]`
/// - `c_proj`: `[inner, width]`
pub fn residual_mlp(
    x: Tensor<2>,
    norm: LayerNormParameters,
    c_fc: LinearParameters,
    c_proj: LinearParameters,
    activation: Activation,
    precision: Precision,
) -> Tensor<2> {
    if !is_fused(&x.device()) {
        return primitives::residual_mlp(x, norm, c_fc, c_proj, activation, precision);
    }
    let operation = MlpOperation { activation, epsilon: norm.epsilon as f32 };
    let inputs: [Input; 7] = [
        x.into(),
        norm.gamma.into(),
        norm.beta.into(),
        c_fc.weight.into(),
        c_fc.bias.into(),
        c_proj.weight.into(),
        c_proj.bias.into(),
    ];
    apply(&operation, inputs)
}

/// Layer norm of rows (Ba et al. 2016, arXiv 1607.06450).
///
/// # Shapes
///
/// - `x`, output: `[rows, width]`
pub fn layer_norm(x: Tensor<2>, norm: LayerNormParameters) -> Tensor<2> {
    if !is_fused(&x.device()) {
        return primitives::layer_norm(x, norm);
    }
    let operation = NormOperation { epsilon: norm.epsilon as f32 };
    let inputs: [Input; 3] = [x.into(), norm.gamma.into(), norm.beta.into()];
    apply(&operation, inputs)
}

/// Parameters that turn images into rows of a transformer.
#[derive(Debug, Clone)]
pub struct PatchParameters {
    /// The patch convolution as a linear layer over flattened patches, channel first, `[3 patch patch, width]`.
    pub weight: Tensor<2>,
    /// The row in front of the patches, `[width]`.
    pub class: Tensor<1>,
    /// Added to the rows, `[1 + patches, width]`.
    pub positions: Tensor<2>,
    /// Applied to the sum.
    pub norm: LayerNormParameters,
}

/// Images as rows of a vision transformer: patches, projected with `precision` where there is a choice, behind a class
/// token, with positions, normalised.
///
/// # Shapes
///
/// - `images`: `[batch, 3, size, size]`; they get no gradient
/// - output: `[batch (1 + patches), width]`
pub fn embed_patches(images: Tensor<4>, parameters: PatchParameters, precision: Precision) -> Tensor<2> {
    if !is_fused(&images.device()) {
        return primitives::embed_patches(images, parameters, precision);
    }
    let [_, channels, image, _] = images.dims();
    let [patch_values, _] = parameters.weight.dims();
    let patch = (patch_values / channels).isqrt();
    let operation = PatchOperation { image, patch, epsilon: parameters.norm.epsilon as f32 };
    let inputs: [Input; 6] = [
        images.into(),
        parameters.weight.into(),
        parameters.class.into(),
        parameters.positions.into(),
        parameters.norm.gamma.into(),
        parameters.norm.beta.into(),
    ];
    apply(&operation, inputs)
}

#[derive(Debug, Clone)]
struct AttentionOperation {
    spec: AttentionSpec,
    epsilon: f32,
}

impl AttentionOperation {
    fn on<'a>(
        &'a self,
        [_, gamma, beta, in_weight, in_bias, out_weight, out_bias]: [&'a [f32]; 7],
    ) -> SelfAttention<'a> {
        SelfAttention {
            norm: Norm { gamma, beta, epsilon: self.epsilon },
            in_proj: Linear::new(in_weight, in_bias),
            out_proj: Linear::new(out_weight, out_bias),
            spec: &self.spec,
        }
    }
}

impl FusedOperation<7> for AttentionOperation {
    type Saved = Saved;

    fn forward(&self, inputs: &[FlexTensor; 7], keep: bool) -> (FlexTensor, Option<Saved>) {
        let inputs = inputs.each_ref().map(values);
        let (x, width) = (inputs[0], inputs[1].len());
        let rows = self.spec.output_rows();
        let mut y = Buffer::new(rows * width);
        let saved = self.on(inputs).forward(x, &mut y);
        (tensor(y, [rows, width]), keep.then_some(saved))
    }

    fn backward(
        &self,
        inputs: &[FlexTensor; 7],
        saved: &Saved,
        upstream: &FlexTensor,
        _wanted: [bool; 7],
    ) -> [Option<FlexTensor>; 7] {
        let inputs = inputs.each_ref().map(values);
        let (x, width) = (inputs[0], inputs[1].len());
        let mut gradient = Buffer::new(x.len());
        let sums = self.on(inputs).backward(x, saved, values(upstream), &mut gradient);
        [
            tensor(gradient, [x.len() / width, width]),
            tensor(Buffer::of(&sums.norm.gamma), [width]),
            tensor(Buffer::of(&sums.norm.beta), [width]),
            tensor(sums.in_proj.weight, [width, 3 * width]),
            tensor(Buffer::of(&sums.in_proj.bias), [3 * width]),
            tensor(sums.out_proj.weight, [width, width]),
            tensor(Buffer::of(&sums.out_proj.bias), [width]),
        ]
        .map(Some)
    }
}

#[derive(Debug, Clone)]
struct MlpOperation {
    activation: Activation,
    epsilon: f32,
}

impl MlpOperation {
    fn on<'a>(&self, [_, gamma, beta, fc_weight, fc_bias, proj_weight, proj_bias]: [&'a [f32]; 7]) -> Mlp<'a> {
        Mlp {
            norm: Norm { gamma, beta, epsilon: self.epsilon },
            c_fc: Linear::new(fc_weight, fc_bias),
            c_proj: Linear::new(proj_weight, proj_bias),
            activation: self.activation,
        }
    }
}

impl FusedOperation<7> for MlpOperation {
    /// `[rows, inner]`, the input of the activation
    type Saved = Buffer;

    fn forward(&self, inputs: &[FlexTensor; 7], keep: bool) -> (FlexTensor, Option<Buffer>) {
        let inputs = inputs.each_ref().map(values);
        let (x, width, inner) = (inputs[0], inputs[1].len(), inputs[4].len());
        let rows = x.len() / width;
        let mut y = Buffer::new(x.len());
        let mut hidden = keep.then(|| Buffer::new(rows * inner));
        self.on(inputs).forward(x, &mut y, hidden.as_deref_mut());
        (tensor(y, [rows, width]), hidden)
    }

    fn backward(
        &self,
        inputs: &[FlexTensor; 7],
        hidden: &Buffer,
        upstream: &FlexTensor,
        _wanted: [bool; 7],
    ) -> [Option<FlexTensor>; 7] {
        let inputs = inputs.each_ref().map(values);
        let (x, width, inner) = (inputs[0], inputs[1].len(), inputs[4].len());
        let mut gradient = Buffer::new(x.len());
        let sums = self.on(inputs).backward(x, hidden, values(upstream), &mut gradient);
        [
            tensor(gradient, [x.len() / width, width]),
            tensor(Buffer::of(&sums.norm.gamma), [width]),
            tensor(Buffer::of(&sums.norm.beta), [width]),
            tensor(sums.c_fc.weight, [width, inner]),
            tensor(Buffer::of(&sums.c_fc.bias), [inner]),
            tensor(sums.c_proj.weight, [inner, width]),
            tensor(Buffer::of(&sums.c_proj.bias), [width]),
        ]
        .map(Some)
    }
}

#[derive(Debug, Clone)]
struct NormOperation {
    epsilon: f32,
}

impl NormOperation {
    fn on<'a>(&self, [_, gamma, beta]: [&'a [f32]; 3]) -> Norm<'a> {
        Norm { gamma, beta, epsilon: self.epsilon }
    }
}

impl FusedOperation<3> for NormOperation {
    type Saved = ();

    fn forward(&self, inputs: &[FlexTensor; 3], _keep: bool) -> (FlexTensor, Option<()>) {
        let inputs = inputs.each_ref().map(values);
        let (x, width) = (inputs[0], inputs[1].len());
        let mut y = Buffer::new(x.len());
        self.on(inputs).forward_in_chunks(x, &mut y);
        (tensor(y, [x.len() / width, width]), Some(()))
    }

    fn backward(
        &self,
        inputs: &[FlexTensor; 3],
        (): &(),
        upstream: &FlexTensor,
        _wanted: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let inputs = inputs.each_ref().map(values);
        let (x, width) = (inputs[0], inputs[1].len());
        let mut gradient = Buffer::new(x.len());
        let sums = self.on(inputs).backward_in_chunks(x, values(upstream), &mut gradient);
        [
            tensor(gradient, [x.len() / width, width]),
            tensor(Buffer::of(&sums.gamma), [width]),
            tensor(Buffer::of(&sums.beta), [width]),
        ]
        .map(Some)
    }
}

#[derive(Debug, Clone)]
struct PatchOperation {
    image: usize,
    patch: usize,
    epsilon: f32,
}

impl PatchOperation {
    fn on<'a>(&self, [_, weight, class, positions, gamma, beta]: [&'a [f32]; 6]) -> PatchEmbedding<'a> {
        let norm = Norm { gamma, beta, epsilon: self.epsilon };
        PatchEmbedding { image: self.image, patch: self.patch, weight, class, positions, norm }
    }
}

impl FusedOperation<6> for PatchOperation {
    /// `[batch (1 + patches), width]`, the rows before the norm
    type Saved = Buffer;

    fn forward(&self, inputs: &[FlexTensor; 6], _keep: bool) -> (FlexTensor, Option<Buffer>) {
        let batch = inputs[0].layout().shape()[0];
        let inputs = inputs.each_ref().map(values);
        let (embedding, width) = (self.on(inputs), inputs[2].len());
        let rows = batch * embedding.length();
        let mut y = Buffer::new(rows * width);
        let embedded = embedding.forward(inputs[0], &mut y);
        (tensor(y, [rows, width]), Some(embedded))
    }

    fn backward(
        &self,
        inputs: &[FlexTensor; 6],
        embedded: &Buffer,
        upstream: &FlexTensor,
        _wanted: [bool; 6],
    ) -> [Option<FlexTensor>; 6] {
        let inputs = inputs.each_ref().map(values);
        let width = inputs[2].len();
        let sums = self.on(inputs).backward(inputs[0], embedded, values(upstream));
        let class = Buffer::of(&sums.positions[..width]);
        [
            None,
            Some(tensor(sums.weight, [inputs[1].len() / width, width])),
            Some(tensor(class, [width])),
            Some(tensor(Buffer::of(&sums.positions), [inputs[3].len() / width, width])),
            Some(tensor(Buffer::of(&sums.norm.gamma), [width])),
            Some(tensor(Buffer::of(&sums.norm.beta), [width])),
        ]
    }
}
