//! Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019).

use burn::tensor::Tensor;

use super::pass::one_pass;
use super::{Optimizer, Settings, Step, take};
use crate::schedule::Schedule;

/// Keras' Adam: beta_1 0.9, beta_2 0.999, epsilon 1e-7.
#[derive(Debug, Clone)]
pub struct Adam {
    pub(super) settings: Settings,
    beta_1: f64,
    beta_2: f64,
    epsilon: f32,
    amsgrad: bool,
}

/// Adam with decoupled weight decay; Keras' default is 0.004.
#[derive(Debug, Clone)]
pub struct AdamW(Adam);

impl Adam {
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        Adam {
            settings: Settings::new(learning_rate.into()),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            amsgrad: false,
        }
    }

    pub fn betas(mut self, beta_1: f64, beta_2: f64) -> Self {
        (self.beta_1, self.beta_2) = (beta_1, beta_2);
        self
    }

    pub fn epsilon(mut self, epsilon: f32) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Divides by the largest mean square so far (Reddi et al. 2018).
    pub fn amsgrad(mut self, amsgrad: bool) -> Self {
        self.amsgrad = amsgrad;
        self
    }

    super::settings!();
}

impl Default for Adam {
    fn default() -> Self {
        Adam::new(0.001)
    }
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW::new(0.001)
    }
}

impl AdamW {
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        AdamW(Adam::new(learning_rate).weight_decay(0.004))
    }

    pub fn betas(self, beta_1: f64, beta_2: f64) -> Self {
        AdamW(self.0.betas(beta_1, beta_2))
    }

    pub fn epsilon(self, epsilon: f32) -> Self {
        AdamW(self.0.epsilon(epsilon))
    }

    pub fn weight_decay(self, decay: f32) -> Self {
        AdamW(self.0.weight_decay(decay))
    }

    pub fn amsgrad(self, amsgrad: bool) -> Self {
        AdamW(self.0.amsgrad(amsgrad))
    }

    pub fn clipnorm(self, norm: f32) -> Self {
        AdamW(self.0.clipnorm(norm))
    }

    pub fn clipvalue(self, value: f32) -> Self {
        AdamW(self.0.clipvalue(value))
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
        let number = step.number as f64;
        // As a factor of the rate, so that epsilon stands beside the uncorrected root, as in Keras.
        let rate = f64::from(step.rate) * (1.0 - self.beta_2.powf(number)).sqrt() / (1.0 - self.beta_1.powf(number));
        let (value, gradient) = match self.in_one_pass(value, gradient, slots, rate) {
            Ok(done) => return done,
            Err(back) => back,
        };
        let fade = |old: Tensor<1>, new: Tensor<1>, beta: f64| old.mul_scalar(beta) + new.mul_scalar(1.0 - beta);
        let mean = fade(take(slots, 0, &value), gradient.clone(), self.beta_1);
        let square = fade(take(slots, 1, &value), gradient.clone().mul(gradient), self.beta_2);
        let mut kept = vec![mean.clone(), square.clone()];
        let mut divisor = square;
        if self.amsgrad {
            divisor = take(slots, 2, &value).max_pair(divisor);
            kept.push(divisor.clone());
        }
        *slots = kept;
        value - mean.mul_scalar(rate) / divisor.sqrt().add_scalar(self.epsilon)
    }
}

impl Adam {
    /// The same on a processor.
    #[expect(clippy::result_large_err, reason = "what could not be used comes back, and is used otherwise")]
    fn in_one_pass(
        &self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut Vec<Tensor<1>>,
        rate: f64,
    ) -> Result<Tensor<1>, (Tensor<1>, Tensor<1>)> {
        let both = |beta: f64| (beta as f32, (1.0 - beta) as f32);
        let ((keep_1, take_1), (keep_2, take_2)) = (both(self.beta_1), both(self.beta_2));
        let (rate, epsilon) = (rate as f32, self.epsilon);
        let moments = move |g: f32, m: f32, v: f32| (m * keep_1 + g * take_1, v * keep_2 + g * g * take_2);
        match self.amsgrad {
            false => one_pass(value, gradient, slots, |w, g, [m, v]| {
                let (m, v) = moments(g, m, v);
                (w - m * rate / (v.sqrt() + epsilon), [m, v])
            }),
            true => one_pass(value, gradient, slots, |w, g, [m, v, top]| {
                let (m, v) = moments(g, m, v);
                let top = top.max(v);
                (w - m * rate / (top.sqrt() + epsilon), [m, v, top])
            }),
        }
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
