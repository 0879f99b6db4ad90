use std::{collections::BTreeMap, sync::Arc};

use burn::tensor::Tensor;
use clf_clip::{
    Weights,
    kernels::{AdamWState, AdamWStep},
};

use super::settings::TrainSettings;

/// `AdamW` with decoupled weight decay (Loshchilov and Hutter 2019), in the form and order of `PyTorch`.
///
/// `w -= lr wd w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps)`.
/// Parameters without a gradient in a step are left alone, and keep their moments.
#[derive(Debug, Clone)]
pub struct AdamW {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    decays: fn(&str) -> bool,
    steps: i32,
    moments: BTreeMap<Arc<str>, Moments>,
}

#[derive(Debug, Clone)]
struct Moments {
    first: Tensor<1>,
    second: Tensor<1>,
}

/// What an optimizer has gathered.
#[derive(Debug, Clone, Default)]
pub struct AdamWMoments {
    /// Steps so far.
    pub steps: i32,
    /// First moments of the parameters that had a gradient.
    pub first: Weights,
    /// Their second moments.
    pub second: Weights,
}

impl AdamW {
    /// An optimizer that has seen nothing.
    pub fn new(settings: &TrainSettings) -> Self {
        Self {
            beta1: settings.beta1,
            beta2: settings.beta2,
            epsilon: settings.epsilon,
            weight_decay: settings.weight_decay,
            decays: |_| true,
            steps: 0,
            moments: BTreeMap::new(),
        }
    }

    /// Limits weight decay to the parameters whose name passes `decays`.
    #[must_use]
    pub fn with_decay_of(self, decays: fn(&str) -> bool) -> Self {
        Self { decays, ..self }
    }

    /// What it has gathered so far.
    pub fn moments(&self) -> AdamWMoments {
        let of = |moment: fn(&Moments) -> &Tensor<1>| {
            self.moments.iter().map(|(name, moments)| (name.clone(), moment(moments).clone())).collect()
        };
        AdamWMoments { steps: self.steps, first: of(|moments| &moments.first), second: of(|moments| &moments.second) }
    }

    /// The optimizer as it was when it had gathered `moments`.
    #[must_use]
    pub fn with_moments(self, moments: &AdamWMoments) -> Self {
        let AdamWMoments { steps, first, second } = moments;
        let both = first.iter().zip(second.iter());
        let moments = both.map(|((name, first), (_, second))| {
            (name.clone(), Moments { first: first.clone(), second: second.clone() })
        });
        Self { steps: *steps, moments: moments.collect(), ..self }
    }

    /// The weights after one step with learning rate `lr`; written in place where nobody else holds them.
    #[must_use]
    pub fn step(&mut self, weights: Weights, gradients: &Weights, lr: f64) -> Weights {
        self.steps += 1;
        let step = AdamWStep {
            shrink: 1.0,
            beta1: self.beta1,
            beta2: self.beta2,
            rate: lr / (1.0 - self.beta1.powi(self.steps)),
            correction: (1.0 - self.beta2.powi(self.steps)).sqrt(),
            epsilon: self.epsilon,
        };
        weights.update(gradients, |name, weight, gradient| {
            let shrink = if (self.decays)(name) { 1.0 - lr * self.weight_decay } else { 1.0 };
            let Moments { first, second } = self.moments.remove(name).unwrap_or_else(|| {
                let zero = || weight.zeros_like();
                Moments { first: zero(), second: zero() }
            });
            let state = AdamWState { weight, first, second };
            let AdamWState { weight, first, second } = AdamWStep { shrink, ..step }.apply(state, gradient.clone());
            self.moments.insert(name.clone(), Moments { first, second });
            weight
        })
    }
}

#[cfg(test)]
mod tests {
    use clf_clip::{ClipConfig, burn::tensor::Device, random_weights};

    use super::*;

    fn weights(value: impl Fn(&str) -> f32) -> Weights {
        let config = ClipConfig::mini();
        let mut dict = random_weights(&config, 0);
        for (name, tensor) in &mut dict.tensors {
            tensor.data.fill(value(name));
        }
        Weights::from_state_dict(&dict, &config, &Device::flex()).unwrap()
    }

    fn first(weights: &Weights, name: &str) -> f32 {
        weights.get(name).unwrap().to_data().as_slice::<f32>().unwrap()[0]
    }

    #[test]
    fn two_steps_equal_values_computed_by_hand() {
        let settings = TrainSettings {
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 0.0,
            weight_decay: 0.5,
            ..TrainSettings::of_pretraining()
        };
        let mut optimizer = AdamW::new(&settings);
        let start = weights(|_| 1.0);
        // The first step moves by lr whatever the gradient: 1 * (1 - 0.1 * 0.5) - 0.1 = 0.85.
        let once = optimizer.step(start, &weights(|_| 3.0), 0.1);
        assert!((first(&once, "visual.proj") - 0.85).abs() < 1e-6);
        // m = 0.9 * 0.3 - 0.1 = 0.17, v = 0.99 * 0.09 + 0.01 = 0.0991; corrections 0.19 and 0.0199.
        let step = 0.1 * (0.17 / 0.19) / (0.0991_f64 / 0.0199).sqrt();
        let twice = optimizer.step(once.clone(), &weights(|_| -1.0), 0.1);
        assert!((f64::from(first(&twice, "visual.proj")) - (0.85 * 0.95 - step)).abs() < 1e-6);
    }

    #[test]
    fn an_optimizer_goes_on_from_its_moments_to_the_last_bit() {
        let settings = TrainSettings { weight_decay: 0.5, ..TrainSettings::of_pretraining() };
        let mut optimizer = AdamW::new(&settings);
        let once = optimizer.step(weights(|_| 1.0), &weights(|_| 3.0), 0.1);
        let mut other = AdamW::new(&settings).with_moments(&optimizer.moments());
        let [left, right] = [&mut optimizer, &mut other].map(|it| it.step(once.clone(), &weights(|_| 2.0), 0.1));
        assert_eq!(first(&left, "visual.proj").to_bits(), first(&right, "visual.proj").to_bits());
        assert_ne!(first(&left, "visual.proj"), first(&once, "visual.proj"));
    }

    #[test]
    fn parameters_without_a_gradient_are_left_alone() {
        let settings = TrainSettings { weight_decay: 0.5, ..TrainSettings::of_pretraining() };
        let gradients = weights(|_| 1.0).filter(|name| name.starts_with("visual."));
        let stepped = AdamW::new(&settings).step(weights(|_| 1.0), &gradients, 0.1);
        assert_eq!(first(&stepped, "text_projection"), 1.0);
        assert!(first(&stepped, "visual.proj") < 1.0);
    }

    #[test]
    fn decay_can_be_limited_by_name() {
        let settings = TrainSettings { weight_decay: 0.5, ..TrainSettings::of_pretraining() };
        let mut optimizer = AdamW::new(&settings).with_decay_of(|name| name == "visual.proj");
        let stepped = optimizer.step(weights(|_| 1.0), &weights(|_| 0.0), 0.1);
        assert_eq!(first(&stepped, "text_projection"), 1.0);
        assert!((first(&stepped, "visual.proj") - 0.95).abs() < 1e-6);
    }
}
