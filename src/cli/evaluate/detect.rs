//! `wayside evaluate detect`: what a model finds in pictures beside what people labelled.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::classes::{Scored, apart, as_one};
use super::detect_report::{Header, Showing, as_json, as_table};
use super::labelled::{LabelledPictures, Seen, picture, rect};
use crate::detect::{DetectParams, Detector, Shapes};
use crate::engine::EngineChoice;
use crate::evaluate::detect::coco::{ResultRow, write_results};
use crate::evaluate::detect::{Picture, Rect, Truth, evaluate};
use crate::model::{self, BUILT_IN};
use crate::pipeline::Shutdown;

/// Finds the objects in labelled pictures and scores them: AP, AP50, AP75 and recall as COCO defines
/// them
///
/// The truth is a COCO file (its images are looked for in --images), or a folder of YOLO labels:
/// NAME.txt for each picture, with classes.txt in the folder or above it. Classes meet labels of the
/// model by name.
///
/// --agnostic scores all classes as one kind: what a vehicle is called does not matter then. The
/// truth may have a class `vehicle`, which means car, van, bus, truck and motorcycle.
///
/// Examples:
///   wayside evaluate detect --images val/ --truth instances.json --model yolox_nano.onnx
///   wayside evaluate detect --images val/images --truth val/labels --model road
///   wayside evaluate detect --images val/ --truth instances.json --agnostic --classes car,bus,truck --model road --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct DetectArgs {
    /// Folder of the pictures.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// COCO json, or a folder of YOLO labels.
    #[arg(long, value_name = "FILE.json|DIR")]
    truth: PathBuf,
    /// Name of a model, a model folder, or an ONNX file [default: vehicle, the built-in one].
    #[arg(long)]
    model: Option<String>,
    /// What runs the network: auto (int8 where the file is quantised), tract, int8 or onnxruntime
    #[arg(long, value_name = "NAME", default_value_t = EngineChoice::Auto)]
    engine: EngineChoice,
    /// Score all classes as one kind.
    #[arg(long)]
    agnostic: bool,
    /// Score these only, separated by commas: classes of the truth, or with --agnostic labels of the model.
    #[arg(long, value_name = "CLASS,…", value_delimiter = ',')]
    classes: Vec<String>,
    /// Least score of a detection: low, because precision is looked at over all scores.
    #[arg(long, default_value_t = 0.01)]
    score: f32,
    /// Boxes that overlap by more than this are one object: intersection over union, 0 to 1.
    #[arg(long, default_value_t = 0.45)]
    iou: f32,
    /// Pictures worked on side by side [default: one per core].
    #[arg(long, value_name = "N")]
    sessions: Option<usize>,
    /// Write the scored detections here, as COCO's tools read them.
    #[arg(long, value_name = "OUT.json")]
    predictions: Option<PathBuf>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    /// No progress bar.
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(args: &DetectArgs) -> anyhow::Result<ExitCode> {
    let pictures = LabelledPictures::read(&args.images, &args.truth)?;
    let (truth, paths) = (&pictures.truth, &pictures.paths);
    let model = model::find(args.model.as_deref().unwrap_or(BUILT_IN))?;
    let scored = match args.agnostic {
        true => as_one(&truth.classes, &model.spec.labels, &args.classes)?,
        false => apart(&truth.classes, &model.spec.labels, &args.classes)?,
    };
    let mut params = DetectParams::for_model(&model.spec);
    (params.score_threshold, params.iou_threshold) = (args.score, args.iou);
    let labels = model.spec.labels.iter().zip(&scored.of_label);
    params.classes = labels.filter(|(_, class)| class.is_some()).map(|(label, _)| label.clone()).collect();
    let shapes = Arc::new(Shapes::load(model.clone(), args.engine, (0, 0))?);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sessions = args.sessions.unwrap_or(cores).clamp(1, paths.len());
    let detectors: Vec<Detector> =
        (0..sessions).map(|_| Detector::of_shapes(&shapes, &params)).collect::<Result<_, _>>()?;

    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;
    let bar = progress(paths.len(), args);
    let found = pictures.find(detectors, &bar, &shutdown)?;
    bar.finish_and_clear();
    if shutdown.draining() {
        eprintln!("ended early by a signal: no figures");
        return Ok(ExitCode::from(130));
    }

    if let Some(path) = &args.predictions {
        write_results(path, &results(&found, truth, &scored))?;
    }
    let pictures: Vec<Picture> = found.into_iter().map(|seen| picture(seen, &scored)).collect();
    let report = evaluate(&pictures, scored.names.len());
    let header = Header {
        model: model.spec.name,
        pictures: pictures.len(),
        agnostic: args.agnostic,
        score: args.score,
        iou: args.iou,
        showing: Showing::of(&pictures, scored.names.len()),
    };
    let text =
        if args.json { as_json(&header, &scored.names, &report) } else { as_table(&header, &scored.names, &report) };
    writeln!(std::io::stdout(), "{text}").context("standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// With the truth's numbers; as one kind, the number of the first class that counts.
fn results(found: &[Seen], truth: &Truth, scored: &Scored) -> Vec<ResultRow> {
    let id_of = |class: usize| {
        let of_truth = scored.of_truth.iter().position(|scored| *scored == Some(class));
        of_truth.map(|index| truth.ids[index])
    };
    let rows = found.iter().flat_map(|seen| {
        seen.found.iter().filter_map(move |detection| {
            let Rect { x, y, width, height } = rect(detection);
            Some(ResultRow {
                image_id: truth.pictures[seen.index].id,
                category_id: id_of(scored.of_label[usize::from(detection.class)]?)?,
                bbox: [x, y, width, height],
                score: f64::from(detection.score),
            })
        })
    });
    rows.collect()
}

fn progress(pictures: usize, args: &DetectArgs) -> ProgressBar {
    if args.quiet || args.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(TEMPLATE)
        // Proof: the template is a constant, and a test builds it.
        .expect("a valid template");
    ProgressBar::with_draw_target(Some(pictures as u64), ProgressDrawTarget::stderr()).with_style(style)
}

const TEMPLATE: &str = "{bar:30} {pos}/{len} pictures, {eta} left";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_built() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
