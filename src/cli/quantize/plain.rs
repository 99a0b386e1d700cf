//! The model to quantise: a detector, as every verb finds it, or any other network of one picture.

use crate::engine::onnx;
use crate::model::{self, ColorOrder, HeadKind, InputSpec, ModelError, ModelFolder, ModelSpec, Resize, Task};
use crate::quantize::with_graph;

/// How a network that is no detector sees its picture.
#[derive(Debug, clap::Args)]
pub struct PlainArgs {
    /// A network that is no detector: order of its channels, rgb or bgr
    #[arg(long, value_name = "ORDER", value_parser = ["rgb", "bgr"])]
    color: Option<String>,

    /// It sees (pixel - mean) / std, pixels 0 to 255, per channel in the order of --color
    #[arg(long, value_name = "A,B,C", value_parser = triple, requires = "color")]
    mean: Option<[f32; 3]>,

    /// See --mean
    #[arg(long, value_name = "A,B,C", value_parser = triple, requires = "color")]
    std: Option<[f32; 3]>,

    /// Its input size in pixels, where the file leaves it open
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = super::super::model::size, requires = "color")]
    size: Option<(u32, u32)>,
}

/// `A,B,C`
fn triple(text: &str) -> Result<[f32; 3], String> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|number| number.trim().parse::<f32>()).collect();
    let numbers = numbers.ok().filter(|numbers| numbers.iter().all(|number| number.is_finite()));
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| "give three numbers, as 123.7,116.3,103.5".into())
}

/// The model, and whether it is a detector. With --color it is none.
pub fn find(wanted: &str, args: &PlainArgs) -> anyhow::Result<(ModelFolder, bool)> {
    let Some(color) = &args.color else {
        return match model::find(wanted) {
            Err(ModelError::Unrecognised { file, reason }) => anyhow::bail!(
                "{file}: {reason}; or, if it is no detector, say with --color, --mean and --std how it sees its picture"
            ),
            found => Ok((found?, true)),
        };
    };
    let path = std::path::Path::new(wanted);
    let bytes = model::read_limited(path)?;
    let refused = |reason: String| anyhow::anyhow!("{wanted}: {reason}");
    let decoded = onnx::decode(&bytes).map_err(refused)?;
    let (_, width, height) = onnx::picture_input(&decoded, args.size).map_err(refused)?;
    let color = if color == "bgr" { ColorOrder::Bgr } else { ColorOrder::Rgb };
    let (mean, std) = (args.mean.unwrap_or([0.0; 3]), args.std.unwrap_or([1.0; 3]));
    let input = InputSpec { width, height, color, mean, std, resize: Resize::Stretch, pad: 0 };
    // Engines read the input alone; nobody asks what its outputs mean.
    let spec = ModelSpec {
        name: model::stem(path),
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
        sha256: String::new(),
    };
    let checked = ModelSpec { sha256: model::sha256_hex(&bytes), ..spec };
    checked.check().map_err(refused)?;
    Ok((with_graph(&checked, bytes.to_vec()), false))
}
