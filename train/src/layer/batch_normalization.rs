//! Batch normalisation.

use burn::tensor::Tensor;
use burn::tensor::module::{batch_norm, batch_norm_train};
use serde::{Deserialize, Serialize};

use super::{Context, Layer, only};
use crate::activation::Activation;
use crate::constraint::Constraint;
use crate::export::{Attribute, Scope};
use crate::initializer::Initializer;
use crate::kernel::{self, Gate};
use crate::map_value;
use crate::parameter::Spec;
use crate::regularizer::Regularizer;
use crate::shape::{self, Shape};
use crate::value::Value;

/// `gamma · (x − mean) / √(variance + epsilon) + beta` over each channel (Ioffe and Szegedy 2015, algorithm 1). Statistics
/// are the batch's while training, the moving ones afterwards or where the layer is frozen. Output: the input's shape.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BatchNormalization {
    /// The axis of the channels; the batch is axis 0, so that of a picture is 3 or -1.
    axis: i32,
    momentum: f32,
    epsilon: f32,
    center: bool,
    scale: bool,
    beta_initializer: Initializer,
    gamma_initializer: Initializer,
    moving_mean_initializer: Initializer,
    moving_variance_initializer: Initializer,
    beta_regularizer: Option<Regularizer>,
    gamma_regularizer: Option<Regularizer>,
    beta_constraint: Option<Constraint>,
    gamma_constraint: Option<Constraint>,
}

impl Default for BatchNormalization {
    fn default() -> Self {
        BatchNormalization {
            axis: -1,
            momentum: 0.99,
            epsilon: 0.001,
            center: true,
            scale: true,
            beta_initializer: Initializer::Zeros,
            gamma_initializer: Initializer::Ones,
            moving_mean_initializer: Initializer::Zeros,
            moving_variance_initializer: Initializer::Ones,
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
        }
    }
}

impl BatchNormalization {
    pub fn new() -> Self {
        Self::default()
    }

    super::arguments! {
        axis: i32, momentum: f32, epsilon: f32, center: bool, scale: bool, beta_initializer: Initializer,
        gamma_initializer: Initializer, moving_mean_initializer: Initializer, moving_variance_initializer: Initializer,
        beta_regularizer: Option<Regularizer>, gamma_regularizer: Option<Regularizer>,
        beta_constraint: Option<Constraint>, gamma_constraint: Option<Constraint>
    }

    /// The places of gamma and beta, then of the moving mean and variance.
    fn places(&self) -> (Option<usize>, Option<usize>, usize) {
        let gamma = self.scale.then_some(0);
        let beta = self.center.then_some(usize::from(self.scale));
        (gamma, beta, usize::from(self.scale) + usize::from(self.center))
    }
}

#[typetag::serde]
impl Layer for BatchNormalization {
    fn class(&self) -> &'static str {
        "BatchNormalization"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = shape::only(inputs)?;
        match self.axis {
            -1 => Ok(shape.clone()),
            axis if axis == shape.len() as i32 => Ok(shape.clone()),
            other => Err(format!("normalises axis {other}: only the last one, -1, is the channels'")),
        }
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<Spec> {
        let channels = [*inputs[0].last().expect("an input has an axis")];
        let mut specs = Vec::new();
        if self.scale {
            specs.push(
                Spec::new("gamma", channels, self.gamma_initializer)
                    .regularizer(self.gamma_regularizer)
                    .constraint(self.gamma_constraint),
            );
        }
        if self.center {
            specs.push(
                Spec::new("beta", channels, self.beta_initializer)
                    .regularizer(self.beta_regularizer)
                    .constraint(self.beta_constraint),
            );
        }
        specs.push(Spec::new("moving_mean", channels, self.moving_mean_initializer).counted());
        specs.push(Spec::new("moving_variance", channels, self.moving_variance_initializer).counted());
        specs
    }

