//! What a network makes of pictures that have its size already, as 32-bit floats: picture after picture, output after output. For
//! comparisons with other runtimes (tests/reference/faces.py).
//!
//!     cargo run --release --example outputs -- int8 encoder8.onnx rgb 123.7,116.3,103.5/58.4,57.1,57.4 out.f32 pictures.txt

use std::error::Error;
use std::path::{Path, PathBuf};

use wayside::engine::EngineChoice;
use wayside::engine::onnx;
use wayside::model::{ColorOrder, HeadKind, InputSpec, ModelSpec, Resize, Task, sha256_hex};
use wayside::quantize::{inputs, outputs, with_graph};

const USAGE: &str = "six arguments: int8 or tract, MODEL.onnx, rgb or bgr, MEAN,MEAN,MEAN/STD,STD,STD, a file for the numbers, and a \
                     text file with a picture's path a line";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, model, color, normal, out, list] = &arguments[..] else { return Err(USAGE.into()) };
    let engine: EngineChoice = engine.parse()?;
    let (mean, std) = normal.split_once('/').ok_or(USAGE)?;
    let color = if color == "rgb" { ColorOrder::Rgb } else { ColorOrder::Bgr };
    let graph = std::fs::read(model)?;
    let (_, width, height) = onnx::picture_input(&onnx::decode(&graph)?, None)?;
    let (mean, std) = (triple(mean)?, triple(std)?);
    let input = InputSpec { width, height, color, mean, std, resize: Resize::Stretch, pad: 0 };
    let model = with_graph(&spec(input, &graph), graph);
    let pictures: Vec<PathBuf> = std::fs::read_to_string(Path::new(list))?.lines().map(PathBuf::from).collect();
    let program = engine.load(&model)?;
    let mut bytes = Vec::new();
    for picture in outputs(program.as_ref(), &inputs(&model, &pictures, pictures.len())?)? {
        for tensor in picture.tensors {
            bytes.extend(tensor.data.iter().flat_map(|number| number.to_le_bytes()));
        }
    }
    Ok(std::fs::write(out, bytes)?)
}

fn triple(text: &str) -> Result<[f32; 3], Box<dyn Error>> {
    let numbers = text.split(',').map(str::parse).collect::<Result<Vec<f32>, _>>()?;
    numbers.try_into().map_err(|_| USAGE.into())
}

/// Only the input counts: nobody asks what the outputs mean.
fn spec(input: InputSpec, graph: &[u8]) -> ModelSpec {
    ModelSpec {
        name: "outputs".into(),
        task: Task::Detect,
        head: HeadKind::Yolox,
        input,
        labels: vec!["none".into()],
        anchors: Vec::new(),
        strides: Vec::new(),
        scores: None,
        score_threshold: None,
        rect: false,
        votes: false,
        licence: "unknown".into(),
        training_data: String::new(),
        accuracy: String::new(),
        sha256: sha256_hex(graph),
    }
}
