//! What a network is worth: AP50 on labelled pictures, or agreement with the float network.

use std::cell::OnceCell;
use std::path::PathBuf;

use anyhow::ensure;
use indicatif::ProgressBar;

use super::super::evaluate::classes::{Scored, apart, as_one};
use super::super::evaluate::labelled::{LabelledPictures, Seen, picture, rect};
use super::{Args, Bar, load};
use crate::detect::{DetectParams, Detector};
use crate::engine::{EngineChoice, Outputs};
use crate::evaluate::detect::{Labelled, Picture, Truth, TruthPicture, evaluate};
use crate::model::ModelFolder;
use crate::quantize::{Judge, Progress, QuantizeError, inputs, outputs};

/// Least score of a detection that is scored: low, because precision is looked at over all scores.
const LEAST_SCORE: f32 = 0.01;
/// Pictures on which agreement is measured, of those to calibrate with.
const COMPARED: usize = 100;

/// See the module.
pub struct Measure<'a> {
    kind: Kind,
    sessions: usize,
    bar: &'a Bar,
}

enum Kind {
    /// Against labels.
    Truth { pictures: LabelledPictures, scored: Scored },
    /// Against the float network's boxes, once they are known.
    Boxes { pictures: LabelledPictures, float: OnceCell<Vec<Vec<Labelled>>> },
    /// Against the float network's outputs.
    Cosine { pictures: Vec<PathBuf>, float: OnceCell<Vec<Outputs>> },
}

impl<'a> Measure<'a> {
    pub fn new(
        args: &Args,
        model: &ModelFolder,
        detects: bool,
        calibration: &[PathBuf],
        sessions: usize,
        bar: &'a Bar,
    ) -> anyhow::Result<Self> {
        let kind = match (&args.evaluate, &args.images) {
            (Some(truth), Some(images)) => {
                let pictures = LabelledPictures::read(images, truth)?;
                let (classes, labels) = (&pictures.truth.classes, &model.spec.labels);
                let scored = match args.agnostic {
                    true => as_one(classes, labels, &args.classes)?,
                    false => apart(classes, labels, &args.classes)?,
                };
                let counted = |boxed: &Labelled| scored.of_truth[boxed.class].is_some();
                let boxes = pictures.truth.pictures.iter().flat_map(|picture| &picture.boxes).filter(|b| counted(b));
                ensure!(boxes.count() > 0, "{}: labels no object of the scored classes", truth.display());
                Kind::Truth { pictures, scored }
            }
            _ => {
                let step = calibration.len().div_ceil(COMPARED).max(1);
                let paths: Vec<PathBuf> = calibration.iter().step_by(step).cloned().collect();
                match detects {
                    true => Kind::Boxes { pictures: unlabelled(paths, &model.spec.labels), float: OnceCell::new() },
                    false => Kind::Cosine { pictures: paths, float: OnceCell::new() },
                }
            }
        };
        Ok(Self { kind, sessions, bar })
    }

    /// Of the points.
    pub fn what(&self) -> String {
        match &self.kind {
            Kind::Truth { pictures, scored } => {
                format!("AP50 of {} on {} labelled pictures:", scored.names.join(", "), pictures.paths.len())
            }
            Kind::Boxes { pictures, .. } => {
                format!("AP50 with the float network's boxes as truth, {} pictures:", pictures.paths.len())
            }
            Kind::Cosine { pictures, .. } => {
                format!("cosine with the float network's outputs in percent, {} pictures:", pictures.len())
            }
        }
    }

    /// Points that may be lost where the user names none. Two networks that are equally good on labels still differ in
    /// boxes that either may be wrong about.
    pub fn budget(&self) -> f64 {
        match self.kind {
            Kind::Truth { .. } | Kind::Cosine { .. } => 1.0,
            Kind::Boxes { .. } => 5.0,
        }
    }

    /// What it finds in the pictures, in any label that counts.
    fn detect(
        &self,
        model: &ModelFolder,
        engine: EngineChoice,
        pictures: &LabelledPictures,
        classes: Vec<String>,
    ) -> Result<Vec<Seen>, QuantizeError> {
        let program = load(model, engine)?;
        let score_threshold = LEAST_SCORE;
        let params = DetectParams { score_threshold, classes, ..DetectParams::for_model(&model.spec) };
        let judged = |error: &dyn std::fmt::Display| QuantizeError::Judge(error.to_string());
        let sessions = self.sessions.clamp(1, pictures.paths.len().max(1));
        let detectors = (0..sessions).map(|_| Detector::new(&model.spec, program.as_ref(), &params));
        let detectors = detectors.collect::<Result<Vec<_>, _>>().map_err(|error| judged(&error))?;
        self.bar.begin("measuring", pictures.paths.len());
        let seen = pictures.find(detectors, self.bar_itself(), &self.bar.shutdown).map_err(|error| judged(&error))?;
        if self.bar.stopped() { Err(QuantizeError::Stopped) } else { Ok(seen) }
    }

    fn bar_itself(&self) -> &ProgressBar {
        &self.bar.bar
    }
}

