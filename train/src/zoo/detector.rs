//! An anchor-free detector made for 8 bits on small boards: plain 3×3 and 1×1 convolutions with ReLU, which lose nothing when they are
//! quantised and leave no function to compute behind a convolution.

use super::blocks::{self, check_grid};
use crate::Result;
use crate::activation::Activation;
use crate::graph::{Apply, Input, Symbol};
use crate::initializer::Initializer;
use crate::layer::{Add, BatchNormalization, Concatenate, Conv2D, MaxPooling2D, UpSampling2D};
use crate::model::Model;
use crate::shape::{Padding, Shape};

/// Pixels per cell of each grid, in the order of the outputs.
pub const STRIDES: [usize; 3] = [8, 16, 32];

/// How probable a class is before anything was learned: else the many empty cells drown the rest at first (Lin et al. 2017,
/// arXiv:1708.02002, section 4.1).
const PRIOR: f32 = 0.01;

/// Where the sides of a box begin, in cells from the point of its cell.
const FIRST_SIDE: f32 = 2.0;

/// A residual body, a pyramid down and up again (Liu et al. 2018, arXiv:1803.01534), and for each of [`STRIDES`] a decoupled head (Ge et
/// al. 2021, arXiv:2107.08430, section 2.2) with two outputs: `classesN` (rows, columns, classes), logits, and `sidesN` (rows, columns, 4),
/// distances from the centre of the cell to left, top, right and bottom, in cells. That is head `yolov8` of a model.toml.
///
/// # Errors
/// A height or width that 32 does not divide.
pub fn detector_small(input_shape: impl Into<Shape>, classes: usize) -> Result<Model> {
    let shape = input_shape.into();
    check_grid("detector_small", &shape)?;
    let input = Input::new(shape);
    let x = convolution(&input, 16, 3, 2)?;
    let x = stage(&x, 32, 1)?;
    let eighth = stage(&x, 64, 2)?;
    let sixteenth = stage(&eighth, 112, 2)?;
    let x = stage(&sixteenth, 144, 1)?;
    let top = pooled_pyramid(&x, 96)?;

    let middle = joined(&lifted(&top, 80)?, &sixteenth, 80)?;
    let fine = joined(&lifted(&middle, 56)?, &eighth, 56)?;
    let middle = joined(&convolution(&fine, 56, 3, 2)?, &middle, 80)?;
    let coarse = joined(&convolution(&middle, 80, 3, 2)?, &top, 96)?;

    let mut outputs = Vec::new();
    for ((level, stride), width) in [fine, middle, coarse].iter().zip(STRIDES).zip([32, 40, 48]) {
        let seen = convolution(level, width, 3, 1)?;
        let classes = Conv2D::new(classes, 1).bias_initializer(Initializer::Constant((PRIOR / (1.0 - PRIOR)).ln()));
        outputs.push(classes.named(format!("classes{stride}")).on(&seen)?);
        let seen = convolution(level, width, 3, 1)?;
        let sides = Conv2D::new(4, 1).bias_initializer(Initializer::Constant(FIRST_SIDE));
        outputs.push(sides.named(format!("sides{stride}")).on(&seen)?);
    }
    Model::new(&[input], &outputs)
}

/// Half the size, then residual blocks: 1×1 to half the channels, 3×3 back.
fn stage(x: &Symbol, filters: usize, blocks: usize) -> Result<Symbol> {
    let mut x = convolution(x, filters, 3, 2)?;
    for _ in 0..blocks {
        let narrow = convolution(&x, filters / 2, 1, 1)?;
        x = Add::new().on([&convolution(&narrow, filters, 3, 1)?, &x])?;
    }
    Ok(x)
}

/// What lies up to 6, 10 and 14 cells around (He et al. 2015, arXiv:1406.4729; pooled one after the other as YOLOv5 has it).
fn pooled_pyramid(x: &Symbol, filters: usize) -> Result<Symbol> {
    let mut pooled = vec![convolution(x, filters / 2, 1, 1)?];
    for _ in 0..3 {
        let last = &pooled[pooled.len() - 1];
        pooled.push(MaxPooling2D::new(5).strides(1).padding(Padding::Same).on(last)?);
    }
    convolution(&Concatenate::new().on(pooled.as_slice())?, filters, 1, 1)
}

fn lifted(x: &Symbol, filters: usize) -> Result<Symbol> {
    UpSampling2D::new(2).on(&convolution(x, filters, 1, 1)?)
}

fn joined(a: &Symbol, b: &Symbol, filters: usize) -> Result<Symbol> {
    let x = convolution(&Concatenate::new().on([a, b])?, filters, 1, 1)?;
    convolution(&x, filters, 3, 1)
}

fn convolution(x: &Symbol, filters: usize, kernel: usize, strides: usize) -> Result<Symbol> {
    let x = blocks::convolution(x, filters, kernel, strides, BatchNormalization::new().momentum(0.97))?;
    Activation::Relu.on(&x)
}
