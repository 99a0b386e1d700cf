//! Layers, a file each. A layer of one's own implements [`Layer`] like these; examples/own_layer.rs does so outside the crate.
//! Recurrent layers are left out: nothing here looks at sequences.

use std::fmt::Debug;
use std::ops::Range;

use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;

use crate::activation::Activation;
use crate::export::Scope;
use crate::parameter::{Parameter, Spec};
use crate::regularizer::Regularizer;
use crate::shape::Shape;
use crate::value::Value;

/// Gives a layer a method for each optional argument, named as Keras names it.
macro_rules! arguments {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(pub fn $name(mut self, $name: impl Into<$type>) -> Self {
            self.$name = $name.into();
            self
        })*
    };
}
use arguments;

mod activation;
mod add;
mod average_pooling2d;
mod batch_normalization;
mod borders;
mod concatenate;
mod conv2d;
mod conv2d_transpose;
mod cosine_dense;
mod dense;
mod depthwise_conv2d;
mod dropout;
mod flatten;
mod global_average_pooling2d;
mod input;
mod instance_normalization;
mod l2_normalize;
mod max_pooling2d;
mod merge;
mod multiply;
mod pool;
mod reflection_padding2d;
mod reshape;
mod up_sampling2d;
mod window;
mod zero_padding2d;

pub use add::Add;
pub use average_pooling2d::AveragePooling2D;
pub use batch_normalization::BatchNormalization;
pub use borders::Borders;
pub use concatenate::Concatenate;
pub use conv2d::Conv2D;
pub use conv2d_transpose::Conv2DTranspose;
pub use cosine_dense::CosineDense;
pub use dense::Dense;
pub use depthwise_conv2d::DepthwiseConv2D;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use global_average_pooling2d::GlobalAveragePooling2D;
pub(crate) use input::InputLayer;
pub use instance_normalization::InstanceNormalization;
pub use l2_normalize::L2Normalize;
pub use max_pooling2d::MaxPooling2D;
pub use multiply::Multiply;
pub use reflection_padding2d::ReflectionPadding2D;
pub use reshape::Reshape;
pub use up_sampling2d::{Interpolation, UpSampling2D};
pub use zero_padding2d::ZeroPadding2D;

/// A kind of layer with its arguments. It holds no weights: the model does, made by [`Layer::parameters`].
#[typetag::serde]
pub trait Layer: Debug + Send + Sync {
    /// As Keras prints it in a summary: `Conv2D`.
    fn class(&self) -> &'static str;

    /// Shape of the output, channels last, without the batch. The error ends a sentence that begins with the layer's name:
    /// "takes one input, not 2".
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String>;

    /// What it learns or counts, for inputs of these shapes, in the order in which `forward` asks for it.
    fn parameters(&self, _inputs: &[Shape]) -> Vec<Spec> {
        Vec::new()
    }

    fn forward(&self, inputs: Vec<Value>, context: &mut Context) -> Value;

    /// The function that it is and nothing else, so that the layer before may run it with its own.
    fn activation(&self) -> Option<crate::activation::Activation> {
        None
    }

    /// Its parameters, in their order, with which a normalisation of inputs that have this mean and variance in each channel only adds
    /// `bias` to them; None where the layer is none, or can't.
    fn only_adding(&self, _bias: &[f32], _mean: &[f32], _variance: &[f32]) -> Option<Vec<Vec<f32>>> {
        None
    }

    /// Writes itself as ONNX nodes, channels first as [`Value`] stores them; the name of its output.
    fn export(&self, scope: &mut Scope) -> Result<String, String>;
}

/// What a layer may ask for while it runs.
pub struct Context<'a> {
    /// Whether dropout drops and statistics are those of the batch.
    pub training: bool,
    /// Of the whole model.
    pub(crate) parameters: &'a [Parameter],
    /// The parameters' values, on the tape while training.
    pub(crate) values: &'a [Tensor<1>],
    /// Which of them are this layer's.
    pub(crate) own: Range<usize>,
    /// Whether the layer is frozen: Keras keeps a frozen layer's statistics too.
    pub(crate) frozen: bool,
    pub(crate) rng: &'a mut ChaCha8Rng,
    pub(crate) updates: &'a mut Vec<(usize, Tensor<1>)>,
    pub(crate) penalties: &'a mut Vec<Tensor<1>>,
    /// What the next layer does, where it is an activation and the only one that takes this one's output. A layer that runs
    /// it takes it.
    pub(crate) behind: Option<Activation>,
}

impl Context<'_> {
    /// The layer's parameter at this place of [`Layer::parameters`].
    pub fn parameter<const D: usize>(&self, place: usize) -> Tensor<D> {
        let index = self.own.start + place;
        let shape: [usize; D] = self.parameters[index].spec.shape.clone().try_into().expect("rank as declared");
        self.values[index].clone().reshape(shape)
    }

    /// A new value for a parameter that is counted, to be taken over after the step.
    pub fn update(&mut self, place: usize, value: Tensor<1>) {
        self.updates.push((self.own.start + place, value.without_autodiff()));
    }

    /// Adds a regularizer's penalty on an output, over the batch's size as Keras has it.
    pub fn penalize(&mut self, regularizer: Option<Regularizer>, output: &Value) {
        if let (true, Some(regularizer)) = (self.training, regularizer) {
            let batch = output.batch() as f32;
            self.penalties.push(regularizer.penalty(output.clone().into_flat()).div_scalar(batch));
        }
    }

    /// Statistics of the batch are used and counted; Keras does neither in a frozen layer.
    pub fn counts(&self) -> bool {
        self.training && !self.frozen
    }

    /// The model's seeded numbers.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }
}

/// The only input of a layer with one.
pub(crate) fn only(inputs: Vec<Value>) -> Value {
    inputs.into_iter().next().expect("a layer with one input was given one when the model was built")
}

/// The picture of a layer that takes one.
pub(crate) fn picture(inputs: Vec<Value>) -> Tensor<4> {
    match only(inputs) {
        Value::Pictures(tensor) => tensor,
        other => unreachable!("a picture was asked for when the model was built, not rank {}", other.rank()),
    }
}
