//! The numbers of a layer that training changes, and those that it only keeps.

use burn::tensor::Tensor;

use crate::constraint::Constraint;
use crate::initializer::Initializer;
use crate::regularizer::Regularizer;

/// What a layer asks for when it is built.
#[derive(Debug, Clone)]
pub struct Spec {
    /// As Keras names it: `kernel`, `bias`, `gamma`, `moving_mean`.
    pub name: &'static str,
    pub shape: Vec<usize>,
    /// Connections that lead into one output and out of one input, for initializers that scale by them.
    pub fans: (usize, usize),
    pub initializer: Initializer,
    pub regularizer: Option<Regularizer>,
    pub constraint: Option<Constraint>,
    /// Whether the last axis counts the outputs, as in a Dense kernel, or the first one, as in a convolution's.
    pub outputs_last: bool,
    /// False for what is counted, not learned: moving statistics.
    pub trainable: bool,
}

impl Spec {
    pub fn new(name: &'static str, shape: impl Into<Vec<usize>>, initializer: Initializer) -> Self {
        let shape = shape.into();
        let count = shape.iter().product();
        Spec {
            name,
            shape,
            fans: (count, count),
            initializer,
            regularizer: None,
            constraint: None,
            outputs_last: false,
            trainable: true,
        }
    }

    pub fn fans(mut self, fan_in: usize, fan_out: usize) -> Self {
        self.fans = (fan_in, fan_out);
        self
    }

    pub fn regularizer(mut self, regularizer: Option<Regularizer>) -> Self {
        self.regularizer = regularizer;
        self
    }

    pub fn constraint(mut self, constraint: Option<Constraint>) -> Self {
        self.constraint = constraint;
        self
    }

    pub fn outputs_last(mut self) -> Self {
        self.outputs_last = true;
        self
    }

    pub fn counted(mut self) -> Self {
        self.trainable = false;
        self
    }

    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A parameter of a model, flat, so that optimizers, penalties and files need not know its rank.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// `layer/kernel`.
    pub name: String,
    pub spec: Spec,
    pub value: Tensor<1>,
}

impl Parameter {
    pub fn to_vec(&self) -> Vec<f32> {
        self.value.to_data().try_to_vec().expect("parameters are 32-bit floats")
    }
}
