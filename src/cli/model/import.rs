//! `wayside model import`: a model folder from a bare ONNX file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, ensure};
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};

use super::{golden, word};
use crate::detect::{DetectParams, Detector};
use crate::engine::EngineChoice;
use crate::model::{self, ColorOrder, Draft, Graph, HeadKind, Hints, ModelFolder, Resize, Scores};

/// Makes a model folder of an ONNX file, after the network has run once.
///
/// What the file tells is taken from it: input size, the head where the shapes of the outputs give it away, and the
/// class names that Ultralytics notes in it. What it can't tell has to be said: other class names than COCO's
/// (--labels), the anchors of a yolov2 or yolov3 head (--anchors), and pixels that are not prepared as the head's
/// authors do it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Outputs by which the heads are told apart; cells are those of the grids of stride 8, 16 and 32:
  yolox    [1, cells, 5 + classes]
  yolov2   [1, anchors × (5 + classes), rows, columns]
  yolov3   [1, anchors × (5 + classes), rows, columns] for each grid (also Yolo-Fastest)
  yolov5   [1, 3 × cells, 5 + classes], or [1, 3, rows, columns, 5 + classes] for each grid
  yolov8   [1, 4 + classes, cells] (also YOLO11); or, with the distribution left outside, [1, 64 + classes, cells], or
           [1, 64 + classes, rows, columns] or [1, 64, rows, columns] and [1, classes, rows, columns] for each grid
  nanodet  [1, cells, classes] and [1, cells, 32] for each grid, or [1, cells, classes + 32]

Customs of the heads, taken where no option says otherwise:
  yolox            --color bgr --std 1,1,1 --resize letterbox --pad 114
  yolov2, yolov3   --color rgb --std 255,255,255 --resize stretch
  yolov5, yolov8   --color rgb --std 255,255,255 --resize letterbox_center --pad 114
  nanodet          --color bgr --mean 103.53,116.28,123.675 --std 57.375,57.12,58.395 --resize letterbox --pad 0

Examples:
  wayside model import yolox_nano.onnx --licence Apache-2.0
  wayside model import road.onnx --labels road.names --golden road.jpg
  wayside model import tiny.onnx --anchors \"1.08,1.19 3.42,4.41 6.63,11.38 9.42,5.11 16.62,10.52\"
  wayside model import yolo-fastest.onnx --anchors \"12,18 37,49 52,132 115,73 119,199 242,238\"")]
pub struct Args {
    /// The network. It takes one float picture, [1, 3, height, width] or [1, height, width, 3].
    file: PathBuf,

    /// The folder to make [default: models/ and the file's name without its ending].
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Replace the folder if it is a model folder.
    #[arg(long)]
    force: bool,

    /// Name of the model [default: the folder's].
    #[arg(long)]
    name: Option<String>,

    /// How the outputs become boxes: yolox, yolov2, yolov3, yolov5, yolov8 or nanodet.
    #[arg(long, value_parser = parse_word::<HeadKind>)]
    head: Option<HeadKind>,

    /// Input size in pixels, multiples of 32, where the file leaves it open.
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    size: Option<(u32, u32)>,

    /// Class names, one a line, in the order of the outputs [default: those in the file, else COCO's,
    /// where there are 80].
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,

    /// Anchors as width,height: the line `anchors=` of a darknet .cfg. In grid cells for yolov2; in pixels for yolov3 and
    /// a raw yolov5, as many for each grid, the finest grid first.
    #[arg(long, value_parser = anchors)]
    anchors: Option<Anchors>,

    /// Pixels per cell of each grid, where one output holds all grids and they are not 8, 16 and 32.
    #[arg(long, value_name = "PIXELS,…", value_delimiter = ',')]
    strides: Vec<u32>,

    /// Class values of yolov8 and nanodet: logits or probabilities [default: as the graph shows, else the head's custom].
    #[arg(long, value_parser = parse_word::<Scores>)]
    scores: Option<Scores>,

    /// Order of the channels: rgb or bgr.
    #[arg(long, value_parser = parse_word::<ColorOrder>)]
    color: Option<ColorOrder>,

    /// The network sees (pixel - mean) / std, pixels 0 to 255, per channel in the order of --color.
    #[arg(long, value_name = "A,B,C", value_parser = triple)]
    mean: Option<[f32; 3]>,

    /// See --mean.
    #[arg(long, value_name = "A,B,C", value_parser = triple)]
    std: Option<[f32; 3]>,

    /// How a picture of another shape is fitted: letterbox (top left), letterbox_center or stretch.
    #[arg(long, value_parser = parse_word::<Resize>)]
    resize: Option<Resize>,

    /// Value of the padding of a letterbox, 0 to 255.
    #[arg(long)]
    pad: Option<u8>,

    /// Score below which this model's boxes mean nothing, 0 to 1.
    #[arg(long, value_name = "SCORE")]
    score_threshold: Option<f32>,

    /// The network computes any size (no shape is fixed inside): give it the shape of each frame, at about as many pixels.
    #[arg(long)]
    rect: bool,

    /// Several cells of its grid find each object: let their boxes vote on its place and its score.
    #[arg(long)]
    votes: bool,

    /// Licence of the weights, for the record.
    #[arg(long)]
    licence: Option<String>,

    /// What it was trained on, for the record.
    #[arg(long, value_name = "TEXT")]
    training_data: Option<String>,

