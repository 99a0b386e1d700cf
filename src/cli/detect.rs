//! `wayside detect`: the objects of pictures, as lines, JSON and drawn pictures.

use std::collections::{BTreeMap, HashSet};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use image::RgbImage;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::clock::{Clock, SystemClock};
use crate::detect::{DetectParams, Detector};
use crate::detection::Detection;
use crate::draw::{Mark, draw, rgb_from_frame, write_jpg};
use crate::engine::{Engine, TractEngine};
use crate::frame::Frame;
use crate::model::{self, BUILT_IN};
use crate::pipeline::Shutdown;
use crate::source::{picture_paths, read_picture};

/// Finds the objects in pictures and draws them.
///
/// Prints one line per picture: how many of each class, and how long it took from the picture in
/// memory to its objects. With --draw the boxes are drawn over copies; the pictures themselves are
/// never changed.
///
/// Boxes that overlap by more than --iou are one object. Cars, vans, buses, trucks and motorcycles
/// compete with each other, because a van that looks like a car and like a truck is one vehicle;
/// every other class competes with its own kind only.
///
/// Examples:
///   wayside detect street.jpg --model yolox_nano.onnx --draw drawn
///   wayside detect photos/ 'more/*.png' --model yolox_nano.onnx --classes car,bus,truck
///   wayside detect photos/ --model yolox_nano.onnx --json | jq '.detections[].class'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Pictures (jpg, png, webp), folders of pictures, or quoted globs
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<String>,

    /// Folder for the drawn pictures; made where it is missing
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,

    /// Print one JSON object per picture: picture, width, height, ms, detections with class, score and
    /// box [x1, y1, x2, y2] in pixels
    #[arg(long)]
    json: bool,

    /// A model's name (see `wayside model list`), a model folder, or an ONNX file whose head is recognised
    #[arg(long)]
    model: Option<String>,

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

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut pictures = Vec::new();
    for spec in &args.pictures {
        pictures.extend(picture_paths(spec)?);
    }
    let mut detector = detector(&args)?;
    let targets = match &args.draw {
        Some(folder) => Some(targets(folder, &pictures)?),
        None => None,
    };
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;

    let clock = SystemClock::new();
    let bar = progress(pictures.len(), args.quiet);
    let (mut frame, mut found, mut failed) = (Frame::default(), Vec::new(), 0);
    for (index, path) in pictures.iter().enumerate() {
        if shutdown.draining() {
            bar.finish_and_clear();
            eprintln!("ended early by a signal after {index} of {} pictures", pictures.len());
            return Ok(ExitCode::from(130));
        }
        // One bad picture among many is named and passed over; a picture asked for alone is the whole answer.
        if let Err(error) = read_picture(path, &mut frame) {
            anyhow::ensure!(pictures.len() > 1, error);
            bar.suspend(|| eprintln!("wayside: {error}"));
            failed += 1;
            continue;
        }
        let before = clock.mono();
        detector.inner.step(&frame, &mut found)?;
        let report =
            Report { path, frame: &frame, found: &found, labels: &detector.labels, time: clock.mono() - before };
        let line = if args.json { report.json() } else { report.line() };
        bar.suspend(|| writeln!(std::io::stdout(), "{line}")).context("standard output")?;
        if let Some(targets) = &targets {
            report.draw(&targets[index])?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    warn(&detector.inner);
    if failed > 0 {
        eprintln!("{failed} of {} pictures could not be read", pictures.len());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// A detector and the words for its classes.
struct Named {
    inner: Detector,
    labels: Vec<String>,
}

fn detector(args: &Args) -> anyhow::Result<Named> {
    let model = model::find(args.model.as_deref().unwrap_or(BUILT_IN))?;
    if args.model.is_none() && model.is_test_network() {
        anyhow::bail!(
            "the built-in network only sees the synthetic road: name a detector, e.g. --model yolox_nano.onnx"
        );
    }
    let mut params = DetectParams::for_model(&model.spec);
    params.score_threshold = args.score.unwrap_or(params.score_threshold);
    params.iou_threshold = args.iou;
    params.classes = args.classes.clone();
    if args.class_aware {
        params.groups.clear();
    }
    let program = TractEngine.load(&model)?;
    let inner = Detector::new(&model.spec, program.as_ref(), &params)?;
    Ok(Named { inner, labels: model.spec.labels })
}

/// Where each picture's drawing goes: its name with .jpg, numbered where two pictures share a name. Refuses a folder in
/// which a drawing would replace one of the pictures.
fn targets(folder: &Path, pictures: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let originals: HashSet<PathBuf> = pictures.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut taken = HashSet::new();
    let mut target = |picture: &PathBuf| {
        let stem = picture.file_stem().unwrap_or_default().to_string_lossy();
        let names = std::iter::once(format!("{stem}.jpg")).chain((2..).map(|n| format!("{stem}-{n}.jpg")));
        // Proof of `expect`: the names are endless, and only finitely many are taken.
        let name = names.into_iter().find(|name| taken.insert(name.clone())).expect("endless names");
        let target = folder.join(name);
        if target.canonicalize().is_ok_and(|there| originals.contains(&there)) {
            anyhow::bail!("{}: the drawing would replace the picture: name another folder", target.display());
        }
        Ok(target)
    };
    pictures.iter().map(&mut target).collect()
}

/// What was found in one picture.
struct Report<'a> {
    path: &'a Path,
    frame: &'a Frame,
    found: &'a [Detection],
    labels: &'a [String],
    time: Duration,
}

impl Report<'_> {
    fn label(&self, detection: &Detection) -> &str {
        self.labels.get(usize::from(detection.class)).map_or("?", String::as_str)
    }

    fn ms(&self) -> f64 {
        self.time.as_secs_f64() * 1e3
    }

    /// `street.jpg: 7 × car, 1 × bus  (23 ms)`, the most frequent class first.
    fn line(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for detection in self.found {
            *counts.entry(self.label(detection)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let counts: Vec<String> = counts.iter().map(|(label, count)| format!("{count} × {label}")).collect();
        let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
        format!("{}: {counts}  ({:.0} ms)", self.path.display(), self.ms())
    }

    fn json(&self) -> String {
        let detection = |d: &Detection| {
            let b = [d.bbox.x1, d.bbox.y1, d.bbox.x2, d.bbox.y2].map(|side| rounded(side, 10.0));
            json!({ "class": self.label(d), "score": rounded(d.score, 1e4), "box": b })
        };
        json!({
            "picture": self.path.display().to_string(),
            "width": self.frame.width,
            "height": self.frame.height,
            "ms": rounded(self.ms() as f32, 100.0),
            "detections": self.found.iter().map(detection).collect::<Vec<_>>(),
        })
        .to_string()
    }

    fn draw(&self, target: &Path) -> anyhow::Result<()> {
        let marks: Vec<Mark> = self.found.iter().map(|detection| self.mark(detection)).collect();
        let mut picture = RgbImage::default();
        rgb_from_frame(self.frame, &mut picture);
        draw(&mut picture, &marks, &[]);
        Ok(write_jpg(target, &picture)?)
    }

    fn mark(&self, d: &Detection) -> Mark<'_> {
        Mark { bbox: d.bbox, class: d.class, label: self.label(d), score: Some(d.score), track: None, trail: &[] }
    }
}

/// To 1/`parts`, and as the shortest decimal of that.
fn rounded(value: f32, parts: f64) -> f64 {
    (f64::from(value) * parts).round() / parts
}

fn progress(pictures: usize, quiet: bool) -> ProgressBar {
    if quiet || pictures < 2 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} pictures, {eta} left")
        // Proof: the template is a constant, and a test builds it.
        .expect("a valid template");
    ProgressBar::with_draw_target(Some(pictures as u64), ProgressDrawTarget::stderr()).with_style(style)
}

fn warn(detector: &Detector) {
    let counters = detector.counters();
    for (count, what) in [
        (counters.not_finite, "boxes were refused: the network gave numbers that are none"),
        (counters.over_candidates, "candidates beyond the limit were not looked at: raise --score"),
        (counters.over_detections, "pictures had more objects than the limit: the best are reported, raise --score"),
    ] {
        if count > 0 {
            eprintln!("{count} {what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::BBox;

    #[test]
    fn a_line_names_the_most_frequent_class_first() {
        let labels = ["person", "car", "bus"].map(String::from);
        let of = |class| Detection { bbox: BBox::new(1.0, 2.06, 3.0, 4.0), class, score: 0.123456 };
        let frame = Frame::rgb(4, 2, vec![0; 24]);
        let time = Duration::from_micros(23_400);
        let path = Path::new("a/street.jpg");
        let found = [of(2), of(1), of(1)];
        let report = Report { path, frame: &frame, found: &found, labels: &labels, time };
        assert_eq!(report.line(), "a/street.jpg: 2 × car, 1 × bus  (23 ms)");
        assert_eq!(Report { found: &[], ..report }.line(), "a/street.jpg: nothing  (23 ms)");
        let report = Report { path, frame: &frame, found: &found[..1], labels: &labels, time };
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&report.json()).unwrap(),
            json!({
                "picture": "a/street.jpg", "width": 4, "height": 2, "ms": 23.4,
                "detections": [{ "class": "bus", "score": 0.1235, "box": [1.0, 2.1, 3.0, 4.0] }],
            })
        );
    }

    #[test]
    fn drawings_get_names_of_their_own_and_never_replace_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let names = |pictures: &[&str]| {
            let pictures: Vec<PathBuf> = pictures.iter().map(PathBuf::from).collect();
            targets(folder.path(), &pictures).map(|targets| {
                targets.iter().map(|t| t.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
            })
        };
        assert_eq!(names(&["a/x.png", "b/x.jpg", "b/y.webp"]).unwrap(), ["x.jpg", "x-2.jpg", "y.jpg"]);
        let picture = folder.path().join("x.jpg");
        std::fs::write(&picture, "").unwrap();
        let error = names(&[picture.to_str().unwrap()]).unwrap_err().to_string();
        assert!(error.contains("would replace the picture"), "{error}");
    }

    #[test]
    fn the_bar_can_be_built() {
        assert!(ProgressStyle::with_template("{bar:30} {pos}/{len} pictures, {eta} left").is_ok());
        assert!(progress(1, false).is_hidden());
    }
}