    fn forward(&self, inputs: Vec<Value>, context: &mut Context) -> Value {
        let value = only(inputs);
        let (gamma, beta, moving) = self.places();
        let mean = context.parameter::<1>(moving);
        let variance = context.parameter::<1>(moving + 1);
        let gamma = gamma.map_or_else(|| variance.ones_like(), |place| context.parameter::<1>(place));
        let beta = beta.map_or_else(|| variance.zeros_like(), |place| context.parameter::<1>(place));
        let (epsilon, training, momentum) = (f64::from(self.epsilon), context.counts(), self.momentum);
        let mut counted = None;
        let mut run = Normalize { gamma, beta, mean, variance, epsilon, momentum, training, counted: &mut counted };
        let output = match value {
            // burn takes channels second; where they are last, everything before them is one batch.
            Value::Pictures(x) => {
                let gate = context.behind.and_then(Activation::gate);
                match run.by_kernel(&x, gate.unwrap_or(Gate::Linear)) {
                    Some(output) => {
                        if gate.is_some() {
                            context.behind = None;
                        }
                        Value::Pictures(output)
                    }
                    None => Value::Pictures(run.over(x)),
                }
            }
            other => map_value!(other, x => {
                let dims = x.dims();
                let channels = dims[dims.len() - 1];
                let rows = x.reshape([dims.iter().product::<usize>() / channels, channels]);
                run.over::<2>(rows).reshape(dims)
            }),
        };
        if let Some((mean, variance)) = counted {
            context.update(moving, mean);
            context.update(moving + 1, variance);
        }
        output
    }

    fn only_adding(&self, bias: &[f32], mean: &[f32], variance: &[f32]) -> Option<Vec<Vec<f32>>> {
        let gamma = variance.iter().map(|variance| (variance + self.epsilon).sqrt()).collect();
        let beta = bias.iter().zip(mean).map(|(bias, mean)| bias + mean).collect();
        (self.scale && self.center).then(|| vec![gamma, beta, mean.to_vec(), variance.to_vec()])
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let (gamma, beta, moving) = self.places();
        let channels = *scope.input_shape(0).last().expect("an input has an axis");
        let gamma = match gamma {
            Some(place) => scope.parameter(place),
            None => scope.vector("gamma", &vec![1.0; channels]),
        };
        let beta = match beta {
            Some(place) => scope.parameter(place),
            None => scope.vector("beta", &vec![0.0; channels]),
        };
        let inputs = [scope.input(0), gamma, beta, scope.parameter(moving), scope.parameter(moving + 1)];
        scope.channels_second(inputs, |scope, inputs| {
            scope.node("BatchNormalization", &inputs, &[("epsilon", Attribute::Float(self.epsilon))])
        })
    }
}

struct Normalize<'a> {
    gamma: Tensor<1>,
    beta: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    epsilon: f64,
    momentum: f32,
    training: bool,
    counted: &'a mut Option<(Tensor<1>, Tensor<1>)>,
}

impl Normalize<'_> {
    /// Channels are the second axis.
    fn over<const D: usize>(&mut self, x: Tensor<D>) -> Tensor<D> {
        let (gamma, beta) = (self.gamma.clone(), self.beta.clone());
        if !self.training {
            return batch_norm(x, gamma, beta, self.mean.clone(), self.variance.clone(), self.epsilon);
        }
        let batch = batch_norm_train(x, gamma, beta, self.epsilon);
        self.count(batch.mean, batch.variance);
        batch.output
    }

    /// With the activation behind; None where there is no kernel.
    fn by_kernel(&mut self, x: &Tensor<4>, gate: Gate) -> Option<Tensor<4>> {
        let epsilon = self.epsilon as f32;
        if !self.training {
            return kernel::batch_norm_by(x, [&self.mean, &self.variance, &self.gamma, &self.beta], epsilon, gate);
        }
        let batch = kernel::batch_norm(x, &self.gamma, &self.beta, epsilon, gate)?;
        self.count(batch.mean, batch.variance);
        Some(batch.output)
    }

    /// Keeps the new moving statistics.
    fn count(&mut self, mean: Tensor<1>, variance: Tensor<1>) {
        let mix = |old: Tensor<1>, new: Tensor<1>| {
            old.without_autodiff().mul_scalar(self.momentum) + new.without_autodiff().mul_scalar(1.0 - self.momentum)
        };
        *self.counted = Some((mix(self.mean.clone(), mean), mix(self.variance.clone(), variance)));
    }
}
