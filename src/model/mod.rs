//! Model folders: `model.onnx` + `model.toml`, the one contract between training and serving.
//!
//! Not here: running a network (engine/), decoding its outputs (detect/heads/).

mod inspect;
#[cfg(feature = "pull")]
pub mod pull;
mod search;
mod spec;
mod write;

pub use inspect::{Hints, recognise, stem};
pub use search::{BUILT_IN, EMBEDDED, Embedded, Listed, find, find_in, list, search_dirs};
pub use spec::{ColorOrder, HeadKind, InputSpec, ModelSpec, Resize, Scores, Task, coco_labels};
pub use write::Draft;

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::limits::MAX_MODEL_BYTES;

/// The two files of a model folder.
pub const SPEC_FILE: &str = "model.toml";
pub const GRAPH_FILE: &str = "model.onnx";

/// Where a pulled model came from, beside the two.
pub const SOURCE_FILE: &str = "source.toml";

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
    /// In the making, in no file yet.
    Memory(Arc<[u8]>),
}

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: no such file or folder; `wayside model list` prints the models that have a name", .0.display())]
    Missing(PathBuf),
    #[error("{}: no model folder, {SPEC_FILE} is missing; `wayside model import FILE.onnx` makes one", .0.display())]
    NoSpec(PathBuf),
    /// `model.toml` can't be used; `reason` has the line where it is known.
    #[error("{file}: {reason}")]
    Spec { file: String, reason: String },
    #[error("{}: larger than {} MiB, which no network for a board is", .0.display(), MAX_MODEL_BYTES >> 20)]
    TooLarge(PathBuf),
    #[error(
        "{file}: sha256 is {found}, {SPEC_FILE} says {expected}: the file was changed or damaged; \
         copy it again, or import it anew with `wayside model import`"
    )]
    Sha256 { file: String, expected: String, found: String },
    /// A graph whose meaning isn't known; `reason` says what to do.
    #[error("{file}: {reason}")]
    Unrecognised { file: String, reason: String },
    #[error("no model `{name}`: looked in {looked}; known are: {known} (`wayside model list`)")]
    NotFound { name: String, looked: String, known: String },
}

impl ModelFolder {
    /// Reads `folder/model.toml` and checks every value in it. The graph is read, and its sha256 checked, by
    /// [`Self::read`].
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let file = folder.join(SPEC_FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(ModelError::NoSpec(folder.into())),
            Err(source) => return Err(ModelError::Io { path: file, source }),
        };
        let spec =
            ModelSpec::parse(&text).map_err(|reason| ModelError::Spec { file: file.display().to_string(), reason })?;
        Ok(Self { spec, graph: Graph::File(folder.join(GRAPH_FILE)) })
    }

    /// The bytes of the graph, after comparison with the sha256 of the description: what is checked is what is run.
    pub fn read(&self) -> Result<Cow<'static, [u8]>, ModelError> {
        let bytes = match &self.graph {
            Graph::File(path) => Cow::Owned(read_limited(path)?),
            Graph::Embedded(bytes) => Cow::Borrowed(*bytes),
            Graph::Memory(bytes) => Cow::Owned(bytes.to_vec()),
        };
        let found = sha256_hex(&bytes);
        if found != self.spec.sha256 {
            let file = match &self.graph {
                Graph::File(path) => path.display().to_string(),
                Graph::Embedded(_) => format!("{} (built in)", self.spec.name),
                Graph::Memory(_) => self.spec.name.clone(),
            };
            return Err(ModelError::Sha256 { file, expected: self.spec.sha256.clone(), found });
        }
        Ok(bytes)
    }

    /// The model for frames of this size: itself, or where it is `rect` the same with an input of their shape.
    pub fn for_frames(&self, width: u32, height: u32) -> Self {
        let mut model = self.clone();
        model.spec.input = self.spec.input_for(width, height);
        model
    }

    /// Whether it only sees the synthetic road and is of no use on real pictures: models/scene.
    pub fn is_test_network(&self) -> bool {
        self.spec.name == "scene"
    }
}

/// For messages: the name, and the file where that isn't obvious from it.
impl fmt::Display for ModelFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.graph {
            Graph::File(path) => write!(f, "{}", path.display()),
            Graph::Embedded(_) => write!(f, "{} (built in)", self.spec.name),
            Graph::Memory(_) => write!(f, "{}", self.spec.name),
        }
    }
}

/// Reads a graph of at most [`MAX_MODEL_BYTES`].
pub fn read_limited(path: &Path) -> Result<Vec<u8>, ModelError> {
    let io = |source| ModelError::Io { path: path.into(), source };
    let mut bytes = Vec::new();
    // The limit holds while reading too: a pipe or a growing file has no length to ask for.
    let file = fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() > MAX_MODEL_BYTES {
        return Err(ModelError::TooLarge(path.into()));
    }
    file.take(MAX_MODEL_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_MODEL_BYTES {
        return Err(ModelError::TooLarge(path.into()));
    }
    Ok(bytes)
}

/// Lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