impl Judge for Measure<'_> {
    fn points(&self, model: &ModelFolder, engine: EngineChoice) -> Result<f64, QuantizeError> {
        match &self.kind {
            Kind::Truth { pictures, scored } => {
                let labels = model.spec.labels.iter().zip(&scored.of_label);
                let wanted = labels.filter(|(_, class)| class.is_some()).map(|(label, _)| label.clone()).collect();
                let seen = self.detect(model, engine, pictures, wanted)?;
                Ok(ap50(seen.into_iter().map(|seen| picture(seen, scored)).collect(), scored.names.len()))
            }
            Kind::Boxes { pictures, float } => {
                let seen = self.detect(model, engine, pictures, Vec::new())?;
                let least = f64::from(model.spec.score_threshold.unwrap_or(0.25));
                let truth = match float.get() {
                    Some(truth) => truth,
                    None => {
                        let truth = boxes(&seen, least);
                        if truth.iter().all(Vec::is_empty) {
                            return Err(QuantizeError::Refused {
                                name: model.to_string(),
                                reason:
                                    "finds nothing in the pictures to calibrate with, so there is nothing to agree \
                                         about: give pictures of what it detects, or labelled ones with --evaluate"
                                        .into(),
                            });
                        }
                        float.get_or_init(|| truth)
                    }
                };
                let labelled = seen.into_iter().map(|seen| Seen { truth: truth[seen.index].clone(), ..seen });
                let classes = model.spec.labels.len();
                Ok(agreement(labelled.map(|seen| picture(seen, &every(classes))).collect(), classes))
            }
            Kind::Cosine { pictures, float } => {
                let program = load(model, engine)?;
                let found = outputs(program.as_ref(), &inputs(model, pictures, pictures.len())?)?;
                let reference = float.get_or_init(|| found.clone());
                Ok(100.0 * cosine(reference, &found))
            }
        }
    }
}

fn ap50(pictures: Vec<Picture>, classes: usize) -> f64 {
    100.0 * evaluate(&pictures, classes).all.ap50.unwrap_or_default()
}

/// AP50 with each class at the weight of its boxes: of 80 classes most show once or never in the pictures, and a single box would count
/// as much as all cars.
fn agreement(pictures: Vec<Picture>, classes: usize) -> f64 {
    let classes = evaluate(&pictures, classes).classes;
    let all = classes.iter().map(|class| class.boxes).sum::<usize>().max(1) as f64;
    let points = classes.iter().map(|class| class.boxes as f64 * class.ap50.unwrap_or_default());
    100.0 * points.sum::<f64>() / all
}

/// Boxes of at least that score, as labels.
fn boxes(seen: &[Seen], least: f64) -> Vec<Vec<Labelled>> {
    let of_picture = |seen: &Seen| {
        let sure = seen.found.iter().filter(|detection| f64::from(detection.score) >= least);
        sure.map(|detection| {
            let rect = rect(detection);
            Labelled { rect, class: usize::from(detection.class), crowd: false, area: rect.area() }
        })
        .collect()
    };
    seen.iter().map(of_picture).collect()
}

fn unlabelled(paths: Vec<PathBuf>, labels: &[String]) -> LabelledPictures {
    let picture = |(id, path): (usize, &PathBuf)| TruthPicture {
        id: id as i64,
        file: path.display().to_string(),
        size: None,
        boxes: Vec::new(),
    };
    let pictures = paths.iter().enumerate().map(picture).collect();
    LabelledPictures { truth: Truth { classes: labels.to_vec(), ids: Vec::new(), pictures }, paths }
}

/// Each label for itself.
fn every(classes: usize) -> Scored {
    let all: Vec<Option<usize>> = (0..classes).map(Some).collect();
    Scored { names: Vec::new(), of_truth: all.clone(), of_label: all }
}

/// Mean over pictures of the cosine over all outputs together, each output at the same weight.
fn cosine(reference: &[Outputs], found: &[Outputs]) -> f64 {
    let of_tensor = |a: &[f32], b: &[f32]| {
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
        let sizes = (dot(a, a) * dot(b, b)).sqrt();
        // Nothing is like nothing, and unlike everything else.
        if sizes > 0.0 { dot(a, b) / sizes } else { f64::from(u8::from(a == b)) }
    };
    let of_picture = |(a, b): (&Outputs, &Outputs)| {
        let pairs = a.tensors.iter().zip(&b.tensors).map(|(a, b)| of_tensor(&a.data, &b.data));
        pairs.sum::<f64>() / a.tensors.len().max(1) as f64
    };
    reference.iter().zip(found).map(of_picture).sum::<f64>() / reference.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Tensor;

    fn outputs_of(data: &[f32]) -> Vec<Outputs> {
        vec![Outputs { tensors: vec![Tensor { shape: vec![1, data.len()], data: data.to_vec() }] }]
    }

    #[test]
    fn the_cosine_knows_directions_only() {
        let of = |a: &[f32], b: &[f32]| cosine(&outputs_of(a), &outputs_of(b));
        assert!((of(&[1.0, 2.0], &[2.0, 4.0]) - 1.0).abs() < 1e-12);
        assert_eq!(of(&[1.0, 0.0], &[0.0, 1.0]), 0.0);
        assert_eq!((of(&[0.0], &[0.0]), of(&[0.0], &[1.0])), (1.0, 0.0));
    }
}