    /// Measured accuracy, for the record: data set, figure, and who measured it.
    #[arg(long, value_name = "TEXT")]
    accuracy: Option<String>,

    /// A picture for golden/: what the model finds in it now, `wayside model check` must find again.
    #[arg(long, value_name = "PICTURE")]
    golden: Option<PathBuf>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let output = args.output.unwrap_or_else(|| Path::new("models").join(model::stem(&args.file)));
    let folder_name = output.file_name().map(|name| name.to_string_lossy().into_owned());
    let hints = Hints {
        name: args.name.or(folder_name),
        head: args.head,
        size: args.size,
        labels: args.labels.as_deref().map(read_labels).transpose()?,
        anchors: args.anchors.unwrap_or_default(),
        strides: args.strides,
        scores: args.scores,
        color: args.color,
        mean: args.mean,
        std: args.std,
        resize: args.resize,
        pad: args.pad,
        score_threshold: args.score_threshold,
        rect: args.rect,
        votes: args.votes,
        licence: args.licence,
        training_data: args.training_data,
        accuracy: args.accuracy,
    };
    let bytes = model::read_limited(&args.file)?;
    let spec = model::recognise(&args.file, &bytes, hints)?;
    // Proved before anything is written; the user's file still has the sha256 that was just computed, or is refused.
    let proved = ModelFolder { spec: spec.clone(), graph: Graph::File(args.file) };
    let program = EngineChoice::Auto.load(&proved)?;
    if spec.rect {
        prove_rect(&proved)?;
    }
    let mut detector =
        Detector::new(&spec, program.as_ref(), &DetectParams::for_model(&spec)).with_context(|| proved.to_string())?;
    let draft = Draft::write(&output, &spec, &bytes, args.force)?;
    let golden = match &args.golden {
        Some(picture) => {
            let count = golden::write(&draft, picture, &spec, &mut detector)?;
            format!("; golden/ holds {count} detections")
        }
        None => String::new(),
    };
    draft.publish()?;
    println!(
        "{}: {} {}x{}, {} classes{golden}",
        output.display(),
        word(&spec.head),
        spec.input.width,
        spec.input.height,
        spec.labels.len()
    );
    Ok(ExitCode::SUCCESS)
}

/// Runs the network at a shape that is not its own.
fn prove_rect(model: &ModelFolder) -> anyhow::Result<()> {
    let size = |model: &ModelFolder| (model.spec.input.width, model.spec.input.height);
    let shapes = [(16, 9), (1, 1), (3, 1)].map(|(width, height)| model.for_frames(width, height));
    let Some(other) = shapes.into_iter().find(|other| size(other) != size(model)) else { return Ok(()) };
    let wrong = || format!("--rect: it does not compute a picture of {}x{}", size(&other).0, size(&other).1);
    let program = EngineChoice::Auto.load(&other).with_context(wrong)?;
    Detector::new(&other.spec, program.as_ref(), &DetectParams::for_model(&other.spec)).with_context(wrong)?;
    Ok(())
}

fn read_labels(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let labels: Vec<String> = text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    ensure!(!labels.is_empty(), "{}: holds no class names", file.display());
    Ok(labels)
}

/// A word of model.toml.
fn parse_word<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    let word: StrDeserializer<WordError> = text.into_deserializer();
    T::deserialize(word).map_err(|e| e.to_string())
}

pub fn size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.trim().parse().ok();
    let pair = text.split_once('x').and_then(|(w, h)| Some((side(w)?, side(h)?)));
    pair.ok_or_else(|| "write WIDTHxHEIGHT, for example 640x384".into())
}

fn triple(text: &str) -> Result<[f32; 3], String> {
    let numbers = numbers(text)?;
    numbers.try_into().map_err(|n: Vec<f32>| format!("three numbers are needed, one per channel, not {}", n.len()))
}

type Anchors = Vec<[f32; 2]>;

fn anchors(text: &str) -> Result<Anchors, String> {
    let numbers = numbers(text)?;
    match numbers.as_chunks() {
        (pairs, []) if !pairs.is_empty() => Ok(pairs.to_vec()),
        _ => Err(format!("pairs of width,height are needed, not {} numbers", numbers.len())),
    }
}

/// Numbers between commas and spaces.
fn numbers(text: &str) -> Result<Vec<f32>, String> {
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    words.map(|word| word.parse().map_err(|_| format!("`{word}` is no number"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_their_help_says() {
        assert_eq!(parse_word::<HeadKind>("yolov2"), Ok(HeadKind::Yolov2));
        assert_eq!(parse_word::<Resize>("letterbox_center"), Ok(Resize::LetterboxCenter));
        let error = parse_word::<HeadKind>("yolo9").unwrap_err();
        assert!(error.contains("yolo9") && error.contains("yolov2"), "{error}");
        assert_eq!(size("640x384"), Ok((640, 384)));
        assert!(size("640").is_err() && size("axb").is_err());
        assert_eq!(triple("1, 2,3.5"), Ok([1.0, 2.0, 3.5]));
        assert!(triple("1,2").is_err() && triple("1,2,x").is_err());
        assert_eq!(anchors("1.08,1.19,  3.42,4.41"), Ok(vec![[1.08, 1.19], [3.42, 4.41]]));
        assert_eq!(anchors("1,2 3,4"), Ok(vec![[1.0, 2.0], [3.0, 4.0]]));
        assert!(anchors("1,2,3").is_err() && anchors("").is_err());
    }
}
