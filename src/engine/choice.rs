//! Which engine runs a model: the user's word, or what the file is made for.

use std::fmt;
use std::str::FromStr;

use super::{Engine, EngineError, Int8Engine, Program, TractEngine, graph};
use crate::model::ModelFolder;

/// As in the configuration and on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// Quantised files by the int8 engine, all others, and what it refuses, by tract.
    #[default]
    Auto,
    Tract,
    Int8,
    /// Never chosen by `Auto`: it needs the build's feature and the user's library.
    OnnxRuntime,
}

impl EngineChoice {
    pub const WORDS: &'static [&'static str] = &["auto", "tract", "int8", "onnxruntime"];

    /// Loads the model and says in one line of the log what runs it, and why.
    ///
    /// # Errors
    /// The chosen engine's; with `auto` tract's, where neither can run it.
    pub fn load(self, model: &ModelFolder) -> Result<Box<dyn Program>, EngineError> {
        match self {
            Self::Tract => TractEngine.load(model),
            Self::Int8 => Int8Engine::new().load(model),
            #[cfg(feature = "onnxruntime")]
            Self::OnnxRuntime => super::onnxruntime::OnnxRuntimeEngine.load(model),
            #[cfg(not(feature = "onnxruntime"))]
            Self::OnnxRuntime => Err(EngineError::Load {
                model: model.to_string(),
                reason: "this wayside was built without the engine onnxruntime: build it anew with \
                         `cargo build --release --features onnxruntime`"
                    .into(),
            }),
            Self::Auto if !is_quantised(model)? => {
                log::info!("{model}: engine tract, as the file is not quantised");
                TractEngine.load(model)
            }
            Self::Auto => {
                let int8 = Int8Engine::new();
                match int8.load(model) {
                    Ok(program) => {
                        log::info!("{model}: engine int8 ({}), as the file is quantised", int8.instructions());
                        Ok(program)
                    }
                    Err(EngineError::Load { reason, .. }) => {
                        log::warn!("{model}: engine tract, several times slower, as int8 refuses the file: {reason}");
                        TractEngine.load(model)
                    }
                    Err(other) => Err(other),
                }
            }
        }
    }
}

/// Whether the file computes in 8 bits.
fn is_quantised(model: &ModelFolder) -> Result<bool, EngineError> {
    let refused = |reason| EngineError::Load { model: model.to_string(), reason };
    let proto = graph::parse(&model.read()?).map_err(refused)?;
    let quantised = |op: &str| op == "DequantizeLinear" || op.starts_with("QLinear");
    Ok(graph::graph(&proto).node.iter().any(|node| quantised(&node.op_type)))
}

impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "auto" => Ok(Self::Auto),
            "tract" => Ok(Self::Tract),
            "int8" => Ok(Self::Int8),
            "onnxruntime" => Ok(Self::OnnxRuntime),
            _ => Err(format!("no engine '{word}': there are {}", Self::WORDS.join(", "))),
        }
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Tract => "tract",
            Self::Int8 => "int8",
            Self::OnnxRuntime => "onnxruntime",
        })
    }
}
