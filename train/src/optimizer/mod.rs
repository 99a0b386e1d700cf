//! How parameters follow their gradients, by the names of Keras.

mod adam;
mod muon;
mod pass;
mod rms_prop;
mod sgd;

use std::fmt::Debug;

use burn::tensor::Tensor;

use crate::parameter::Spec;
use crate::schedule::Schedule;
use crate::{Error, Result};

pub use adam::{Adam, AdamW};
pub use muon::Muon;
pub use rms_prop::RmsProp;
pub use sgd::Sgd;

/// A rule for one parameter at a time. It keeps no numbers itself: those lie in `slots`, which the model saves.
pub trait Optimizer: Debug + Send {
    /// As Keras names it: `SGD`.
    fn name(&self) -> &'static str;

    fn settings(&self) -> &Settings;

    /// The parameter's new value. `slots` is empty at the first step and belongs to this parameter alone.
    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, slots: &mut Vec<Tensor<1>>, step: &Step) -> Tensor<1>;
}

/// What every optimizer knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub learning_rate: Schedule,
    /// Each parameter's gradient is scaled down to this norm.
    pub clipnorm: Option<f32>,
    /// Each number of a gradient is held within ± this.
    pub clipvalue: Option<f32>,
    /// All gradients together are scaled down to this norm.
    pub global_clipnorm: Option<f32>,
    /// Decoupled: weights shrink by `learning_rate · weight_decay` a step (Loshchilov and Hutter 2019). Vectors (biases,
    /// gamma, beta) are spared.
    pub weight_decay: Option<f32>,
}

impl Settings {
    pub fn new(learning_rate: Schedule) -> Self {
        Settings { learning_rate, clipnorm: None, clipvalue: None, global_clipnorm: None, weight_decay: None }
    }
}

/// One step of one parameter.
#[derive(Debug)]
pub struct Step<'a> {
    /// Learning rate of this step.
    pub rate: f32,
    /// Counted from 1.
    pub number: usize,
    pub spec: &'a Spec,
}

/// The settings that all optimizers share, as methods.
macro_rules! settings {
    () => {
        pub fn clipnorm(mut self, norm: f32) -> Self {
            self.settings.clipnorm = Some(norm);
            self
        }

        pub fn clipvalue(mut self, value: f32) -> Self {
            self.settings.clipvalue = Some(value);
            self
        }

        pub fn global_clipnorm(mut self, norm: f32) -> Self {
            self.settings.global_clipnorm = Some(norm);
            self
        }

        pub fn weight_decay(mut self, decay: f32) -> Self {
            self.settings.weight_decay = Some(decay);
            self
        }
    };
}
use settings;

/// Applies a step to one parameter: clipping, decay, the rule.
pub fn apply(
    optimizer: &dyn Optimizer,
    value: Tensor<1>,
    gradient: Tensor<1>,
    slots: &mut Vec<Tensor<1>>,
    step: &Step,
) -> Tensor<1> {
    let settings = optimizer.settings();
    let gradient = match (settings.clipnorm, settings.clipvalue) {
        (Some(norm), _) => {
            let length = gradient.clone().mul(gradient.clone()).sum().sqrt();
            gradient * shortening(length, norm)
        }
        (None, Some(limit)) => gradient.clamp(-limit, limit),
        (None, None) => gradient,
    };
    let value = match settings.weight_decay {
        Some(decay) if step.spec.shape.len() > 1 => value.mul_scalar(1.0 - step.rate * decay),
        _ => value,
    };
    optimizer.update(value, gradient, slots, step)
}

/// What brings a gradient of this length down to the limit.
pub(crate) fn shortening(length: Tensor<1>, limit: f32) -> Tensor<1> {
    length.clamp_min(limit).recip().mul_scalar(limit)
}

/// The slot of this number, nothing at the first step. It is taken out, so that it can be changed where it lies.
fn take(slots: &mut [Tensor<1>], place: usize, like: &Tensor<1>) -> Tensor<1> {
    slots.get_mut(place).map_or_else(|| like.zeros_like(), |slot| slot.extract())
}

/// By Keras' name, with Keras' defaults.
pub fn by_name(name: &str) -> Result<Box<dyn Optimizer>> {
    Ok(match name {
        "sgd" => Box::new(Sgd::default()),
        "rmsprop" => Box::new(RmsProp::default()),
        "adam" => Box::new(Adam::default()),
        "adamw" => Box::new(AdamW::default()),
        "muon" => Box::new(Muon::default()),
        other => return Err(Error::Model(format!("no optimizer {other}: sgd, rmsprop, adam, adamw, muon"))),
    })
}

impl Optimizer for Box<dyn Optimizer> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn settings(&self) -> &Settings {
        (**self).settings()
    }

    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, slots: &mut Vec<Tensor<1>>, step: &Step) -> Tensor<1> {
        (**self).update(value, gradient, slots, step)
    }
}
