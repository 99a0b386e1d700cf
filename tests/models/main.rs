//! Models from their files: the engines, what it refuses, and `wayside model`.

mod cli;
mod int8;
mod onnx;
mod quantize;
mod refused;
mod run;

use std::path::{Path, PathBuf};

use wayside::model::{ColorOrder, Graph, HeadKind, InputSpec, ModelFolder, ModelSpec, Resize, Task, sha256_hex};

/// `../shared/assets/models/NAME`, where the assets are.
fn asset(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/assets").join(name);
    if !path.exists() {
        eprintln!("skipped: no ../shared/assets");
        return None;
    }
    Some(path)
}

/// A description that feeds raw pixels to a network of this size. Its head is only right for tests of heads.
fn spec(width: u32, height: u32, graph: &[u8]) -> ModelSpec {
    ModelSpec {
        name: "test".into(),
        task: Task::Detect,
        head: HeadKind::Yolox,
        input: InputSpec {
            width,
            height,
            color: ColorOrder::Bgr,
            mean: [0.0; 3],
            std: [1.0; 3],
            resize: Resize::Letterbox,
            pad: 114,
        },
        labels: vec!["car".into(), "bus".into()],
        anchors: Vec::new(),
        strides: Vec::new(),
        scores: None,
        score_threshold: None,
        licence: "none".into(),
        training_data: String::new(),
        accuracy: String::new(),
        sha256: sha256_hex(graph),
    }
}

/// A model in memory.
fn model(spec: ModelSpec, graph: Vec<u8>) -> ModelFolder {
    ModelFolder { spec, graph: Graph::Embedded(graph.leak()) }
}
