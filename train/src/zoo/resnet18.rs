//! Residual networks of basic blocks: two 3×3 convolutions and a shortcut (He et al. 2015, arXiv:1512.03385, figure 5, left).

use super::blocks;
use crate::Result;
use crate::activation::Activation;
use crate::graph::{Apply, Input, Symbol};
use crate::layer::{Add, BatchNormalization, Dense, GlobalAveragePooling2D, MaxPooling2D};
use crate::model::Model;
use crate::shape::{Padding, Shape};

/// A block of `filters`, whose first convolution goes in steps of `strides`. The shortcut is the input, or a 1×1 convolution of it
/// where the shape changes.
pub fn basic_block(x: &Symbol, filters: usize, strides: usize) -> Result<Symbol> {
    let main = Activation::Relu.on(&convolution(x, filters, 3, strides)?)?;
    let main = convolution(&main, filters, 3, 1)?;
    let shortcut = match main.shape() == x.shape() {
        true => x.clone(),
        false => convolution(x, filters, 1, strides)?,
    };
    Activation::Relu.on(&Add::new().on([&main, &shortcut])?)
}

/// ResNet-18 with 32, 64, 128 and 256 filters instead of 64 to 512: what speed is compared with at 64×64 pixels.
pub fn resnet18_half(input_shape: impl Into<Shape>, classes: usize) -> Result<Model> {
    let input = Input::new(input_shape);
    let x = Activation::Relu.on(&convolution(&input, 32, 7, 2)?)?;
    let mut x = MaxPooling2D::new(3).strides(2).padding(Padding::Same).on(&x)?;
    for (filters, strides) in [(32, 1), (64, 2), (128, 2), (256, 2)] {
        x = basic_block(&x, filters, strides)?;
        x = basic_block(&x, filters, 1)?;
    }
    classify(input, &x, classes)
}

/// For crops of 64×64 pixels: 0.7 million parameters, in three stages of two blocks with 32, 64 and 128 filters.
pub fn resnet_small(input_shape: impl Into<Shape>, classes: usize) -> Result<Model> {
    let input = Input::new(input_shape);
    let mut x = Activation::Relu.on(&convolution(&input, 32, 3, 2)?)?;
    for (filters, strides) in [(32, 1), (64, 2), (128, 2)] {
        x = basic_block(&x, filters, strides)?;
        x = basic_block(&x, filters, 1)?;
    }
    classify(input, &x, classes)
}

fn convolution(x: &Symbol, filters: usize, kernel: usize, strides: usize) -> Result<Symbol> {
    blocks::convolution(x, filters, kernel, strides, BatchNormalization::new())
}

fn classify(input: Symbol, x: &Symbol, classes: usize) -> Result<Model> {
    let x = GlobalAveragePooling2D::new().on(x)?;
    let scores = Dense::new(classes).activation(Activation::Softmax).on(&x)?;
    Model::new(&[input], &[scores])
}
