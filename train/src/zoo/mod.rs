//! Networks by name, and the blocks that they are built of.

mod blocks;
pub mod detector;
mod face;
mod plain;
mod resnet18;
mod resnet50;
pub mod yolo;

pub use detector::detector_small;
pub use face::face_small;
pub use plain::plain_small;
pub use resnet18::{basic_block, resnet_small, resnet18_half};
pub use resnet50::{convolutional_block, identity_block, resnet50};
pub use yolo::yolo_small;

use crate::model::Model;
use crate::{Error, Result};

/// Names that [`by_name`] knows, and what they are.
pub const NAMES: [(&str, &str); 7] = [
    ("resnet50", "ResNet-50, as the course notes build it"),
    ("resnet18_half", "ResNet-18 of half the width"),
    ("resnet_small", "a residual network of 0.7 million parameters, for crops of 64×64"),
    ("plain_small", "three convolutions, each with pooling, and two dense layers"),
    ("face_small", "a vector of unit length for a face: `classes` is its number of dimensions"),
    (
        "detector_small",
        "an anchor-free detector of 1 million parameters, made for 8 bits: grids of stride 8, 16 and 32",
    ),
    ("yolo_small", "a detector of plain convolutions with grids of stride 16 and 32"),
];

/// The network of a name, for inputs of (height, width, channels).
///
/// # Errors
/// A name that no network has, with those that there are; an input that the network can't take.
pub fn by_name(name: &str, input_shape: &[usize], classes: usize) -> Result<Model> {
    match name {
        "resnet50" => resnet50(input_shape, classes),
        "resnet18_half" => resnet18_half(input_shape, classes),
        "resnet_small" => resnet_small(input_shape, classes),
        "plain_small" => plain_small(input_shape, classes),
        "face_small" => face_small(input_shape, classes),
        "detector_small" => detector_small(input_shape, classes),
        "yolo_small" => yolo_small(input_shape, classes),
        other => {
            let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            Err(Error::Model(format!("no network {other}: {}", known.join(", "))))
        }
    }
}
