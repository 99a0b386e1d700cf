//! Convolution over pictures.

use burn::tensor::ops::ConvOptions;
use serde::{Deserialize, Serialize};

use super::{Context, Layer, picture, window};
use crate::activation::Activation;
use crate::constraint::Constraint;
use crate::export::{Attribute, Scope};
use crate::initializer::Initializer;
use crate::kernel;
use crate::parameter::Spec;
use crate::regularizer::Regularizer;
use crate::shape::{self, Padding, Pair, Shape, Walk};
use crate::value::Value;

/// Input: (height, width, channels). Output: (height', width', filters). Kernel: (filters, channels / groups, kernel height,
/// kernel width), as burn and ONNX store it. Arguments and defaults are Keras'. Its `data_format` is always `channels_last`, as
/// in the course notes; and strides and dilation go together, which Keras refuses.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conv2D {
    filters: usize,
    kernel_size: Pair,
    strides: Pair,
    padding: Padding,
    dilation_rate: Pair,
    groups: usize,
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

impl Conv2D {
    pub fn new(filters: usize, kernel_size: impl Into<Pair>) -> Self {
        Conv2D {
            filters,
            kernel_size: kernel_size.into(),
            strides: Pair(1, 1),
            padding: Padding::Valid,
            dilation_rate: Pair(1, 1),
            groups: 1,
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
        strides: Pair, padding: Padding, dilation_rate: Pair, groups: usize, activation: Activation, use_bias: bool,
        kernel_initializer: Initializer, bias_initializer: Initializer, kernel_regularizer: Option<Regularizer>,
        bias_regularizer: Option<Regularizer>, activity_regularizer: Option<Regularizer>,
        kernel_constraint: Option<Constraint>, bias_constraint: Option<Constraint>
    }

    fn walks(&self, size: [usize; 2]) -> Result<[Walk; 2], String> {
        window::walks(self.padding, size, self.kernel_size, self.strides, self.dilation_rate)
    }
}

#[typetag::serde]
impl Layer for Conv2D {
    fn class(&self) -> &'static str {
        "Conv2D"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [height, width, channels] = shape::picture(shape::only(inputs)?)?;
        if self.filters == 0
            || self.groups == 0
            || !channels.is_multiple_of(self.groups)
            || !self.filters.is_multiple_of(self.groups)
        {
            return Err(format!(
                "has {} filters in {} groups for {channels} channels: the groups have to divide both",
                self.filters, self.groups
            ));
        }
        let [rows, columns] = self.walks([height, width])?;
        Ok(vec![rows.out, columns.out, self.filters])
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<Spec> {
        let channels = inputs[0][2] / self.groups;
        let [kh, kw] = self.kernel_size.array();
        let mut specs = vec![
            Spec::new("kernel", [self.filters, channels, kh, kw], self.kernel_initializer)
                .fans(channels * kh * kw, self.filters * kh * kw)
                .regularizer(self.kernel_regularizer)
                .constraint(self.kernel_constraint),
        ];
        if self.use_bias {
            specs.push(
                Spec::new("bias", [self.filters], self.bias_initializer)
                    .regularizer(self.bias_regularizer)
                    .constraint(self.bias_constraint),
            );
        }
        specs
    }

    fn forward(&self, inputs: Vec<Value>, context: &mut Context) -> Value {
        let x = picture(inputs);
        let [_, _, height, width] = x.dims();
        let walks = self.walks([height, width]).expect("looked at when the model was built");
        let options = ConvOptions::new_with_padding(
            self.strides.array(),
            window::pads(walks),
            self.dilation_rate.array(),
            self.groups,
        );
        let bias = self.use_bias.then(|| context.parameter::<1>(1));
        let y = self.activation.apply(Value::Pictures(kernel::conv2d(x, context.parameter::<4>(0), bias, options)));
        context.penalize(self.activity_regularizer, &y);
        y
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let [height, width, _] = shape::picture(scope.input_shape(0))?;
        let [rows, columns] = self.walks([height, width])?;
        let mut inputs = vec![scope.input(0), scope.parameter(0)];
        if self.use_bias {
            inputs.push(scope.parameter(1));
        }
        let y = scope.node(
            "Conv",
            &inputs,
            &[
                ("kernel_shape", Attribute::pair(self.kernel_size)),
                ("strides", Attribute::pair(self.strides)),
                ("dilations", Attribute::pair(self.dilation_rate)),
                ("pads", Attribute::pads(rows, columns)),
                ("group", Attribute::Int(self.groups as i64)),
            ],
        );
        Ok(self.activation.write(scope, y, 4))
    }
}
