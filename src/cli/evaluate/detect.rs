//! `wayside evaluate detect`: what a model finds in pictures beside what people labelled.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::classes::{Scored, apart, as_one};
use super::detect_report::{Header, as_json, as_table};
use crate::detect::{DetectParams, Detector};
use crate::detection::Detection;
use crate::engine::EngineChoice;
use crate::evaluate::detect::coco::{self, ResultRow, write_results};
use crate::evaluate::detect::{Found, Labelled, Picture, Rect, Truth, TruthPicture, evaluate, yolo};
use crate::frame::Frame;
use crate::model::{self, BUILT_IN};
use crate::pipeline::{Shutdown, parallel};
use crate::source::{picture_paths, read_picture};

/// Finds the objects in labelled pictures and scores them: AP, AP50, AP75 and recall as COCO defines them
///
/// The truth is a COCO file (its images are looked for in --images), or a folder of YOLO labels: NAME.txt for each
/// picture, with classes.txt in the folder or above it. Classes meet labels of the model by name.
///
/// --agnostic scores all classes as one kind: what a vehicle is called does not matter then. The truth may have a class
/// `vehicle`, which means car, van, bus, truck and motorcycle.
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
    /// Name of a model, a model folder, or an ONNX file [default: the built-in one, which only sees the synthetic road].
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
    let (truth, paths) = read_truth(args)?;
    let model = model::find(args.model.as_deref().unwrap_or(BUILT_IN))?;
    let scored = match args.agnostic {
        true => as_one(&truth.classes, &model.spec.labels, &args.classes)?,
        false => apart(&truth.classes, &model.spec.labels, &args.classes)?,
    };
    let mut params = DetectParams::for_model(&model.spec);
    (params.score_threshold, params.iou_threshold) = (args.score, args.iou);
    let labels = model.spec.labels.iter().zip(&scored.of_label);
    params.classes = labels.filter(|(_, class)| class.is_some()).map(|(label, _)| label.clone()).collect();
    let program = args.engine.load(&model)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sessions = args.sessions.unwrap_or(cores).clamp(1, paths.len());
    let detectors: Vec<Detector> =
        (0..sessions).map(|_| Detector::new(&model.spec, program.as_ref(), &params)).collect::<Result<_, _>>()?;

    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;
    let work =
        Work { truth: &truth, paths: &paths, next: AtomicUsize::new(0), bar: progress(paths.len(), args), shutdown };
    let mut found = Vec::new();
    for part in parallel(detectors, |detector| work.detect(detector)) {
        found.extend(part?);
    }
    work.bar.finish_and_clear();
    if work.shutdown.draining() {
        eprintln!("ended early by a signal: no figures");
        return Ok(ExitCode::from(130));
    }
    found.sort_by_key(|seen| seen.index);

    if let Some(path) = &args.predictions {
        write_results(path, &results(&found, &truth, &scored))?;
    }
    let pictures: Vec<Picture> = found.into_iter().map(|seen| picture(seen, &scored)).collect();
    let report = evaluate(&pictures, scored.names.len());
    let header = Header {
        model: model.spec.name,
        pictures: pictures.len(),
        agnostic: args.agnostic,
        score: args.score,
        iou: args.iou,
    };
    let text =
        if args.json { as_json(&header, &scored.names, &report) } else { as_table(&header, &scored.names, &report) };
    writeln!(std::io::stdout(), "{text}").context("standard output")?;
    if args.model.is_none() {
        eprintln!(
            "these are figures of the built-in network, which only sees the synthetic road: name a detector with --model"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The truth and the path of each of its pictures.
fn read_truth(args: &DetectArgs) -> anyhow::Result<(Truth, Vec<PathBuf>)> {
    if args.truth.is_dir() {
        let paths = picture_paths(&args.images.to_string_lossy())?;
        return Ok((yolo::read(&args.truth, &paths)?, paths));
    }
    let truth = coco::read(&args.truth)?;
    ensure!(args.images.is_dir(), "{}: no such folder of pictures", args.images.display());
    let paths: Vec<PathBuf> = truth.pictures.iter().map(|picture| place(&args.images, picture)).collect();
    // Missing pictures are found out before minutes of work, not after them.
    let missing: Vec<&PathBuf> = paths.iter().filter(|path| !path.is_file()).collect();
    if let Some(first) = missing.first() {
        bail!(
            "{}: no such picture, and {} names {} that are not there",
            first.display(),
            args.truth.display(),
            missing.len()
        );
    }
    Ok((truth, paths))
}

/// As the truth names it, or without the folders that it names it with.
fn place(images: &Path, picture: &TruthPicture) -> PathBuf {
    let whole = images.join(&picture.file);
    match Path::new(&picture.file).file_name() {
        Some(name) if !whole.is_file() => images.join(name),
        _ => whole,
    }
}

/// What all threads share.
struct Work<'a> {
    truth: &'a Truth,
    paths: &'a [PathBuf],
    /// Index of the first picture that nobody has taken.
    next: AtomicUsize,
    bar: ProgressBar,
    shutdown: Shutdown,
}

/// One picture, with the model's labels and the truth's classes.
struct Seen {
    index: usize,
    found: Vec<Detection>,
    truth: Vec<Labelled>,
}

impl Work<'_> {
    /// Takes pictures until there are none.
    fn detect(&self, mut detector: Detector) -> anyhow::Result<Vec<Seen>> {
        let (mut frame, mut done) = (Frame::default(), Vec::new());
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.paths.get(index).filter(|_| !self.shutdown.draining()) else { return Ok(done) };
            let seen = read_picture(path, &mut frame).map_err(anyhow::Error::from).and_then(|()| {
                let truth = self.truth.pictures[index].boxes_for(frame.width, frame.height);
                let truth = truth.map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
                let mut found = Vec::new();
                detector.step(&frame, &mut found)?;
                Ok(Seen { index, found, truth })
            });
            // The others need not finish what will not be scored.
            done.push(seen.inspect_err(|_| self.next.store(self.paths.len(), Ordering::Relaxed))?);
            self.bar.inc(1);
        }
    }
}

fn rect(detection: &Detection) -> Rect {
    let [x1, y1, x2, y2] = [detection.bbox.x1, detection.bbox.y1, detection.bbox.x2, detection.bbox.y2].map(f64::from);
    Rect { x: x1, y: y1, width: x2 - x1, height: y2 - y1 }
}

/// In the scored classes.
fn picture(seen: Seen, scored: &Scored) -> Picture {
    let truth = seen.truth.into_iter().filter_map(|labelled| {
        let class = scored.of_truth[labelled.class]?;
        Some(Labelled { class, ..labelled })
    });
    let found = seen.found.iter().filter_map(|detection| {
        let class = scored.of_label[usize::from(detection.class)]?;
        Some(Found { rect: rect(detection), class, score: f64::from(detection.score) })
    });
    Picture { truth: truth.collect(), found: found.collect() }
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
