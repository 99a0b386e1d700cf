//! A network that tells pictures apart.

use std::path::{Path, PathBuf};

use super::{draw_curves, make_folder};
use crate::callback::Callback;
use crate::chart;
use crate::data::augment::Augment;
use crate::data::pictures::Pictures;
use crate::export::{ExportOptions, Normalization};
use crate::loss::SparseCategoricalCrossentropy;
use crate::measure::Confusion;
use crate::metric::SparseCategoricalAccuracy;
use crate::model::{Compile, Fit, History, Model, Predict};
use crate::optimizer::Sgd;
use crate::schedule::Schedule;
use crate::{Result, zoo};

/// How it is trained.
#[derive(Debug, Clone)]
pub struct Classify {
    pub arch: String,
    pub epochs: usize,
    pub batch_size: usize,
    /// Of the first step; it falls to nothing by a cosine.
    pub learning_rate: f32,
    pub augment: bool,
    /// Rare classes count as much as frequent ones.
    pub balance: bool,
    pub seed: u64,
    pub device: String,
    /// Where the network, its checkpoint, curves and matrix go.
    pub out: PathBuf,
}

/// What came out.
#[derive(Debug)]
pub struct Classified {
    pub history: History,
    /// On the validation pictures.
    pub confusion: Confusion,
    pub parameters: usize,
    pub device: &'static str,
}

impl Classify {
    /// Trains on one set and measures on the other.
    pub fn run(&self, train: Pictures, val: &Pictures, callbacks: Vec<Box<dyn Callback>>) -> Result<Classified> {
        make_folder(&self.out)?;
        let (device, device_name) = crate::device::open(&self.device)?;
        let mut model =
            zoo::by_name(&self.arch, &train.size.shape(), train.classes.len())?.reseeded(self.seed).to_device(&device);
        let steps = train.labels.len().div_ceil(self.batch_size) * self.epochs;
        let schedule = Schedule::cosine(self.learning_rate, steps);
        model.compile(
            Compile::new(Sgd::new(schedule).momentum(0.9).nesterov(true))
                .loss(SparseCategoricalCrossentropy::default())
                .metric(SparseCategoricalAccuracy::default()),
        )?;
        let weights = self.balance.then(|| class_weights(&train.counts()));
        let train = if self.augment { train.augmented(Augment::vehicles(self.seed)) } else { train };
        let mut fit = Fit::new()
            .batch_size(self.batch_size)
            .epochs(self.epochs)
            .validation_data(val)
            .callbacks(callbacks)
            .checkpoint(self.out.join("checkpoint.safetensors"));
        if let Some(weights) = weights {
            fit = fit.class_weight(weights);
        }
        let history = model.fit(&train, fit)?;
        let answers = answers(&model, val, self.batch_size)?;
        let confusion = Confusion::of(&val.classes, &val.labels, &answers);
        self.write(&model, &history, &confusion)?;
        let (learning, kept) = model.count_parameters();
        Ok(Classified { history, confusion, parameters: learning + kept, device: device_name })
    }

    fn write(&self, model: &Model, history: &History, confusion: &Confusion) -> Result<()> {
        let file = |name: &str| -> PathBuf { Path::new(&self.out).join(name) };
        draw_curves(&file("loss.svg"), "Loss", "loss", history, &["loss", "val_loss"])?;
        draw_curves(&file("accuracy.svg"), "Accuracy", "accuracy", history, &["accuracy", "val_accuracy"])?;
        let title = format!("Accuracy {:.2} %", 100.0 * confusion.accuracy());
        chart::write(&file("confusion.svg"), &chart::confusion(&title, confusion)?)?;
        let options = ExportOptions {
            labels: confusion.classes.clone(),
            normalization: Some(Normalization { mean: vec![0.0; 3], std: vec![255.0; 3] }),
            fold_batch_norm: true,
            ..Default::default()
        };
        model.export(file("model.onnx"), &options)
    }
}

/// The class with the highest score, for each picture.
fn answers(model: &Model, pictures: &Pictures, batch_size: usize) -> Result<Vec<usize>> {
    let scores = model.predict(pictures, Predict::new().batch_size(batch_size))?.remove(0);
    Ok(scores
        .outer_iter()
        .map(|row| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |best| best.0))
        .collect())
}

/// Inverse to how often a class occurs, one on average over the pictures.
fn class_weights(counts: &[usize]) -> Vec<f32> {
    let (all, classes) =
        (counts.iter().sum::<usize>() as f32, counts.iter().filter(|&&count| count > 0).count() as f32);
    counts.iter().map(|&count| if count == 0 { 0.0 } else { all / (classes * count as f32) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_classes_weigh_more_and_all_pictures_together_as_much_as_before() {
        let weights = class_weights(&[10, 30, 0]);
        assert_eq!(weights, [2.0, 2.0 / 3.0, 0.0]);
    }
}
