//! A layer of one's own: squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507), which scales each channel of a picture by a
//! number from 0 to 1 that is learned from the means of all channels.
//!
//! In the crate that has the layer, `serde` and `typetag` may also be dependencies of its own; then the two lines that name
//! `wayside_train::serde` and `wayside_train::typetag` are not needed.

use burn::tensor::activation;
use wayside_train::burn;
use wayside_train::export::{Attribute, ExportOptions, Scope};
use wayside_train::initializer::Initializer;
use wayside_train::parameter::Spec;
use wayside_train::prelude::*;
use wayside_train::serde::{self, Deserialize, Serialize};
use wayside_train::shape::{self, Shape};
use wayside_train::typetag;
use wayside_train::value::Value;

/// Input: (height, width, channels). Output: the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(crate = "self::serde")]
pub struct SqueezeExcite {
    /// The means are squeezed to so many numbers.
    pub units: usize,
}

#[typetag::serde]
impl Layer for SqueezeExcite {
    fn class(&self) -> &'static str {
        "SqueezeExcite"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        if self.units == 0 {
            return Err("has no units".into());
        }
        Ok(shape::picture(shape::only(inputs)?)?.into())
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<Spec> {
        let channels = inputs[0][2];
        let glorot = Initializer::GlorotUniform { seed: None };
        vec![
            Spec::new("squeeze", [channels, self.units], glorot).fans(channels, self.units).outputs_last(),
            Spec::new("excite", [self.units, channels], glorot).fans(self.units, channels).outputs_last(),
        ]
    }

    fn forward(&self, mut inputs: Vec<Value>, context: &mut Context) -> Value {
        // output_shape() took one picture only. It is stored channels first.
        let Value::Pictures(x) = inputs.remove(0) else { unreachable!("a picture was asked for") };
        let [batch, channels, height, width] = x.dims();
        let means = x.clone().reshape([batch, channels, height * width]).mean_dim(2).reshape([batch, channels]);
        let squeezed = activation::relu(means.matmul(context.parameter::<2>(0)));
        let gates = activation::sigmoid(squeezed.matmul(context.parameter::<2>(1)));
        Value::Pictures(x * gates.reshape([batch, channels, 1, 1]))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let [_, _, channels] = shape::picture(scope.input_shape(0))?;
        let means = scope.node("GlobalAveragePool", &[scope.input(0)], &[]);
        let means = scope.node("Flatten", &[means], &[("axis", Attribute::Int(1))]);
        let weights = scope.parameter(0);
        let squeezed = scope.node("MatMul", &[means, weights], &[]);
        let squeezed = scope.node("Relu", &[squeezed], &[]);
        let weights = scope.parameter(1);
        let gates = scope.node("MatMul", &[squeezed, weights], &[]);
        let gates = scope.node("Sigmoid", &[gates], &[]);
        // 0 keeps the batch as it is.
        let shape = scope.whole("shape", &[0, channels as i64, 1, 1]);
        let gates = scope.node("Reshape", &[gates, shape], &[]);
        Ok(scope.node("Mul", &[scope.input(0), gates], &[]))
    }
}

fn main() -> anyhow::Result<()> {
    let input = Input::new([32, 32, 3]);
    let x = Conv2D::new(16, 3).padding(Padding::Same).activation(Activation::Relu).on(&input)?;
    let x = SqueezeExcite { units: 4 }.named("attention").on(&x)?;
    let x = GlobalAveragePooling2D::new().on(&x)?;
    let scores = Dense::new(6).activation(Activation::Softmax).on(&x)?;
    let model = Model::new(&[input], &[scores])?;
    print!("{}", model.summary());
    match std::env::args().nth(1) {
        Some(path) => model.export(&path, &ExportOptions::default())?,
        None => println!("own_layer FILE.onnx exports it"),
    }
    Ok(())
}
