//! Networks by name, and the blocks that they are built of.

mod face;
mod plain;
mod resnet18;
mod resnet50;
mod yolo;

pub use resnet18::basic_block;
pub use resnet50::{convolutional_block, identity_block};

use crate::Result;
use crate::error::Error;
use crate::graph::Symbol;
use crate::model::Model;
use crate::shape::Shape;

/// A network of the zoo before it has weights.
struct Network {
    input: Symbol,
    outputs: Vec<Symbol>,
}

/// A network's name, what it is, and what builds it for an input and a number of classes.
struct Row(&'static str, &'static str, fn(Shape, usize) -> Result<Network>);

const ROWS: [Row; 6] = [
    Row("resnet50", "ResNet-50, as the course notes build it", resnet50::network),
    Row("resnet18_half", "ResNet-18 of half the width", resnet18::half),
    Row("resnet_small", "a residual network of 0.7 million parameters, for crops of 64×64", resnet18::small),
    Row("plain_small", "three convolutions, each with pooling, and two dense layers", plain::small),
    Row("yolo_small", "a detector of plain convolutions with grids of stride 16 and 32", yolo::small),
    Row("face_small", "a residual network that gives vectors of length 1, as long as there are classes", face::small),
];

/// Names that [`by_name`] knows, and what they are.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROWS.iter().map(|Row(name, what, _)| (*name, *what))
}

/// The network of a name, for inputs of (height, width, channels), with first weights of a seed.
///
/// # Errors
/// A name that no network has, with those that there are; an input that the network can't take.
pub fn by_name(name: &str, input_shape: &[usize], classes: usize, seed: u64) -> Result<Model> {
    let Some(Row(.., build)) = ROWS.iter().find(|row| row.0 == name) else {
        let known: Vec<&str> = names().map(|(name, _)| name).collect();
        return Err(Error::Model(format!("no network {name}: {}", known.join(", "))));
    };
    let network = build(input_shape.to_vec(), classes)?;
    Model::seeded(&[network.input], &network.outputs, seed)
}

/// ResNet-50 for `classes` classes. A picture of 64×64, as in the notes, comes down to a map of 2×2 and goes through their head,
/// `AveragePooling2D(2)` and `Flatten`; so does every map of 2 or 3 rows and columns, of which that leaves one number a channel.
/// Larger pictures, such as ImageNet's 224×224, have the head of Keras' own ResNet50, `GlobalAveragePooling2D`; it has as many
/// weights.
pub fn resnet50(input_shape: impl Into<Shape>, classes: usize) -> Result<Model> {
    by_name("resnet50", &input_shape.into(), classes, 0)
}
