//! A detector of plain convolutions, after YOLOv3-tiny (Redmon and Farhadi 2018, arXiv:1804.02767).

use super::blocks::{self, check_grid};
use crate::Result;
use crate::activation::Activation;
use crate::graph::{Apply, Input, Symbol};
use crate::layer::{BatchNormalization, Concatenate, Conv2D, UpSampling2D};
use crate::model::Model;
use crate::shape::Shape;

/// Anchors of each cell.
pub const ANCHORS: usize = 3;

/// Pixels per cell of each grid, in the order of the outputs.
pub const STRIDES: [usize; 2] = [32, 16];

/// 3×3 and 1×1 convolutions with batch normalisation and leaky ReLU only: what speed is compared with at 320×320 pixels. Two
/// outputs, the grids of stride 32 and 16, raw: (rows, columns, 3 · (5 + classes)).
///
/// # Errors
/// A height or width that 32 does not divide.
pub fn yolo_small(input_shape: impl Into<Shape>, classes: usize) -> Result<Model> {
    let shape = input_shape.into();
    check_grid("yolo_small", &shape)?;
    let input = Input::new(shape);
    let x = convolution(&input, 16, 3, 2)?;
    let x = stage(&x, 32)?;
    let x = stage(&x, 64)?;
    let fine = stage(&x, 128)?;
    let coarse = stage(&fine, 256)?;
    let top = convolution(&coarse, 128, 1, 1)?;
    let lifted = UpSampling2D::new(2).on(&convolution(&top, 64, 1, 1)?)?;
    let middle = Concatenate::new().on([&lifted, &fine])?;
    let outputs = [("grid32", top, 256), ("grid16", middle, 128)].map(|(name, x, filters)| {
        let x = convolution(&x, filters, 3, 1)?;
        Conv2D::new(ANCHORS * (5 + classes), 1).named(name).on(&x)
    });
    let outputs = outputs.into_iter().collect::<Result<Vec<_>>>()?;
    Model::new(&[input], &outputs)
}

/// Half the size, twice the channels: darknet's 3×3 in steps of 2, 1×1, 3×3.
fn stage(x: &Symbol, filters: usize) -> Result<Symbol> {
    let x = convolution(x, filters, 3, 2)?;
    let x = convolution(&x, filters / 2, 1, 1)?;
    convolution(&x, filters, 3, 1)
}

fn convolution(x: &Symbol, filters: usize, kernel: usize, strides: usize) -> Result<Symbol> {
    let x = blocks::convolution(x, filters, kernel, strides, BatchNormalization::new())?;
    Activation::LeakyRelu(0.1).on(&x)
}
