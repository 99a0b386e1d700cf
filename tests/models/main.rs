//! Models from their files: the engines, what it refuses, and `wayside model`.

mod bench;
mod cli;
mod command;
mod int8;
mod onnx;
mod onnxruntime;
mod quantize;
mod refused;
mod run;
mod seeds;

use std::path::PathBuf;

use wayside::model::{ColorOrder, Graph, HeadKind, InputSpec, ModelFolder, ModelSpec, Resize, Task, sha256_hex};
use wayside::preprocess::Letterboxed;

/// This repository. Asked for when it runs: tests that were built for another machine run elsewhere (tests/vm/int8_arm.sh).
fn here() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).into()
}

/// `../shared/assets/NAME`, where the assets are.
fn asset(name: &str) -> Option<PathBuf> {
    let path = here().join("../shared/assets").join(name);
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
        rect: false,
        votes: false,
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

/// The picture that `tests/reference/int8_interpreter.py` calls `pattern`.
fn pattern(width: u32, height: u32) -> Letterboxed {
    let pixel = |y: u32, x: u32, c: u32| (((x * 3 + y * 5 + c * 40) ^ ((x * y) >> 5)) & 255) as u8;
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| pixel(y, x, c))));
    Letterboxed { width, height, pixels: pixels.collect(), ..Letterboxed::default() }
}
