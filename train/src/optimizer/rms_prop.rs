//! RMSprop (Hinton 2012, lecture 6).

use burn::tensor::Tensor;

use super::{Optimizer, Settings, Step, take};
use crate::schedule::Schedule;

/// Keras' RMSprop: gradients over the root of their mean square, the mean fading by `rho`; `centered` subtracts the square of
/// their mean.
#[derive(Debug, Clone)]
pub struct RmsProp {
    settings: Settings,
    rho: f32,
    momentum: f32,
    epsilon: f32,
    centered: bool,
}

impl RmsProp {
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        let settings = Settings::new(learning_rate.into());
        RmsProp { settings, rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }

    pub fn rho(mut self, rho: f32) -> Self {
        self.rho = rho;
        self
    }

    pub fn momentum(mut self, momentum: f32) -> Self {
        self.momentum = momentum;
        self
    }

    pub fn epsilon(mut self, epsilon: f32) -> Self {
        self.epsilon = epsilon;
        self
    }

    pub fn centered(mut self, centered: bool) -> Self {
        self.centered = centered;
        self
    }

    super::settings!();
}

impl Optimizer for RmsProp {
    fn name(&self) -> &'static str {
        "RMSprop"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, slots: &mut Vec<Tensor<1>>, step: &Step) -> Tensor<1> {
        let fade = |old: Tensor<1>, new: Tensor<1>| old.mul_scalar(self.rho) + new.mul_scalar(1.0 - self.rho);
        let square = fade(take(slots, 0, &value), gradient.clone().mul(gradient.clone()));
        let mean = fade(take(slots, 1, &value), gradient.clone());
        let spread = if self.centered { square.clone() - mean.clone().mul(mean.clone()) } else { square.clone() };
        let increment = gradient.mul_scalar(step.rate) / spread.add_scalar(self.epsilon).sqrt();
        let velocity = take(slots, 2, &value).mul_scalar(self.momentum) + increment;
        *slots = vec![square, mean, velocity.clone()];
        value - velocity
    }
}
