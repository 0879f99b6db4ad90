use std::{collections::BTreeMap, sync::Arc};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor, TensorData},
};

use clf_kernels::Squares;

use crate::{
    config::ClipConfig,
    model::Clip,
    state_dict::{HostTensor, StateDict, StateDictError, check_keys},
};

/// One value per model parameter: weights, gradients, moments or anything else of that form.
///
/// Every entry is a flat vector on the device, outside of autodiff, under its OpenAI name and in the order of the
/// model. Weight-space rules (averages, distances, the optimizer) are written over this type and need neither the
/// module tree nor the rank of a tensor. A `Weights` may be partial: gradients of frozen parameters are absent.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    entries: Vec<(Arc<str>, Tensor<1>)>,
}

impl Weights {
    /// The current weights of `model`.
    pub fn of(model: &Clip) -> Self {
        let mut visitor = Collect { at: Path::default(), gradients: None, entries: Vec::new() };
        model.visit(&mut visitor);
        Self { entries: visitor.entries }
    }

    /// Moves the gradients of `model` out of `gradients`; parameters without one are left out.
    pub fn gradients_of(model: &Clip, gradients: &mut Gradients) -> Self {
        let mut visitor = Collect { at: Path::default(), gradients: Some(gradients), entries: Vec::new() };
        model.visit(&mut visitor);
        Self { entries: visitor.entries }
    }

    /// These values, then those of `other`: parameters of a method's own stand behind those of the model.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// `model` with these weights in place of its own; parameters that are absent here stay as they are.
    #[must_use]
    pub fn load_into(self, model: Clip) -> Clip {
        let values = self.entries.into_iter().collect();
        model.map(&mut Assign { at: Path::default(), values })
    }

    /// Number of parameters present.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no parameter is present.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of parameter `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor<1>> {
        self.entries.iter().find(|(key, _)| &**key == name).map(|(_, value)| value)
    }

    /// Names and values in model order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Tensor<1>)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }

    /// `rule` applied to every value.
    #[must_use]
    pub fn map(&self, mut rule: impl FnMut(&Tensor<1>) -> Tensor<1>) -> Self {
        Self { entries: self.entries.iter().map(|(name, value)| (name.clone(), rule(value))).collect() }
    }

    /// `rule(a, b)` for every parameter present in both; the result has just those.
    #[must_use]
    pub fn zip(&self, other: &Self, mut rule: impl FnMut(&Tensor<1>, &Tensor<1>) -> Tensor<1>) -> Self {
        let mut lookup = Lookup::new(other);
        let both = |(name, value): &(Arc<str>, Tensor<1>)| Some((name.clone(), rule(value, lookup.get(name)?)));
        Self { entries: self.entries.iter().filter_map(both).collect() }
    }

    /// `rule(name, value, other)` for every parameter present in both; the others stay as they are.
    ///
    /// The rule owns the value, so that memory that nobody else holds can be written in place.
    #[must_use]
    pub fn update(self, other: &Self, mut rule: impl FnMut(&Arc<str>, Tensor<1>, &Tensor<1>) -> Tensor<1>) -> Self {
        let mut lookup = Lookup::new(other);
        let update = |(name, value): (Arc<str>, Tensor<1>)| {
            let value = match lookup.get(&name) {
                Some(other) => rule(&name, value, other),
                None => value,
            };
            (name, value)
        };
        Self { entries: self.entries.into_iter().map(update).collect() }
    }

    /// `self` with the values of `update` in place of its own where `update` has one.
    #[must_use]
    pub fn updated(&self, update: &Self) -> Self {
        let mut lookup = Lookup::new(update);
        let merge = |(name, value): &(Arc<str>, Tensor<1>)| (name.clone(), lookup.get(name).unwrap_or(value).clone());
        Self { entries: self.entries.iter().map(merge).collect() }
    }

    /// Keeps the parameters whose name passes `keep`.
    #[must_use]
    pub fn filter(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.entries.retain(|(name, _)| keep(name));
        self
    }

    /// `rate * self + (1 - rate) * other`, WiSE-FT interpolation (Wortsman et al. 2022, arXiv 2109.01903, eq. 1).
    #[must_use]
    pub fn interpolate(&self, other: &Self, rate: f64) -> Self {
        self.zip(other, |a, b| clf_kernels::blend(a, rate, b, 1.0 - rate))
    }

    /// Sum over all values, `[1]`; `None` when empty.
    pub fn sum(&self) -> Option<Tensor<1>> {
        let sums: Vec<_> = self.entries.iter().map(|(_, value)| value.clone().sum()).collect();
        (!sums.is_empty()).then(|| Tensor::cat(sums, 0).sum())
    }

    /// Sum of squares over all values, `[1]`; `None` when empty.
    pub fn sum_of_squares(&self) -> Option<Tensor<1>> {
        let mut squares = Squares::default();
        self.entries.iter().for_each(|(_, value)| squares.add(value));
        squares.total()
    }

    /// Copies to host memory in OpenAI names and layouts.
    pub fn to_state_dict(&self, config: &ClipConfig) -> StateDict {
        let slots: BTreeMap<String, Slot> = slots(config).into_iter().map(|slot| (slot.name.clone(), slot)).collect();
        let tensors = self.entries.iter().filter_map(|(name, value)| {
            let slot = slots.get(&**name)?;
            let data = value.to_data().iter::<f32>().collect();
            Some((name.to_string(), slot.file_tensor(data)))
        });
        StateDict { tensors: tensors.collect(), metadata: config_metadata(config) }
    }

    /// Moves host weights in OpenAI names and layouts onto `device`.
    ///
    /// # Errors
    ///
    /// When keys are missing, unexpected or of another shape; the error lists them.
    pub fn from_state_dict(dict: &StateDict, config: &ClipConfig, device: &Device) -> Result<Self, StateDictError> {
        check_keys(dict, &Self::layout_of(config))?;
        let device = device.clone().without_autodiff();
        let load = |slot: Slot| {
            let value = slot.module_values(&dict.tensors[&slot.name]);
            let length = value.len();
            (Arc::from(slot.name.as_str()), Tensor::from_data(TensorData::new(value, [length]), &device))
        };
        Ok(Self { entries: slots(config).into_iter().map(load).collect() })
    }

    /// OpenAI names and shapes of all weights, in model order.
    pub(crate) fn layout_of(config: &ClipConfig) -> Vec<(String, Vec<usize>)> {
        slots(config).into_iter().map(|slot| (slot.name, slot.file_shape)).collect()
    }
}

