//! A network without any branch.

use crate::Result;
use crate::activation::Activation;
use crate::layer::{Conv2D, Dense, Flatten, MaxPooling2D};
use crate::model::{Model, Sequential};
use crate::shape::{Padding, Shape};

/// Three 3×3 convolutions of 32, 64 and 128 filters, each with ReLU and a pooling of 2, then dense layers of 64 and `classes`.
pub fn plain_small(input_shape: impl Into<Shape>, classes: usize) -> Result<Model> {
    let mut layers = Sequential::new();
    for filters in [32, 64, 128] {
        let convolution = Conv2D::new(filters, 3).padding(Padding::Same).activation(Activation::Relu);
        layers = layers.add(convolution).add(MaxPooling2D::new(2));
    }
    layers
        .add(Flatten::new())
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(classes).activation(Activation::Softmax))
        .build(input_shape)
}
