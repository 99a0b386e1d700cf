//! How good a detector is, by the appliance's own decoder, suppression and evaluation.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis};
use wayside::detect::{ClassFilter, DetectParams, Groups, Head, NmsParams, Postprocess};
use wayside::engine::{OutputInfo, Outputs, Tensor};
use wayside::evaluate::detect::{Picture, Report, evaluate};
use wayside::model::ModelSpec;
use wayside::part_file;
use wayside::preprocess::Transform;

use crate::callback::{Callback, Training};
use crate::data::Dataset;
use crate::data::detection::Plain;
use crate::model::{Logs, Model};
use crate::{Error, Result};

/// Low, because precision is looked at over all scores.
const LEAST_SCORE: f32 = 0.01;
const BATCH: usize = 32;

/// How a network does on the validation pictures.
pub struct Measured {
    pub by_class: Report,
    /// All classes as one kind.
    pub as_one: Report,
    /// What was found and what is labelled, by class.
    pub pictures: Vec<Picture>,
}

pub fn measure(model: &Model, val: &Plain, spec: &ModelSpec) -> Result<Measured> {
    let mut postprocess: Option<Postprocess> = None;
    let mut pictures = Vec::new();
    let numbers: Vec<usize> = (0..val.len()).collect();
    for part in numbers.chunks(BATCH) {
        let answers = model.predict_on_batch(&val.batch(part, 0)?.x)?;
        for (place, &number) in part.iter().enumerate() {
            let outputs = outputs_of(&answers, place);
            let postprocess = match &mut postprocess {
                Some(ready) => ready,
                empty => empty.insert(new_postprocess(spec, &outputs)?),
            };
            let mut found = Vec::new();
            let (width, height) = (spec.input.width, spec.input.height);
            let here = Transform { scale_x: 1.0, scale_y: 1.0, offset_x: 0.0, offset_y: 0.0 };
            postprocess
                .step(&outputs, &here, width, height, &mut found)
                .map_err(|error| Error::Model(error.to_string()))?;
            pictures.push(val.judged(number, found.iter().map(|it| (it.bbox, usize::from(it.class), it.score))));
        }
    }
    let as_one: Vec<Picture> = pictures.iter().cloned().map(as_one_kind).collect();
    Ok(Measured { by_class: evaluate(&pictures, spec.labels.len()), as_one: evaluate(&as_one, 1), pictures })
}

fn new_postprocess(spec: &ModelSpec, outputs: &Outputs) -> Result<Postprocess> {
    let infos: Vec<OutputInfo> = (outputs.tensors.iter())
        .map(|tensor| OutputInfo { name: "output".into(), shape: tensor.shape.clone() })
        .collect();
    let refused = |why: String| Error::Model(why);
    let head = Head::new(spec, &infos).map_err(|error| refused(error.to_string()))?;
    let params = DetectParams::for_model(spec);
    let groups = Groups::from_labels(&spec.labels, &params.groups).map_err(|error| refused(error.to_string()))?;
    let DetectParams { iou_threshold, .. } = params;
    let nms = NmsParams { score_threshold: LEAST_SCORE, iou_threshold, groups, votes: spec.votes };
    Ok(Postprocess::new(head, ClassFilter::all(spec.labels.len()), nms))
}

/// Of one sample, channels first as an engine gives them.
fn outputs_of(answers: &[ArrayD<f32>], place: usize) -> Outputs {
    let tensors = answers.iter().map(|answer| {
        let one = answer.index_axis(Axis(0), place).permuted_axes(vec![2, 0, 1]);
        let mut shape = vec![1];
        shape.extend(one.shape());
        Tensor { shape, data: one.iter().copied().collect() }
    });
    Outputs { tensors: tensors.collect() }
}

fn as_one_kind(mut picture: Picture) -> Picture {
    picture.truth.iter_mut().for_each(|it| it.class = 0);
    picture.found.iter_mut().for_each(|it| it.class = 0);
    picture
}

/// A row of ap.csv.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub epoch: usize,
    pub ap50: f64,
    pub ap75: f64,
    pub ap: f64,
}

const HEADER: &str = "epoch,ap50,ap75,ap";

/// What [`Score`] has written.
pub fn read(file: &Path) -> Result<Vec<Row>> {
    let text = fs::read_to_string(file).map_err(|error| Error::file(file, error))?;
    let row = |line: &str| {
        let mut words = line.split(',');
        let epoch = words.next()?.parse().ok()?;
        let mut number = || words.next()?.parse().ok();
        Some(Row { epoch, ap50: number()?, ap75: number()?, ap: number()? })
    };
    Ok(text.lines().filter_map(row).collect())
}

/// Measures AP every few epochs, prints it and writes it down.
pub struct Score<'a> {
    val: &'a Plain,
    spec: ModelSpec,
    every: usize,
    file: PathBuf,
}

impl<'a> Score<'a> {
    pub fn new(val: &'a Plain, spec: ModelSpec, every: usize, file: PathBuf) -> Self {
        Score { val, spec, every: every.max(1), file }
    }
}

impl Callback for Score<'_> {
    fn epoch_end(&mut self, epoch: usize, _logs: &Logs, training: &mut Training) -> Result<()> {
        if !(epoch + 1).is_multiple_of(self.every) && epoch + 1 != training.plan.epochs {
            return Ok(());
        }
        let measured = measure(training.model, self.val, &self.spec)?;
        let (all, classes) = (measured.as_one.all, measured.by_class.all);
        let number = |value: Option<f64>| value.unwrap_or(0.0);
        let row = Row { epoch: epoch + 1, ap50: number(all.ap50), ap75: number(all.ap75), ap: number(all.ap) };
        eprintln!(
            "epoch {}: classes as one AP50 {:.3}, AP75 {:.3}; mean over the classes AP50 {:.3}",
            row.epoch,
            row.ap50,
            row.ap75,
            number(classes.ap50)
        );
        // Of a training that goes on, rows from this epoch on are old.
        let mut rows = if self.file.exists() { read(&self.file)? } else { Vec::new() };
        rows.retain(|old| old.epoch < row.epoch);
        rows.push(row);
        let lines = rows.iter().map(|row| format!("{},{},{},{}\n", row.epoch, row.ap50, row.ap75, row.ap));
        let text = format!("{HEADER}\n{}", lines.collect::<String>());
        part_file::write(&self.file, text.as_bytes()).map_err(|error| Error::file(&self.file, error))
    }
}
