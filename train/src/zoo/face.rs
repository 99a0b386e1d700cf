//! A network whose vectors are near for pictures of one person.

use super::Network;
use super::resnet18::{basic_block, convolution};
use crate::Result;
use crate::activation::Activation;
use crate::graph::{Apply, Input};
use crate::layer::{Dense, GlobalAveragePooling2D, L2Normalize};
use crate::shape::Shape;

/// 0.3 million parameters in three stages of one or two basic blocks with 32, 64 and 128 filters, each of half the size of the one
/// before it; then a dense layer of `dimensions` whose output has length 1, as in FaceNet (Schroff et al. 2015,
/// arXiv:1503.03832).
pub(super) fn small(input_shape: Shape, dimensions: usize) -> Result<Network> {
    let input = Input::new(input_shape);
    let mut x = Activation::Relu.on(&convolution(&input, 16, 3, 2)?)?;
    for filters in [32, 64, 128] {
        x = basic_block(&x, filters, 2)?;
    }
    let x = GlobalAveragePooling2D::new().on(&x)?;
    let embedding = L2Normalize::new().named("embedding").on(&Dense::new(dimensions).on(&x)?)?;
    Ok(Network { input, outputs: vec![embedding] })
}