/// Finds values by name; asked in model order, as nearly always, it goes through them once.
#[derive(Debug, Clone)]
pub struct Lookup<'a> {
    all: &'a Weights,
    next: usize,
}

impl<'a> Lookup<'a> {
    /// Begins at the first value of `all`.
    pub fn new(all: &'a Weights) -> Self {
        Self { all, next: 0 }
    }

    /// The value of parameter `name`.
    pub fn get(&mut self, name: &str) -> Option<&'a Tensor<1>> {
        let ahead = self.all.entries.get(self.next).filter(|(key, _)| &**key == name);
        self.next += usize::from(ahead.is_some());
        ahead.map_or_else(|| self.all.get(name), |(_, value)| Some(value))
    }
}

impl FromIterator<(Arc<str>, Tensor<1>)> for Weights {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Tensor<1>)>>(entries: I) -> Self {
        Self { entries: entries.into_iter().collect() }
    }
}

impl Clip {
    /// A model with the weights of `dict` on `device`, in OpenAI names and layouts.
    ///
    /// # Errors
    ///
    /// When keys are missing, unexpected or of another shape; the error lists them.
    pub fn from_state_dict(dict: &StateDict, config: &ClipConfig, device: &Device) -> Result<Self, StateDictError> {
        Ok(Weights::from_state_dict(dict, config, device)?.load_into(config.init(device)))
    }

    /// The model on the autodiff device; parameters whose name passes `trains` collect gradients, the others do not.
    #[must_use]
    pub fn for_training(self, trains: impl Fn(&str) -> bool) -> Self {
        self.map(&mut Track { at: Path::default(), trains })
    }

    /// The weights in host memory, in OpenAI names and layouts, with the configuration as metadata.
    pub fn to_state_dict(&self) -> StateDict {
        Weights::of(self).to_state_dict(self.config())
    }
}

/// Metadata key under which clf stores the configuration in a weights file.
pub(crate) const CONFIG_KEY: &str = "clf.config";

impl ClipConfig {
    /// Notes this configuration in `dict`, so that files written from it say which model they make.
    pub fn record(&self, dict: &mut StateDict) {
        dict.metadata.extend(config_metadata(self));
    }

    /// Whether `dict` says itself which model it makes.
    pub fn is_recorded(dict: &StateDict) -> bool {
        dict.metadata.contains_key(CONFIG_KEY)
    }
}

fn config_metadata(config: &ClipConfig) -> BTreeMap<String, String> {
    serde_json::to_string(config).map(|json| BTreeMap::from([(CONFIG_KEY.to_owned(), json)])).unwrap_or_default()
}

/// How one parameter lies in the module and in the file.
struct Slot {
    name: String,
    file_shape: Vec<usize>,
    /// Rows and columns in the module, when the file holds the transpose.
    transposed: Option<[usize; 2]>,
}

impl Slot {
    fn file_tensor(&self, data: Vec<f32>) -> HostTensor {
        let data = match self.transposed {
            Some([rows, columns]) => transpose(&data, rows, columns),
            None => data,
        };
        HostTensor { shape: self.file_shape.clone(), data }
    }

    fn module_values(&self, tensor: &HostTensor) -> Vec<f32> {
        self.transposed.map_or_else(|| tensor.data.clone(), |[rows, columns]| transpose(&tensor.data, columns, rows))
    }
}

