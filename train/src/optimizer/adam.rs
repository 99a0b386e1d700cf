//! Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019).

use burn::tensor::Tensor;

use super::{Optimizer, Settings, Step, take};
use crate::schedule::Schedule;

/// Keras' Adam: beta_1 0.9, beta_2 0.999, epsilon 1e-7.
#[derive(Debug, Clone)]
pub struct Adam {
    pub(super) settings: Settings,
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
}

/// Adam with decoupled weight decay; Keras' default is 0.004.
#[derive(Debug, Clone)]
pub struct AdamW(Adam);

impl Adam {
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        Adam { settings: Settings::new(learning_rate.into()), beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    pub fn betas(mut self, beta_1: f32, beta_2: f32) -> Self {
        (self.beta_1, self.beta_2) = (beta_1, beta_2);
        self
    }

    pub fn epsilon(mut self, epsilon: f32) -> Self {
        self.epsilon = epsilon;
        self
    }

    super::settings!();
}

impl AdamW {
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        AdamW(Adam::new(learning_rate).weight_decay(0.004))
    }

    pub fn betas(self, beta_1: f32, beta_2: f32) -> Self {
        AdamW(self.0.betas(beta_1, beta_2))
    }

    pub fn epsilon(self, epsilon: f32) -> Self {
        AdamW(self.0.epsilon(epsilon))
    }

    pub fn weight_decay(self, decay: f32) -> Self {
        AdamW(self.0.weight_decay(decay))
    }

    pub fn global_clipnorm(self, norm: f32) -> Self {
        AdamW(self.0.global_clipnorm(norm))
    }
}

impl Optimizer for Adam {
    fn name(&self) -> &'static str {
        "Adam"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, slots: &mut Vec<Tensor<1>>, step: &Step) -> Tensor<1> {
        let fade = |old: Tensor<1>, new: Tensor<1>, beta: f32| old.mul_scalar(beta) + new.mul_scalar(1.0 - beta);
        let mean = fade(take(slots, 0, &value), gradient.clone(), self.beta_1);
        let square = fade(take(slots, 1, &value), gradient.clone().mul(gradient), self.beta_2);
        *slots = vec![mean.clone(), square.clone()];
        let number = step.number as i32;
        // As a factor of the rate, so that epsilon stands beside the uncorrected root, as in Keras.
        let rate = step.rate * (1.0 - self.beta_2.powi(number)).sqrt() / (1.0 - self.beta_1.powi(number));
        value - mean.mul_scalar(rate) / square.sqrt().add_scalar(self.epsilon)
    }
}

impl Optimizer for AdamW {
    fn name(&self) -> &'static str {
        "AdamW"
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, slots: &mut Vec<Tensor<1>>, step: &Step) -> Tensor<1> {
        self.0.update(value, gradient, slots, step)
    }
}
