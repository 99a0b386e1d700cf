//! Mutated ONNX files through the int8 engine: it refuses them in one line, or the scalar kernels and the fastest ones
//! give the same bytes. Nothing panics, and nothing takes memory or time without bound.

#![no_main]

#[path = "../mutate.rs"]
mod mutate;

use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use wayside::engine::{Engine, Int8Engine, Outputs};
use wayside::model::{ColorOrder, Graph, HeadKind, InputSpec, ModelFolder, ModelSpec, Resize, Task, sha256_hex};
use wayside::preprocess::Letterboxed;

const SIDE: u32 = 8;

fuzz_target!(|bytes: &[u8]| {
    static ENGINES: OnceLock<Vec<Int8Engine>> = OnceLock::new();
    let engines = ENGINES.get_or_init(Int8Engine::all);
    let graph: *mut [u8] = Box::into_raw(bytes.into());
    // SAFETY: it was just made from a box, and the model that borrows it is dropped before it is freed below.
    let model = ModelFolder { spec: spec(bytes), graph: Graph::Embedded(unsafe { &*graph }) };
    let reference = run(&engines[0], &model);
    if let (Some(fastest), Some(reference)) = (engines[1..].last(), reference) {
        assert_eq!(run(fastest, &model), Some(reference), "{} differs from scalar", fastest.instructions());
    }
    drop(model);
    // SAFETY: the pointer of the box above; no engine keeps the file, and the model is gone.
    drop(unsafe { Box::from_raw(graph) });
});

/// The bits of all outputs; `None` where the file is refused.
fn run(engine: &Int8Engine, model: &ModelFolder) -> Option<Vec<Vec<u32>>> {
    let program = match engine.load(model) {
        Ok(program) => program,
        Err(error) => {
            let reason = error.to_string();
            assert!(!reason.contains('\n'), "{reason}");
            // The engine turns panics into errors; here they are what is looked for.
            assert!(!reason.contains("the engine gave up on this graph"), "{reason}");
            return None;
        }
    };
    let pixels = (0..SIDE * SIDE * 3).map(|i| (i * 37 % 256) as u8).collect();
    let picture = Letterboxed { width: SIDE, height: SIDE, pixels, ..Letterboxed::default() };
    let mut outputs = Outputs::default();
    program.session().unwrap().run(&picture, &mut outputs).expect("what was loaded runs");
    Some(outputs.tensors.iter().map(|tensor| tensor.data.iter().map(|x| x.to_bits()).collect()).collect())
}

fn spec(graph: &[u8]) -> ModelSpec {
    ModelSpec {
        name: "fuzz".into(),
        task: Task::Detect,
        head: HeadKind::Yolox,
        input: InputSpec {
            width: SIDE,
            height: SIDE,
            color: ColorOrder::Bgr,
            mean: [0.0; 3],
            std: [1.0; 3],
            resize: Resize::Letterbox,
            pad: 114,
        },
        labels: vec!["car".into()],
        anchors: Vec::new(),
        strides: Vec::new(),
        scores: None,
        score_threshold: None,
        rect: false,
        votes: false,
        licence: String::new(),
        training_data: String::new(),
        accuracy: String::new(),
        sha256: sha256_hex(graph),
    }
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| mutate::onnx(data, size, max_size, seed));
