//! Model folders: `model.onnx` + `model.toml`, the one contract between training and serving.
//!
//! Not here: running a network (engine/), decoding its outputs (detect/heads/).

mod spec;

pub use spec::{ColorOrder, HeadKind, InputSpec, ModelSpec, Resize};

use std::path::PathBuf;

/// A model that can be loaded: its description and where its graph lies (or its bytes, for an embedded one).
#[derive(Debug, Clone)]
pub struct ModelFolder {
    pub spec: ModelSpec,
    pub graph: Graph,
}

/// Where the ONNX bytes are.
#[derive(Debug, Clone)]
pub enum Graph {
    File(PathBuf),
    Embedded(&'static [u8]),
}
