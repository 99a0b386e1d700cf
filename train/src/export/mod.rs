//! ONNX files of models.

mod scope;

pub use scope::{Attribute, Scope};
pub(crate) use scope::Nodes;
