//! A detector, from labelled pictures to a model folder that `wayside count` runs.

mod mistakes;
mod score;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wayside::evaluate::detect::{Picture, Report, precision_recall};
use wayside::model::{ColorOrder, HeadKind, InputSpec, ModelSpec, Resize, Task};

use super::{draw_curves, make_folder};
use crate::callback::{Callback, MovingAverage};
use crate::chart::{self, Line};
use crate::data::Dataset;
use crate::data::detection::{Mosaics, Plain, anchors};
use crate::export::ExportOptions;
use crate::loss::{TaskAligned, YoloGrid};
use crate::model::{Compile, Fit, History, Model};
use crate::optimizer::Muon;
use crate::schedule::Schedule;
use crate::{Error, Result, zoo};

pub use score::Score;

/// How it is trained.
#[derive(Debug, Clone)]
pub struct Detect {
    pub arch: String,
    /// To begin with: weights or a checkpoint of another training, or the model (folder, ONNX file or name) that one of its own made.
    /// What does not fit begins anew.
    pub weights: Option<PathBuf>,
    /// Name of the model.
    pub name: String,
    /// Of the input, in pixels.
    pub side: usize,
    pub epochs: usize,
    /// Batches of an epoch.
    pub steps: usize,
    pub batch_size: usize,
    /// Muon's, of the convolutions, after the warm-up; it falls to a hundredth by a cosine.
    pub learning_rate: f32,
    /// AdamW's, of everything else.
    pub rest_rate: f32,
    /// Momentum of the weights' average.
    pub average: f32,
    /// AP is measured after so many epochs, and at the end.
    pub measure_every: usize,
    pub seed: u64,
    pub device: String,
    /// Licence of the weights and what they were trained on, for model.toml.
    pub licence: String,
    pub training_data: String,
    /// Where checkpoint, curves and model folder go.
    pub out: PathBuf,
    /// Ends the training early where it becomes true: see [`crate::interrupt`].
    pub stop: Arc<AtomicBool>,
}

/// What came out.
#[derive(Debug)]
pub struct Detected {
    pub history: History,
    /// On the validation pictures: by class, and all classes as one kind.
    pub report: Report,
    pub agnostic: Report,
    pub parameters: usize,
    pub device: &'static str,
    /// The model folder.
    pub folder: PathBuf,
}

/// How much the two parts of the loss count, as in YOLOv8.
const CLASS_WEIGHT: f32 = 0.5;
const BOX_WEIGHT: f32 = 7.5;

/// Gradients of a batch that is longer than this are shortened to it.
const CLIP: f32 = 10.0;

/// Samples whose boxes anchors are made of.
const ANCHOR_SAMPLES: usize = 256;

enum NetworkHead {
    /// To the sides, from the centre of a cell.
    Distances,
    /// Of the smallest boxes first, in pixels of the input.
    Anchors(Vec<[f32; 2]>),
}

impl Detect {
    /// Trains on mosaics and measures on pictures as they are. None where it was ended early.
    pub fn run(
        &self,
        train: &Mosaics,
        val: &Plain,
        callbacks: Vec<Box<dyn Callback + '_>>,
    ) -> Result<Option<Detected>> {
        make_folder(&self.out)?;
        let (device, device_name) = crate::device::open(&self.device)?;
        let classes = train.classes().to_vec();
        let network = zoo::by_name(&self.arch, &[self.side, self.side, 3], classes.len())?;
        let mut model = network.reseeded(self.seed).any_size().to_device(&device);
        if let Some(file) = &self.weights {
            let left = self.take_weights(&mut model, file, train)?;
            left.iter().for_each(|name| eprintln!("{name} begins anew: {} has none that fits", file.display()));
        }
        let optimizer = Muon::new(self.schedule(), self.rest_rate).global_clipnorm(CLIP);
        let head = self.head(train)?;
        model.compile(match &head {
            NetworkHead::Distances => {
                Compile::new(optimizer).joint_loss(TaskAligned::default()).loss_weights([CLASS_WEIGHT, BOX_WEIGHT])
            }
            NetworkHead::Anchors(anchors) => {
                Compile::new(optimizer).joint_loss(YoloGrid::new(&zoo::yolo::STRIDES, anchors))
            }
        })?;
        let spec = self.spec(&classes, &head);
        let fit = Fit::new()
            .batch_size(self.batch_size)
            .steps_per_epoch(self.steps)
            .epochs(self.epochs)
            .callback(MovingAverage::new(self.average))
            .callback(Score::new(val, spec.clone(), self.measure_every, self.out.join("ap.csv")))
            .callbacks(callbacks)
            .checkpoint(self.out.join("checkpoint.safetensors"))
            .stop(self.stop.clone());
        let history = model.fit(train, fit)?;
        if history.interrupted() {
            return Ok(None);
        }
        let measured = score::measure(&model, val, &spec)?;
        draw_curves(&self.out.join("loss.svg"), "Loss", "loss", &history, &["loss", "class_loss", "box_loss"])?;
        self.draw_scores()?;
        self.draw_precision(&measured.pictures, &classes)?;
        mistakes::draw(&self.out.join("mistakes.png"), val.set(), &measured.pictures)?;
        let (report, agnostic) = (measured.by_class, measured.as_one);
        let folder = self.out.join(&self.name);
        let spec = ModelSpec { accuracy: accuracy(&agnostic), ..spec };
        model.export_folder(&folder, &spec, &self.options(&classes), true)?;
        let (learning, kept) = model.count_parameters();
        Ok(Some(Detected { history, report, agnostic, parameters: learning + kept, device: device_name, folder }))
    }

