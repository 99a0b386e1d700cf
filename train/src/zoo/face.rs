//! A small network for faces.

use crate::Result;
use crate::activation::Activation;
use crate::graph::{Apply, Input};
use crate::layer::{BatchNormalization, Conv2D, Dense, Flatten, L2Normalize, MaxPooling2D};
use crate::model::Model;
use crate::shape::Padding;

/// Channels of the stages, each at half the size of the one before.
const STAGES: [usize; 4] = [16, 32, 64, 96];

/// Four convolutions with batch normalisation, ReLU and pooling, then a vector of `dimensions` numbers and unit length, for
/// [`crate::loss::Triplet`].
pub fn face_small(input_shape: &[usize], dimensions: usize) -> Result<Model> {
    let input = Input::new(input_shape);
    let mut x = input.clone();
    for filters in STAGES {
        let convolved = Conv2D::new(filters, 3).padding(Padding::Same).use_bias(false).on(&x)?;
        let active = Activation::Relu.on(&BatchNormalization::new().momentum(0.9).on(&convolved)?)?;
        x = MaxPooling2D::new(2).on(&active)?;
    }
    let encoding = Dense::new(dimensions).on(&Flatten::new().on(&x)?)?;
    Model::new(&[input], &[L2Normalize::new().on(&encoding)?])
}
