use clf_clip::Weights;

use super::settings::TrainSettings;

/// `AdamW` with decoupled weight decay (Loshchilov and Hutter 2019), in the form and order of `PyTorch`.
///
/// `w -= lr wd w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps)`.
/// Parameters without a gradient are left alone.
#[derive(Debug, Clone)]
pub struct AdamW {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    steps: i32,
    first: Weights,
    second: Weights,
}

impl AdamW {
    /// An optimizer that has seen nothing.
    pub fn new(settings: &TrainSettings) -> Self {
        Self {
            beta1: settings.beta1,
            beta2: settings.beta2,
            epsilon: settings.epsilon,
            weight_decay: settings.weight_decay,
            steps: 0,
            first: Weights::default(),
            second: Weights::default(),
        }
    }

    /// The weights after one step with learning rate `lr`.
    #[must_use]
    pub fn step(&mut self, weights: &Weights, gradients: &Weights, lr: f64) -> Weights {
        let (b1, b2) = (self.beta1, self.beta2);
        if self.steps == 0 {
            self.first = gradients.map(|gradient| gradient.zeros_like());
            self.second = self.first.clone();
        }
        self.steps += 1;
        self.first = self.first.zip(gradients, |mean, gradient| mean.clone() * b1 + gradient.clone() * (1.0 - b1));
        self.second =
            self.second.zip(gradients, |mean, gradient| mean.clone() * b2 + gradient.clone().square() * (1.0 - b2));

        let rate = lr / (1.0 - b1.powi(self.steps));
        let correction = (1.0 - b2.powi(self.steps)).sqrt();
        let moves = self.first.zip(&self.second, |first, second| {
            first.clone() * rate / (second.clone().sqrt() / correction + self.epsilon)
        });
        let stepped = weights.zip(&moves, |weight, step| {
            let weight = weight.clone();
            let decayed = if self.weight_decay == 0.0 { weight } else { weight * (1.0 - lr * self.weight_decay) };
            decayed - step.clone()
        });
        weights.updated(&stepped)
    }
}
