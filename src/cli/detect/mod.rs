//! `wayside detect`: the objects of pictures and clips, as lines, JSON and drawn pictures.

mod clip;
mod pictures;
mod report;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::detect::{DetectParams, Detector, Shapes};
use crate::engine::EngineChoice;
use crate::model::{self, BUILT_IN};
use crate::pipeline::Shutdown;
use crate::source::picture_paths;

/// Finds the objects in pictures or a clip and draws them
///
/// Prints one line per picture: how many of each class, and how long it took from the picture in
/// memory to its objects; of a clip, one line at its end. With --draw the boxes are drawn over
/// copies; the pictures themselves are never changed.
///
/// Boxes that overlap by more than --iou are one object. Cars, vans, buses, trucks and motorcycles
/// compete with each other, because a van that looks like a car and like a truck is one vehicle;
/// every other class competes with its own kind only.
///
/// Examples:
///   wayside detect street.jpg --model yolox_nano.onnx --draw drawn
///   wayside detect photos/ 'more/*.png' --model yolox_nano.onnx --classes car,bus,truck
///   wayside detect photos/ --model yolox_nano.onnx --json | jq '.detections[].class'
///   wayside detect traffic.mp4 --model yolox_nano.onnx --draw drawn.mp4
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Pictures (jpg, png, webp), folders of pictures, or quoted globs; or one clip
    #[arg(required = true, value_name = "PICTURE|CLIP")]
    inputs: Vec<String>,

    /// Folder for the drawn pictures, made where it is missing; of a clip also an mp4
    #[arg(long, value_name = "DIR|FILE.mp4")]
    draw: Option<PathBuf>,

    /// Of a clip, use each N-th frame
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,

    /// Print one JSON object per picture: picture, width, height, ms, detections with class, score and
    /// box [x1, y1, x2, y2] in pixels; of a clip one per frame, with its number and time in seconds
    #[arg(long)]
    json: bool,

    /// A model's name (see `wayside model list`), a model folder, or an ONNX file whose head is recognised
    #[arg(long)]
    model: Option<String>,

    /// What runs the network: auto (int8 where the file is quantised), tract, int8 or onnxruntime
    #[arg(long, value_name = "NAME", default_value_t = EngineChoice::Auto)]
    engine: EngineChoice,

    /// Least score of a detection, 0 to 1 [default: the model's own, else 0.25]
    #[arg(long)]
    score: Option<f32>,

    /// Boxes that overlap by more than this are one object: intersection over union, 0 to 1
    #[arg(long, default_value_t = 0.45)]
    iou: f32,

    /// Report these labels only, separated by commas (`wayside model show` lists a model's labels)
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',')]
    classes: Vec<String>,

    /// Let boxes compete inside one class only, also among vehicles
    #[arg(long)]
    class_aware: bool,

    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

/// What names the synthetic road.
const SCENE: &str = "scene:";

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let clip = args.inputs.iter().find(|input| is_clip(input));
    if let (Some(clip), true) = (clip, args.inputs.len() > 1) {
        anyhow::bail!("{clip} is a clip: give it alone, pictures and other clips in commands of their own");
    }
    let detector = detector(&args)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;
    match clip {
        Some(clip) => clip::run(clip, &args, detector, &shutdown),
        None => pictures::run(&args, detector, &shutdown),
    }
}

/// A scene, or a file that does not have the name of a picture.
fn is_clip(input: &str) -> bool {
    input.starts_with(SCENE) || (Path::new(input).is_file() && picture_paths(input).is_err())
}

/// A detector and the words for its classes.
struct Named {
    inner: Detector,
    labels: Vec<String>,
}

fn detector(args: &Args) -> anyhow::Result<Named> {
    let model = model::find(args.model.as_deref().unwrap_or(BUILT_IN))?;
    let mut params = DetectParams::for_model(&model.spec);
    params.score_threshold = args.score.unwrap_or(params.score_threshold);
    params.iou_threshold = args.iou;
    params.classes = args.classes.clone();
    if args.class_aware {
        params.groups.clear();
    }
    let labels = model.spec.labels.clone();
    let shapes = Arc::new(Shapes::load(model, args.engine, (0, 0))?);
    Ok(Named { inner: Detector::of_shapes(&shapes, &params)?, labels })
}

/// `length`: of pictures or frames, where it is worth a bar; without one there is none.
fn progress(length: Option<u64>, quiet: bool) -> ProgressBar {
    if quiet || length.is_none() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(TEMPLATE)
        // Proof: the template is a constant, and a test builds it.
        .expect("a valid template");
    ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr()).with_style(style)
}

const TEMPLATE: &str = "{bar:30} {pos}/{len} pictures, {eta} left";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_built() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
        assert!(progress(None, false).is_hidden());
    }

    #[test]
    fn a_file_that_is_no_picture_is_a_clip() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        std::fs::write(path("a.mp4"), "").unwrap();
        std::fs::write(path("a.PNG"), "").unwrap();
        assert!(is_clip(&path("a.mp4")) && is_clip("scene:road"));
        assert!(!is_clip(&path("a.PNG")) && !is_clip(&path("none.mp4")) && !is_clip(&path("")));
    }
}