    fn take_weights(&self, model: &mut Model, file: &Path, train: &Mosaics) -> Result<Vec<String>> {
        if file.is_file() && file.extension().is_none_or(|extension| extension != "onnx") {
            return model.load_fitting_weights(file);
        }
        let name = file.display().to_string();
        let found = wayside::model::find(&name).map_err(|error| Error::Model(error.to_string()))?;
        let bytes = found.read().map_err(|error| Error::Model(error.to_string()))?;
        let samples: Vec<usize> = (0..train.len().min(self.batch_size)).collect();
        let left = model.load_fitting_onnx(&bytes, &train.batch(&samples, 0)?.x);
        left.map_err(|error| Error::Model(format!("{name}: {error}")))
    }

    fn schedule(&self) -> Schedule {
        let steps = self.epochs * self.steps;
        let warm_up = (steps / 20).min(300);
        let last = self.learning_rate / 100.0;
        Schedule::Cosine { initial: self.learning_rate, last, steps, warm_up }
    }

    fn options(&self, classes: &[String]) -> ExportOptions {
        ExportOptions { labels: classes.to_vec(), fold_batch_norm: true, ..Default::default() }
    }

    /// What the outputs of the network mean; its anchors follow from the boxes of the first pictures that it will see.
    fn head(&self, train: &Mosaics) -> Result<NetworkHead> {
        if self.arch != "yolo_small" {
            return Ok(NetworkHead::Distances);
        }
        let last = self.epochs.saturating_sub(1);
        let samples: Vec<usize> = (0..train.len().min(ANCHOR_SAMPLES)).collect();
        let batch = train.batch(&samples, last)?;
        let sizes: Vec<[f32; 2]> = batch.y[0].outer_iter().map(|row| [row[4] - row[2], row[5] - row[3]]).collect();
        let count = zoo::yolo::ANCHORS * zoo::yolo::STRIDES.len();
        let found = anchors(&sizes, count, self.seed);
        match found.len() == count {
            true => Ok(NetworkHead::Anchors(found)),
            false => Err(Error::Data(format!(
                "{} kinds of boxes in {} samples: too few for anchors",
                found.len(),
                samples.len()
            ))),
        }
    }

    /// What the appliance has to know.
    fn spec(&self, classes: &[String], head: &NetworkHead) -> ModelSpec {
        let side = self.side as u32;
        let (head, anchors) = match head {
            NetworkHead::Distances => (HeadKind::Yolov8, Vec::new()),
            NetworkHead::Anchors(anchors) => (HeadKind::Yolov3, anchors.clone()),
        };
        ModelSpec {
            name: self.name.clone(),
            task: Task::Detect,
            head,
            input: InputSpec {
                width: side,
                height: side,
                color: ColorOrder::Rgb,
                mean: [0.0; 3],
                std: [255.0; 3],
                resize: Resize::Letterbox,
                pad: 114,
            },
            labels: classes.to_vec(),
            anchors,
            strides: Vec::new(),
            scores: None,
            score_threshold: None,
            rect: head == HeadKind::Yolov8,
            votes: head == HeadKind::Yolov8,
            licence: self.licence.clone(),
            training_data: self.training_data.clone(),
            accuracy: String::new(),
            sha256: "0".repeat(64),
        }
    }

    /// AP over the epochs.
    fn draw_scores(&self) -> Result<()> {
        let rows = score::read(&self.out.join("ap.csv"))?;
        let line = |name: &str, of: fn(&score::Row) -> f64| Line {
            name: name.into(),
            points: rows.iter().map(|row| (row.epoch as f64, of(row))).collect(),
        };
        let lines = [line("AP50", |row| row.ap50), line("AP75", |row| row.ap75), line("AP", |row| row.ap)];
        let picture = chart::lines("Average precision, all classes as one", "epoch", "AP", &lines)?;
        chart::write(&self.out.join("ap.svg"), &picture)
    }

    /// Precision over recall, a curve for each class that the pictures show.
    fn draw_precision(&self, pictures: &[Picture], classes: &[String]) -> Result<()> {
        let curves = classes.iter().enumerate().map(|(class, name)| (name.as_str(), precision_recall(pictures, class)));
        let curves: Vec<_> = curves.filter(|(_, points)| !points.is_empty()).collect();
        let picture = chart::precision_recall("Precision and recall, overlap of 0.5", &curves)?;
        chart::write(&self.out.join("precision.svg"), &picture)
    }
}

fn accuracy(agnostic: &Report) -> String {
    let percent = |value: Option<f64>| value.map_or("-".into(), |value| format!("{:.3}", value));
    let all = &agnostic.all;
    format!("validation pictures, classes as one: AP50 {}, AP75 {}", percent(all.ap50), percent(all.ap75))
}
