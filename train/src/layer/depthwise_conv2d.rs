//! Convolution of each channel by itself.

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
use crate::shape::{self, Padding, Pair, Shape};
use crate::value::Value;

/// `depth_multiplier` filters for each channel (Howard et al. 2017, arXiv:1704.04861, section 3.1). Input: (height, width,
/// channels). Output: (height', width', channels · depth_multiplier), the filters of a channel side by side. Kernel:
/// (channels · depth_multiplier, 1, kernel height, kernel width), as burn and ONNX store it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DepthwiseConv2D {
    kernel_size: Pair,
    strides: Pair,
    padding: Padding,
    depth_multiplier: usize,
    dilation_rate: Pair,
    activation: Activation,
    use_bias: bool,
    depthwise_initializer: Initializer,
    bias_initializer: Initializer,
    depthwise_regularizer: Option<Regularizer>,
    bias_regularizer: Option<Regularizer>,
    activity_regularizer: Option<Regularizer>,
    depthwise_constraint: Option<Constraint>,
    bias_constraint: Option<Constraint>,
}

impl DepthwiseConv2D {
    pub fn new(kernel_size: impl Into<Pair>) -> Self {
        DepthwiseConv2D {
            kernel_size: kernel_size.into(),
            strides: Pair(1, 1),
            padding: Padding::Valid,
            depth_multiplier: 1,
            dilation_rate: Pair(1, 1),
            activation: Activation::Linear,
            use_bias: true,
            depthwise_initializer: Initializer::GlorotUniform { seed: None },
            bias_initializer: Initializer::Zeros,
            depthwise_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            depthwise_constraint: None,
            bias_constraint: None,
        }
    }

    super::arguments! {
        strides: Pair, padding: Padding, depth_multiplier: usize, dilation_rate: Pair, activation: Activation,
        use_bias: bool, depthwise_initializer: Initializer, bias_initializer: Initializer,
        depthwise_regularizer: Option<Regularizer>, bias_regularizer: Option<Regularizer>,
        activity_regularizer: Option<Regularizer>, depthwise_constraint: Option<Constraint>,
        bias_constraint: Option<Constraint>
    }
}

#[typetag::serde]
impl Layer for DepthwiseConv2D {
    fn class(&self) -> &'static str {
        "DepthwiseConv2D"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [height, width, channels] = shape::picture(shape::only(inputs)?)?;
        if self.depth_multiplier == 0 {
            return Err("takes a depth_multiplier of at least 1".into());
        }
        let [rows, columns] =
            window::walks(self.padding, [height, width], self.kernel_size, self.strides, self.dilation_rate)?;
        Ok(vec![rows.out, columns.out, channels * self.depth_multiplier])
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<Spec> {
        let channels = inputs[0][2];
        let [kh, kw] = self.kernel_size.array();
        let mut specs = vec![
            Spec::new("kernel", [channels * self.depth_multiplier, 1, kh, kw], self.depthwise_initializer)
                // Keras counts them so, as if its kernel (height, width, channels, multiplier) were a Conv2D's.
                .fans(channels * kh * kw, self.depth_multiplier * kh * kw)
                .regularizer(self.depthwise_regularizer)
                .constraint(self.depthwise_constraint),
        ];
        if self.use_bias {
            specs.push(
                Spec::new("bias", [channels * self.depth_multiplier], self.bias_initializer)
                    .regularizer(self.bias_regularizer)
                    .constraint(self.bias_constraint),
            );
        }
        specs
    }

    fn forward(&self, inputs: Vec<Value>, context: &mut Context) -> Value {
        let x = picture(inputs);
        let [_, channels, height, width] = x.dims();
        let walks = window::walks(self.padding, [height, width], self.kernel_size, self.strides, self.dilation_rate)
            .expect("looked at when the model was built");
        let options = ConvOptions::new_with_padding(
            self.strides.array(),
            window::pads(walks),
            self.dilation_rate.array(),
            channels,
        );
        let bias = self.use_bias.then(|| context.parameter::<1>(1));
        let y = self.activation.apply(Value::Pictures(kernel::conv2d(x, context.parameter::<4>(0), bias, options)));
        context.penalize(self.activity_regularizer, &y);
        y
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let [height, width, channels] = shape::picture(scope.input_shape(0))?;
        let [rows, columns] =
            window::walks(self.padding, [height, width], self.kernel_size, self.strides, self.dilation_rate)?;
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
                ("group", Attribute::Int(channels as i64)),
            ],
        );
        Ok(self.activation.write(scope, y, 4))
    }
}
