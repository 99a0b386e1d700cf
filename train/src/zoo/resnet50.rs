//! ResNet-50 (He et al. 2015, arXiv:1512.03385, table 1), as the course notes build it in Keras: names, order and seeds are
//! theirs.

use crate::Result;
use crate::activation::Activation;
use crate::graph::{Apply, Input, Symbol};
use crate::initializer::glorot_uniform;
use crate::layer::{
    Add, AveragePooling2D, BatchNormalization, Conv2D, Dense, Flatten, GlobalAveragePooling2D, MaxPooling2D,
    ZeroPadding2D,
};
use crate::model::Model;
use crate::shape::{Padding, Shape};

/// A residual block whose shortcut is its input: 1×1, `f`×`f`, 1×1, each with batch normalisation. `filters` are those of the
/// three convolutions; the last has to be the channels of `x`. Layers are named after `stage` and `block`:
/// `res2b_branch2a`, `bn2b_branch2a`.
pub fn identity_block(x: &Symbol, f: usize, filters: [usize; 3], stage: usize, block: &str) -> Result<Symbol> {
    let main = main_path(x, f, filters, stage, block, 1)?;
    Activation::Relu.on(&Add::new().on([&main, x])?)
}

/// A residual block that changes the shape: the first convolution goes in steps of `s`, and so does a 1×1 convolution in the
/// shortcut, `res3a_branch1`. The notes' default of `s` is 2.
pub fn convolutional_block(
    x: &Symbol,
    f: usize,
    filters: [usize; 3],
    stage: usize,
    block: &str,
    s: usize,
) -> Result<Symbol> {
    let main = main_path(x, f, filters, stage, block, s)?;
    let shortcut = convolution(filters[2], 1, s, Padding::Valid).named(format!("res{stage}{block}_branch1")).on(x)?;
    let shortcut = BatchNormalization::new().axis(3).named(format!("bn{stage}{block}_branch1")).on(&shortcut)?;
    Activation::Relu.on(&Add::new().on([&main, &shortcut])?)
}

/// For `classes` classes. A picture of 64×64, as in the notes, comes down to a map of 2×2 and goes through their head,
/// `AveragePooling2D(2)` and `Flatten`; so does everything up to 95 pixels, where that leaves one number of each channel. Larger
/// pictures, such as ImageNet's 224×224, have the head of Keras' own ResNet50, `GlobalAveragePooling2D`; its weights are as many.
pub fn resnet50(input_shape: impl Into<Shape>, classes: usize) -> Result<Model> {
    let input = Input::new(input_shape);
    let x = ZeroPadding2D::new(3).on(&input)?;
    let x = convolution(64, 7, 2, Padding::Valid).named("conv1").on(&x)?;
    let x = BatchNormalization::new().axis(3).named("bn_conv1").on(&x)?;
    let x = Activation::Relu.on(&x)?;
    let mut x = MaxPooling2D::new(3).strides(2).on(&x)?;
    for (stage, filters, blocks, s) in [
        (2, [64, 64, 256], "abc", 1),
        (3, [128, 128, 512], "abcd", 2),
        (4, [256, 256, 1024], "abcdef", 2),
        (5, [512, 512, 2048], "abc", 2),
    ] {
        for letter in blocks.split("").filter(|letter| !letter.is_empty()) {
            x = match letter {
                "a" => convolutional_block(&x, 3, filters, stage, letter, s)?,
                _ => identity_block(&x, 3, filters, stage, letter)?,
            };
        }
    }
    let x = match x.shape() {
        [2 | 3, 2 | 3, _] => {
            let x = AveragePooling2D::new(2).named("avg_pool").on(&x)?;
            Flatten::new().on(&x)?
        }
        _ => GlobalAveragePooling2D::new().named("avg_pool").on(&x)?,
    };
    let scores = Dense::new(classes).activation(Activation::Softmax).kernel_initializer(glorot_uniform(0));
    let scores = scores.named(format!("fc{classes}")).on(&x)?;
    Model::new(&[input], &[scores])
}

/// What both blocks have in common.
fn main_path(x: &Symbol, f: usize, filters: [usize; 3], stage: usize, block: &str, s: usize) -> Result<Symbol> {
    let conv_name = |part: &str| format!("res{stage}{block}_branch{part}");
    let bn_name = |part: &str| format!("bn{stage}{block}_branch{part}");
    let x = convolution(filters[0], 1, s, Padding::Valid).named(conv_name("2a")).on(x)?;
    let x = BatchNormalization::new().axis(3).named(bn_name("2a")).on(&x)?;
    let x = Activation::Relu.on(&x)?;
    let x = convolution(filters[1], f, 1, Padding::Same).named(conv_name("2b")).on(&x)?;
    let x = BatchNormalization::new().axis(3).named(bn_name("2b")).on(&x)?;
    let x = Activation::Relu.on(&x)?;
    let x = convolution(filters[2], 1, 1, Padding::Valid).named(conv_name("2c")).on(&x)?;
    BatchNormalization::new().axis(3).named(bn_name("2c")).on(&x)
}

fn convolution(filters: usize, kernel: usize, strides: usize, padding: Padding) -> Conv2D {
    Conv2D::new(filters, kernel).strides(strides).padding(padding).kernel_initializer(glorot_uniform(0))
}