/// # Shapes
///
/// - `data`: `[rows, columns]`, row-major
/// - output: `[columns, rows]`
fn transpose(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..data.len()).map(|i| data[(i % rows) * columns + i / rows]).collect()
}

fn slots(config: &ClipConfig) -> Vec<Slot> {
    let mut visitor = Slots { at: Path::default(), patch: config.vision.patch_size, found: Vec::new() };
    // Parameters are created lazily, so this allocates nothing.
    config.init(&Device::flex()).visit(&mut visitor);
    visitor.found
}

/// The place in the module tree, and what OpenAI calls it.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn name(&self) -> String {
        let path = self.0.join(".");
        let path = path.strip_prefix("text.").unwrap_or(&path);
        path.replace(".gamma", ".weight").replace(".beta", ".bias").replace("in_proj.", "in_proj_")
    }
}

/// The linear layers, whose matrices are `[input, output]` in the module and `[output, input]` in the file.
fn is_linear_weight(name: &str) -> bool {
    ["in_proj_weight", "out_proj.weight", "c_fc.weight", "c_proj.weight"].iter().any(|end| name.ends_with(end))
}

struct Slots {
    at: Path,
    patch: usize,
    found: Vec<Slot>,
}

impl ModuleVisitor for Slots {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.at.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.at.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.at.name();
        let shape = param.lazy_shape().to_vec();
        let (file_shape, transposed) = match shape.as_slice() {
            [_] if name == "logit_scale" => (vec![], None),
            [rows, columns] if name == "visual.conv1.weight" => {
                (vec![*columns, 3, self.patch, self.patch], Some([*rows, *columns]))
            }
            [rows, columns] if is_linear_weight(&name) => (vec![*columns, *rows], Some([*rows, *columns])),
            other => (other.to_vec(), None),
        };
        self.found.push(Slot { name, file_shape, transposed });
    }
}

struct Collect<'a> {
    at: Path,
    gradients: Option<&'a mut Gradients>,
    entries: Vec<(Arc<str>, Tensor<1>)>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.at.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.at.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = match &mut self.gradients {
            None => Some(param.val().inner()),
            Some(gradients) => param.val().grad_remove(gradients),
        };
        if let Some(value) = value {
            let length = value.shape().num_elements();
            self.entries.push((Arc::from(self.at.name()), value.reshape([length])));
        }
    }
}

struct Track<F> {
    at: Path,
    trains: F,
}

impl<F: Fn(&str) -> bool> ModuleMapper for Track<F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.at.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.at.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let trained = (self.trains)(&self.at.name());
        param.map(|value| value.autodiff().set_require_grad(trained))
    }
}

struct Assign {
    at: Path,
    values: BTreeMap<Arc<str>, Tensor<1>>,
}

impl ModuleMapper for Assign {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.at.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.at.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(value) = self.values.remove(self.at.name().as_str()) else { return param };
        param.map(|old| {
            let value = value.reshape(old.shape());
            if old.is_autodiff() { value.autodiff().set_require_grad(old.is_require_grad()) } else { value }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::ClipConfig, init::random_weights};

    #[test]
    fn weights_survive_the_way_to_the_device_and_back() {
        let config = ClipConfig::mini();
        let dict = random_weights(&config, 3);
        let model = Clip::from_state_dict(&dict, &config, &Device::flex()).unwrap();
        assert_eq!(model.to_state_dict().tensors, dict.tensors);
    }

    #[test]
    fn a_transposed_matrix_has_its_columns_as_rows() {
        assert_eq!(transpose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn openai_names_and_shapes_come_from_the_module() {
        let keys: BTreeMap<_, _> = ClipConfig::vit_b_16().expected_keys().into_iter().collect();
        assert_eq!(keys.len(), 302);
        assert_eq!(keys["visual.conv1.weight"], [768, 3, 16, 16]);
        assert_eq!(keys["visual.transformer.resblocks.11.attn.in_proj_weight"], [2304, 768]);
        assert_eq!(keys["transformer.resblocks.0.mlp.c_fc.weight"], [2048, 512]);
        assert_eq!(keys["token_embedding.weight"], [49408, 512]);
        assert_eq!(keys["text_projection"], [512, 512]);
        assert_eq!(keys["ln_final.bias"], [512]);
        assert_eq!(keys["logit_scale"], [0; 0]);
    }

    #[test]
    fn interpolation_keeps_the_end_points() {
        let config = ClipConfig::mini();
        let weights =
            |seed| Weights::from_state_dict(&random_weights(&config, seed), &config, &Device::flex()).unwrap();
        let (a, b) = (weights(1), weights(2));
        let distance = |x: &Weights, y: &Weights| {
            x.zip(y, |p, q| p.clone() - q.clone()).sum_of_squares().unwrap().into_scalar::<f32>()
        };
        assert_eq!(distance(&a.interpolate(&b, 1.0), &a), 0.0);
        assert_eq!(distance(&a.interpolate(&b, 0.0), &b), 0.0);
        assert!(distance(&a, &b) > 1.0);
    }
}
