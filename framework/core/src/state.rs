//! What a method or hook carries from step to step and from task to task.

use std::{collections::BTreeMap, sync::Arc};

use burn::tensor::{Device, Tensor, TensorData};
use clf_clip::{HostTensor, Weights};
use serde::{Serialize, de::DeserializeOwned};

use crate::{error::Error, task::Task};

/// Everything about a method or hook that its settings and the start of the current task do not determine.
///
/// A run continues from a state by building the method anew, calling `begin_task` and then `load`. What `begin_task`
/// computes therefore need not be saved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Tensors by name.
    pub tensors: BTreeMap<String, HostTensor>,
    /// Everything else, by name.
    pub values: BTreeMap<String, serde_json::Value>,
}

/// What a state is loaded into: the tasks whose data may be touched again.
pub struct Past<'a> {
    /// The tasks so far, the current one included.
    pub tasks: &'a [Task],
    /// Where tensors live, without autodiff.
    pub device: &'a Device,
}

impl State {
    /// Adds a value per parameter under `name`.
    #[must_use]
    pub fn with_weights(mut self, name: &str, weights: &Weights) -> Self {
        for (parameter, value) in weights.iter() {
            self.tensors.insert(format!("{name}/{parameter}"), host(value.clone()));
        }
        // The order of the parameters is that of the model, which a sorted map does not keep.
        let order: Vec<&str> = weights.iter().map(|(parameter, _)| &**parameter).collect();
        self.values.insert(name.to_owned(), order.into());
        self
    }

    /// Adds a tensor.
    #[must_use]
    pub fn with_tensor<const D: usize>(mut self, name: &str, tensor: Tensor<D>) -> Self {
        self.tensors.insert(name.to_owned(), host(tensor));
        self
    }

    /// Adds any other value.
    ///
    /// # Errors
    ///
    /// When the value has no JSON form.
    pub fn with_value(mut self, name: &str, value: &impl Serialize) -> Result<Self, Error> {
        let value = serde_json::to_value(value).map_err(|error| Error::Defect(format!("state {name}: {error}")))?;
        self.values.insert(name.to_owned(), value);
        Ok(self)
    }

    /// The values that were added as `name` with [`State::with_weights`].
    ///
    /// # Errors
    ///
    /// When they are not there.
    pub fn weights(&self, name: &str, device: &Device) -> Result<Weights, Error> {
        let order: Vec<String> = self.value(name)?;
        order.into_iter().map(|key| Ok((Arc::from(&*key), self.tensor(&format!("{name}/{key}"), device)?))).collect()
    }

    /// The tensor that was added as `name`.
    ///
    /// # Errors
    ///
    /// When it is not there or has another rank.
    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Result<Tensor<D>, Error> {
        let found = self.tensors.get(name).ok_or_else(|| missing(name))?;
        let shape: [usize; D] = found.shape.clone().try_into().map_err(|_| missing(name))?;
        Ok(Tensor::from_data(TensorData::new(found.data.clone(), shape), device))
    }

    /// The value that was added as `name`.
    ///
    /// # Errors
    ///
    /// When it is not there or of another type.
    pub fn value<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let found = self.values.get(name).ok_or_else(|| missing(name))?;
        serde_json::from_value(found.clone()).map_err(|error| Error::config(format!("state {name}"), error.to_string()))
    }
}

fn host<const D: usize>(tensor: Tensor<D>) -> HostTensor {
    HostTensor { shape: tensor.dims().to_vec(), data: tensor.into_data().iter::<f32>().collect() }
}

fn missing(name: &str) -> Error {
    Error::config(format!("state {name}"), "the saved state has no such entry; it was made by another version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_comes_back_in_its_order() {
        let device = Device::flex();
        let entry = |name: &str, value: f32| (Arc::from(name), Tensor::<1>::from_data([value, 0.1], &device));
        let weights: Weights = [entry("b", 1.5), entry("a", 2.5)].into_iter().collect();
        let matrix = Tensor::<2>::from_data([[1.0, 2.0, 3.0]], &device);
        let state = State::default().with_weights("mean", &weights).with_tensor("m", matrix);
        let state = state.with_value("count", &7).unwrap();
        let names: Vec<_> = state.weights("mean", &device).unwrap().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(state.tensor::<2>("m", &device).unwrap().dims(), [1, 3]);
        assert_eq!(state.value::<usize>("count").unwrap(), 7);
        assert!(state.tensor::<1>("nothing", &device).unwrap_err().to_string().contains("nothing"));
    }
}
