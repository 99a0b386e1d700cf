//! Fully connected.

use serde::{Deserialize, Serialize};

use super::{Context, Layer, only};
use crate::activation::Activation;
use crate::constraint::Constraint;
use crate::export::Scope;
use crate::initializer::Initializer;
use crate::parameter::Spec;
use crate::regularizer::Regularizer;
use crate::shape::{self, Shape, with_batch};
use crate::value::Value;

/// `activation(x · kernel + bias)`. Input: (features). Output: (units). Kernel: (features, units). Keras also takes more axes and
/// works on the last one, which mostly is a forgotten Flatten: here that is an error, and a 1×1 Conv2D does it to pictures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dense {
    units: usize,
    activation: Activation,
    use_bias: bool,
    kernel_initializer: Initializer,
    bias_initializer: Initializer,
    kernel_regularizer: Option<Regularizer>,
    bias_regularizer: Option<Regularizer>,
    activity_regularizer: Option<Regularizer>,
    kernel_constraint: Option<Constraint>,
    bias_constraint: Option<Constraint>,
}

impl Dense {
    pub fn new(units: usize) -> Self {
        Dense {
            units,
            activation: Activation::Linear,
            use_bias: true,
            kernel_initializer: Initializer::GlorotUniform { seed: None },
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
        }
    }

    super::arguments! {
        activation: Activation, use_bias: bool, kernel_initializer: Initializer, bias_initializer: Initializer,
        kernel_regularizer: Option<Regularizer>, bias_regularizer: Option<Regularizer>,
        activity_regularizer: Option<Regularizer>, kernel_constraint: Option<Constraint>,
        bias_constraint: Option<Constraint>
    }
}

#[typetag::serde]
impl Layer for Dense {
    fn class(&self) -> &'static str {
        "Dense"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match shape::only(inputs)?.as_slice() {
            _ if self.units == 0 => Err("has no units".into()),
            [_] => Ok(vec![self.units]),
            other => Err(format!("takes (features), not {}: put a Flatten before it", with_batch(other))),
        }
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<Spec> {
        let features = inputs[0][0];
        let mut specs = vec![
            Spec::new("kernel", [features, self.units], self.kernel_initializer)
                .fans(features, self.units)
                .outputs_last()
                .regularizer(self.kernel_regularizer)
                .constraint(self.kernel_constraint),
        ];
        if self.use_bias {
            specs.push(
                Spec::new("bias", [self.units], self.bias_initializer)
                    .regularizer(self.bias_regularizer)
                    .constraint(self.bias_constraint),
            );
        }
        specs
    }

    fn forward(&self, inputs: Vec<Value>, context: &mut Context) -> Value {
        let Value::Rows(x) = only(inputs) else { unreachable!("rows were asked for when the model was built") };
        let mut y = x.matmul(context.parameter::<2>(0));
        if self.use_bias {
            y = y + context.parameter::<1>(1).unsqueeze();
        }
        let y = self.activation.apply(Value::Rows(y));
        context.penalize(self.activity_regularizer, &y);
        y
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let mut inputs = vec![scope.input(0), scope.parameter(0)];
        if self.use_bias {
            inputs.push(scope.parameter(1));
        }
        let y = scope.node("Gemm", &inputs, &[]);
        Ok(self.activation.write(scope, y, 2))
    }
}
