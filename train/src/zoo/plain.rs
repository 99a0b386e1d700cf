//! A network without any branch.

use super::Network;
use crate::Result;
use crate::activation::Activation;
use crate::graph::{Apply, Input};
use crate::layer::{Conv2D, Dense, Flatten, MaxPooling2D};
use crate::shape::{Padding, Shape};

/// Three 3×3 convolutions of 32, 64 and 128 filters, each with ReLU and a pooling of 2, then dense layers of 64 and `classes`.
pub(super) fn small(input_shape: Shape, classes: usize) -> Result<Network> {
    let input = Input::new(input_shape);
    let mut x = input.clone();
    for filters in [32, 64, 128] {
        let convolution = Conv2D::new(filters, 3).padding(Padding::Same).activation(Activation::Relu);
        x = MaxPooling2D::new(2).on(&convolution.on(&x)?)?;
    }
    let x = Dense::new(64).activation(Activation::Relu).on(&Flatten::new().on(&x)?)?;
    let scores = Dense::new(classes).activation(Activation::Softmax).on(&x)?;
    Ok(Network { input, outputs: vec![scores] })
}
