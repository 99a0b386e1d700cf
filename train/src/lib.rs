//! Builds, trains, measures and exports networks for wayside, in the words of Keras. See docs/train.md.
//!
//! ```
//! use wayside_train::prelude::*;
//!
//! # fn main() -> wayside_train::Result<()> {
//! let input = Input::new([64, 64, 3]);
//! let x = Conv2D::new(32, 3).padding(Padding::Same).activation(Activation::Relu).on(&input)?;
//! let x = Flatten::new().on(&MaxPooling2D::new(2).on(&x)?)?;
//! let scores = Dense::new(6).activation(Activation::Softmax).on(&x)?;
//! let model = Model::new(&[input], &[scores])?;
//! println!("{}", model.summary());
//! # Ok(())
//! # }
//! ```

pub mod activation;
pub mod callback;
pub mod chart;
pub mod cli;
pub mod constraint;
pub mod data;
pub mod device;
pub mod error;
pub mod export;
pub mod graph;
pub mod initializer;
pub mod interrupt;
pub mod kernel;
pub mod layer;
pub mod loss;
pub mod measure;
pub mod metric;
pub mod model;
pub mod optimizer;
pub mod parameter;
pub mod regularizer;
pub mod schedule;
pub mod shape;
pub mod task;
pub mod value;
pub mod zoo;

pub use error::{Error, Result};
/// For layers of one's own: see examples/own_layer.rs.
pub use {burn, serde, typetag};

pub mod prelude {
    pub use crate::activation::Activation;
    pub use crate::constraint::Constraint;
    pub use crate::data::{Arrays, Batch, Dataset};
    pub use crate::graph::{Apply, Input, LayerRef, Symbol};
    pub use crate::initializer::Initializer;
    pub use crate::layer::*;
    pub use crate::model::{Model, Sequential};
    pub use crate::regularizer::Regularizer;
    pub use crate::shape::{Padding, Pair};
}
