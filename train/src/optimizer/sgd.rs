//! Stochastic gradient descent.

use burn::tensor::Tensor;

use super::pass::one_pass;
use super::{Optimizer, Settings, Step, take};
use crate::schedule::Schedule;

/// Keras' SGD: `velocity = momentum · velocity − rate · gradient`, `w += velocity`; with `nesterov`, `w += momentum · velocity −
/// rate · gradient`.
#[derive(Debug, Clone)]
pub struct Sgd {
    pub(super) settings: Settings,
    momentum: f32,
    nesterov: bool,
}

impl Sgd {
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        Sgd { settings: Settings::new(learning_rate.into()), momentum: 0.0, nesterov: false }
    }

    pub fn momentum(mut self, momentum: f32) -> Self {
        self.momentum = momentum;
        self
    }

    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    super::settings!();
}

impl Default for Sgd {
    fn default() -> Self {
        Sgd::new(0.01)
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &'static str {
        "SGD"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, slots: &mut Vec<Tensor<1>>, step: &Step) -> Tensor<1> {
        let (rate, momentum, nesterov) = (step.rate, self.momentum, self.nesterov);
        let done = match momentum {
            0.0 => one_pass(value, gradient, slots, |w, g, []| (w - g * rate, [])),
            _ => one_pass(value, gradient, slots, |w, g, [v]| {
                let v = v * momentum - g * rate;
                (if nesterov { w + v * momentum - g * rate } else { w + v }, [v])
            }),
        };
        let (value, gradient) = match done {
            Ok(done) => return done,
            Err(back) => back,
        };
        let move_ = gradient.mul_scalar(rate);
        if momentum == 0.0 {
            return value - move_;
        }
        let velocity = take(slots, 0, &value).mul_scalar(momentum) - move_.clone();
        *slots = vec![velocity.clone()];
        if nesterov { value + velocity.mul_scalar(momentum) - move_ } else { value + velocity }
    }
}
