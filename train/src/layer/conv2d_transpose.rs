//! Transposed convolution over pictures.

use burn::tensor::module::conv_transpose2d;
use burn::tensor::ops::ConvTransposeOptions;
use serde::{Deserialize, Serialize};

use super::{Context, Layer, picture};
use crate::activation::Activation;
use crate::constraint::Constraint;
use crate::export::{Attribute, Scope};
use crate::initializer::Initializer;
use crate::parameter::Spec;
use crate::regularizer::Regularizer;
use crate::shape::{self, Padding, Pair, Shape};
use crate::value::Value;

/// The way back through a Conv2D: what that one does to gradients (Zeiler et al. 2010). Input: (height, width, channels).
/// Output: (height', width', filters), where `height' = height · stride` for `Padding::Same`, and never less than the window
/// for `Padding::Valid`. Kernel: (filters, channels, kernel height, kernel width): outputs first, as in a Conv2D; PyTorch and
/// ONNX have channels first here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conv2DTranspose {
    filters: usize,
    kernel_size: Pair,
    strides: Pair,
    padding: Padding,
    output_padding: Option<Pair>,
    dilation_rate: Pair,
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

/// How one axis grows.
struct Growth {
    out: usize,
    /// Cut off what the windows wrote, before and after.
    before: usize,
    after: usize,
    /// Put behind it, where the windows end early.
    extra: usize,
}

impl Conv2DTranspose {
    pub fn new(filters: usize, kernel_size: impl Into<Pair>) -> Self {
        Conv2DTranspose {
            filters,
            kernel_size: kernel_size.into(),
            strides: Pair(1, 1),
            padding: Padding::Valid,
            output_padding: None,
            dilation_rate: Pair(1, 1),
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
        strides: Pair, padding: Padding, dilation_rate: Pair, activation: Activation, use_bias: bool,
        kernel_initializer: Initializer, bias_initializer: Initializer, kernel_regularizer: Option<Regularizer>,
        bias_regularizer: Option<Regularizer>, activity_regularizer: Option<Regularizer>,
        kernel_constraint: Option<Constraint>, bias_constraint: Option<Constraint>
    }

    /// Lengthens the output by less than a stride; without it the length follows from the padding.
    pub fn output_padding(mut self, output_padding: impl Into<Pair>) -> Self {
        self.output_padding = Some(output_padding.into());
        self
    }

    /// Over height and width.
    fn growths(&self, [height, width]: [usize; 2]) -> Result<[Growth; 2], String> {
        let (kernel, stride, dilation) = (self.kernel_size, self.strides, self.dilation_rate);
        let extra = |axis: fn(Pair) -> usize| self.output_padding.map(axis);
        Ok([
            self.growth(height, kernel.0, stride.0, dilation.0, extra(|pair| pair.0))?,
            self.growth(width, kernel.1, stride.1, dilation.1, extra(|pair| pair.1))?,
        ])
    }

    /// As TensorFlow has it: the output is what a convolution with this padding would have come from.
    fn growth(
        &self,
        length: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        output_padding: Option<usize>,
    ) -> Result<Growth, String> {
        if kernel == 0 || stride == 0 || dilation == 0 {
            return Err("takes kernel sizes, strides and dilations of at least 1".into());
        }
        let reach = (kernel - 1) * dilation + 1;
        let written = (length - 1) * stride + reach;
        let out = match (self.padding, output_padding) {
            (Padding::Valid, None) => written.max(length * stride),
            (Padding::Same, None) => length * stride,
            (Padding::Valid, Some(more)) => written + more,
            (Padding::Same, Some(more)) => written + more - reach / 2 * 2,
        };
        let convolved = self.padding.walk(out, kernel, stride, dilation);
        if convolved.map(|walk| walk.out) != Ok(length) {
            let more = output_padding.unwrap_or(0);
            return Err(format!("has an output_padding of {more}, which does not go with a stride of {stride}"));
        }
        let cut = written.saturating_sub(out);
        Ok(Growth { out, before: cut / 2, after: cut - cut / 2, extra: out.saturating_sub(written) })
    }
}

#[typetag::serde]
impl Layer for Conv2DTranspose {
    fn class(&self) -> &'static str {
        "Conv2DTranspose"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [height, width, _] = shape::picture(shape::only(inputs)?)?;
        if self.filters == 0 {
            return Err("has no filters".into());
        }
        let [rows, columns] = self.growths([height, width])?;
        Ok(vec![rows.out, columns.out, self.filters])
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<Spec> {
        let channels = inputs[0][2];
        let [kh, kw] = self.kernel_size.array();
        let mut specs = vec![
            Spec::new("kernel", [self.filters, channels, kh, kw], self.kernel_initializer)
                // Keras takes the fans from the places of its kernel (height, width, filters, channels).
                .fans(self.filters * kh * kw, channels * kh * kw)
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
        let [rows, columns] = self.growths([height, width]).expect("looked at when the model was built");
        let options = ConvTransposeOptions::new(
            self.strides.array(),
            [rows.before, columns.before],
            [rows.extra, columns.extra],
            self.dilation_rate.array(),
            1,
        );
        let bias = self.use_bias.then(|| context.parameter::<1>(1));
        let kernel = context.parameter::<4>(0).swap_dims(0, 1);
        // burn cuts alike on both sides; the odd one is cut here.
        let y = conv_transpose2d(x, kernel, bias, options).narrow(2, 0, rows.out).narrow(3, 0, columns.out);
        let y = self.activation.apply(Value::Pictures(y));
        context.penalize(self.activity_regularizer, &y);
        y
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let [height, width, channels] = shape::picture(scope.input_shape(0))?;
        let [rows, columns] = self.growths([height, width])?;
        let [kh, kw] = self.kernel_size.array();
        let kernel = scope.parameter_values(0);
        let taps = kh * kw;
        let mut swapped = Vec::with_capacity(kernel.len());
        for channel in 0..channels {
            for filter in 0..self.filters {
                let first = (filter * channels + channel) * taps;
                swapped.extend_from_slice(&kernel[first..first + taps]);
            }
        }
        // Not by the parameter's name: its numbers stand in another order.
        let mut inputs =
            vec![scope.input(0), scope.constant("swapped_kernel", &[channels, self.filters, kh, kw], &swapped)];
        if self.use_bias {
            inputs.push(scope.parameter(1));
        }
        let pads = [rows.before, columns.before, rows.after, columns.after];
        let y = scope.node(
            "ConvTranspose",
            &inputs,
            &[
                ("kernel_shape", Attribute::pair(self.kernel_size)),
                ("strides", Attribute::pair(self.strides)),
                ("dilations", Attribute::pair(self.dilation_rate)),
                ("pads", Attribute::Ints(pads.map(|pad| pad as i64).into())),
                ("output_padding", Attribute::pair(Pair(rows.extra, columns.extra))),
            ],
        );
        Ok(self.activation.write(scope, y, 4))
    }
}
