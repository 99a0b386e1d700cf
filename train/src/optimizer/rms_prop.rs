//! RMSprop (Hinton 2012, lecture 6).

use burn::tensor::Tensor;

use super::{Optimizer, Settings, Step, take};
use crate::schedule::Schedule;

/// Keras' RMSprop: gradients over the root of their mean square, the mean fading by `rho`; `centered` subtracts the square of
/// their mean.
#[derive(Debug, Clone)]
pub struct RmsProp {
    settings: Settings,
    rho: f64,
    momentum: f32,
    epsilon: f32,
    centered: bool,
}

impl RmsProp {
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        let settings = Settings::new(learning_rate.into());
        RmsProp { settings, rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }

    pub fn rho(mut self, rho: f64) -> Self {
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

impl Default for RmsProp {
    fn default() -> Self {
        RmsProp::new(0.001)
    }
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
        // Kept only where they are needed: the mean square, the mean where centred, the momentum.
        let mut kept = vec![fade(take(slots, 0, &value), gradient.clone().mul(gradient.clone()))];
        let mut spread = kept[0].clone();
        if self.centered {
            let mean = fade(take(slots, 1, &value), gradient.clone());
            spread = spread - mean.clone().mul(mean.clone());
            kept.push(mean);
        }
        let mut move_ = gradient.mul_scalar(step.rate) / spread.add_scalar(self.epsilon).sqrt();
        if self.momentum > 0.0 {
            move_ = take(slots, kept.len(), &value).mul_scalar(self.momentum) + move_;
            kept.push(move_.clone());
        }
        *slots = kept;
        value - move_
    }
}
