//! Instance normalisation.

use serde::{Deserialize, Serialize};

use super::{Context, Layer, picture};
use crate::constraint::Constraint;
use crate::export::{Attribute, Scope};
use crate::initializer::Initializer;
use crate::parameter::Spec;
use crate::regularizer::Regularizer;
use crate::shape::{self, Shape};
use crate::value::Value;

/// `gamma · (x − mean) / √(variance + epsilon) + beta`, with the statistics of each channel of each picture, in training and
/// afterwards alike (Ulyanov et al. 2016, arXiv:1607.08022). Keras writes it `GroupNormalization(groups=-1)`; arguments and
/// defaults are those. Input: (height, width, channels). Output: the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceNormalization {
    epsilon: f32,
    center: bool,
    scale: bool,
    beta_initializer: Initializer,
    gamma_initializer: Initializer,
    beta_regularizer: Option<Regularizer>,
    gamma_regularizer: Option<Regularizer>,
    beta_constraint: Option<Constraint>,
    gamma_constraint: Option<Constraint>,
}

impl Default for InstanceNormalization {
    fn default() -> Self {
        InstanceNormalization {
            epsilon: 0.001,
            center: true,
            scale: true,
            beta_initializer: Initializer::Zeros,
            gamma_initializer: Initializer::Ones,
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
        }
    }
}

impl InstanceNormalization {
    pub fn new() -> Self {
        Self::default()
    }

    super::arguments! {
        epsilon: f32, center: bool, scale: bool, beta_initializer: Initializer, gamma_initializer: Initializer,
        beta_regularizer: Option<Regularizer>, gamma_regularizer: Option<Regularizer>,
        beta_constraint: Option<Constraint>, gamma_constraint: Option<Constraint>
    }
}

#[typetag::serde]
impl Layer for InstanceNormalization {
    fn class(&self) -> &'static str {
        "InstanceNormalization"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(shape::picture(shape::only(inputs)?)?.into())
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<Spec> {
        let channels = [inputs[0][2]];
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
        specs
    }

    fn forward(&self, inputs: Vec<Value>, context: &mut Context) -> Value {
        let x = picture(inputs);
        let dims @ [batch, channels, height, width] = x.dims();
        let rows = x.reshape([batch, channels, height * width]);
        let centred = rows.clone() - rows.mean_dim(2);
        let variance = centred.clone().mul(centred.clone()).mean_dim(2);
        let mut y = centred / variance.add_scalar(self.epsilon).sqrt();
        if self.scale {
            y = y * context.parameter::<1>(0).reshape([1, channels, 1]);
        }
        if self.center {
            y = y + context.parameter::<1>(usize::from(self.scale)).reshape([1, channels, 1]);
        }
        Value::Pictures(y.reshape(dims))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let [_, _, channels] = shape::picture(scope.input_shape(0))?;
        let gamma = if self.scale { scope.parameter(0) } else { scope.vector("gamma", &vec![1.0; channels]) };
        let beta = match self.center {
            true => scope.parameter(usize::from(self.scale)),
            false => scope.vector("beta", &vec![0.0; channels]),
        };
        let inputs = [scope.input(0), gamma, beta];
        Ok(scope.node("InstanceNormalization", &inputs, &[("epsilon", Attribute::Float(self.epsilon))]))
    }
}
