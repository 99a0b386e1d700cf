//! Makes an 8-bit network of a float one: post-training quantisation (Nagel et al. 2021, arXiv:2106.08295) for the int8
//! engine, as a QDQ file that ONNX Runtime runs too.
//!
//! The order of work: take the file apart (graph.rs, opset.rs), fold batch normalisation (fold.rs), find the layers
//! (layers.rs) and the tensors that become bytes (spots.rs), run the float network over pictures (calibrate.rs), even out
//! channels (equalise.rs), choose scales (ranges.rs) and weights (weights.rs), write (emit.rs). If the result loses too
//! much, the layers that cost most stay float (sensitivity.rs) until it does not.
//!
//! Not here: what a network's outputs are worth. A [`Judge`] says it.

mod calibrate;
mod checkpoint;
mod emit;
mod equalise;
mod fold;
mod graph;
mod layers;
mod opset;
mod prepared;
mod ranges;
mod report;
mod search;
mod sensitivity;
mod spots;
mod statistics;
mod weights;

use std::path::PathBuf;
use std::sync::Arc;

pub use prepared::Prepared;
pub use report::Row;
pub use search::{Found, search};
pub use sensitivity::{Reference, Scan, inputs, outputs, scan};
pub use statistics::choose;

use crate::engine::{EngineChoice, EngineError};
use crate::model::{Graph, ModelError, ModelFolder, ModelSpec, sha256_hex};
use crate::source::SourceError;

/// Says how good a network is.
pub trait Judge {
    /// In points, 0 to 100, of the network as that engine runs it. Only differences count.
    fn points(&self, model: &ModelFolder, engine: EngineChoice) -> Result<f64, QuantizeError>;
}

/// A float network with each batch normalisation behind a convolution folded into it, as an ONNX file like the one given.
///
/// # Errors
/// A file that is no network, or quantised.
pub fn fold_batch_norms(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut network = graph::Graph::read(bytes)?;
    fold::batch_norms(&mut network);
    Ok(network.encode())
}

/// Who is told how far the work is, and may end it.
pub trait Progress: Sync {
    fn begin(&self, what: &str, steps: usize);
    fn step(&self);
    /// Whether the user wants it to end.
    fn stopped(&self) -> bool;
}

#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// A network that cannot be quantised, or pictures that cannot calibrate it; `reason` says what to do.
    #[error("{name}: {reason}")]
    Refused { name: String, reason: String },
    #[error("{0}")]
    Judge(String),
    #[error("ended early by a signal: nothing was written, and the same command goes on where this one was")]
    Stopped,
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// The model that `spec` describes, with another graph.
pub fn with_graph(spec: &ModelSpec, bytes: Vec<u8>) -> ModelFolder {
    let spec = ModelSpec { sha256: sha256_hex(&bytes), ..spec.clone() };
    ModelFolder { spec, graph: Graph::Memory(Arc::from(bytes)) }
}

/// What calibration is asked for.
pub struct Calibration<'a> {
    pub pictures: &'a [PathBuf],
    pub seed: u64,
    /// Threads, each with a network of its own.
    pub sessions: usize,
    /// Where the statistics are kept until the work is done.
    pub kept_at: Option<PathBuf>,
}
