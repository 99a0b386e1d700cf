//! What runs a network. The seam is [`Engine`] → [`Program`] → [`Session`]; each engine is one file (or folder).
//!
//! Not here: what the outputs mean (detect/heads/), threads (pipeline/). An engine takes the letterboxed u8 picture
//! itself: colour order and normalisation belong to it, because a quantised engine folds them into its first layer.

mod choice;
mod graph;
mod guard;
mod input;
mod int8;
pub mod onnx;
#[cfg(feature = "onnxruntime")]
mod onnxruntime;
mod tract;

pub use choice::EngineChoice;
pub use graph::{GraphInfo, TensorInfo, inspect};
pub use int8::Int8Engine;
pub use tract::TractEngine;

use std::time::Duration;

use crate::clock::Clock;
use crate::model::{ModelError, ModelFolder};
use crate::preprocess::Letterboxed;

/// Loads models. Slow, once per model.
pub trait Engine: Send + Sync {
    fn name(&self) -> &'static str;

    /// Parses, optimises and warms up.
    fn load(&self, model: &ModelFolder) -> Result<Box<dyn Program>, EngineError>;
}

/// A network ready to run, shared by all sessions.
pub trait Program: Send + Sync {
    /// [`Engine::name`] of the engine that runs it.
    fn engine(&self) -> &'static str;

    /// Names and shapes of the outputs, in graph order, batch dimension included.
    fn outputs(&self) -> &[OutputInfo];

    /// Multiplications and additions per second that this processor can do at most, as the engine does them, on one core: measured, in
    /// some milliseconds. `None` where the engine cannot tell.
    fn peak(&self, _clock: &dyn Clock) -> Option<f64> {
        None
    }

    /// A session owns its scratch memory: one per thread.
    fn session(&self) -> Result<Box<dyn Session>, EngineError>;
}

pub trait Session: Send {
    /// Runs the network on `input` (`height × width × 3` u8, the size of the model's input, in the model's colour
    /// order) and overwrites `outputs`. Buffers are reused: no allocation of ours after the first call.
    fn run(&mut self, input: &Letterboxed, outputs: &mut Outputs) -> Result<(), EngineError>;

    /// A run in which each step is timed; empty where the engine cannot tell.
    fn profile(
        &mut self,
        input: &Letterboxed,
        outputs: &mut Outputs,
        _clock: &dyn Clock,
    ) -> Result<Vec<StepTime>, EngineError> {
        self.run(input, outputs)?;
        Ok(Vec::new())
    }
}

/// What one step of a network cost.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTime {
    /// The node of the file that the step begins with.
    pub node: String,
    /// "conv 1x1", "depthwise 3x3", "move", …
    pub kind: String,
    /// Multiplications and additions of its convolution; 0 for other steps.
    pub operations: u64,
    pub time: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OutputInfo {
    pub name: String,
    pub shape: Vec<usize>,
}

/// One output tensor: row-major f32, batch dimension included.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// All outputs of one run, in the order of [`Program::outputs`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outputs {
    pub tensors: Vec<Tensor>,
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file is no network, or one that this engine cannot run; `reason` names the node where it knows it.
    #[error("{model}: {reason}")]
    Load { model: String, reason: String },
    #[error("{model}: inference failed: {reason}")]
    Run { model: String, reason: String },
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// The causes of tract's error, outermost first, as one line.
fn one_line(error: &tract_onnx::prelude::TractError) -> String {
    let causes: Vec<String> = error.chain().map(|cause| cause.to_string()).collect();
    short_line(&causes.join(": "))
}

/// A library's message as one line of bearable length: tract quotes whole nodes.
fn short_line(message: &str) -> String {
    const LONGEST: usize = 300;
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
