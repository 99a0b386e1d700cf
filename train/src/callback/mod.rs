//! What may happen beside a training.

mod average;
mod checkpoint;
mod csv;
mod curves;
mod early;
mod plateau;
mod progress;
mod rate;

use std::path::PathBuf;

use burn::tensor::Tensor;
use serde_json::Value as Json;

use crate::model::{Logs, Model};
use crate::{Error, Result};

pub use average::MovingAverage;
pub use checkpoint::ModelCheckpoint;
pub use csv::CsvLogger;
pub use curves::Curves;
pub use early::EarlyStopping;
pub use plateau::ReduceLrOnPlateau;
pub(crate) use progress::bar;
pub use progress::{Lines, Progress};
pub use rate::LearningRateScheduler;

/// Asked at each turn of a training. Epochs and batches are counted from 0.
pub trait Callback {
    fn train_begin(&mut self, _training: &mut Training) -> Result<()> {
        Ok(())
    }

    fn epoch_begin(&mut self, _epoch: usize, _training: &mut Training) -> Result<()> {
        Ok(())
    }

    fn batch_end(&mut self, _batch: usize, _logs: &Logs, _training: &mut Training) -> Result<()> {
        Ok(())
    }

    fn epoch_end(&mut self, _epoch: usize, _logs: &Logs, _training: &mut Training) -> Result<()> {
        Ok(())
    }

    fn train_end(&mut self, _training: &mut Training) -> Result<()> {
        Ok(())
    }

    /// What it has to know to go on after a kill.
    fn state(&self) -> Json {
        Json::Null
    }

    fn restore(&mut self, _state: &Json) {}

    /// Weights that it has to know as well.
    fn weights(&self) -> &[Tensor<1>] {
        &[]
    }

    fn restore_weights(&mut self, _weights: Vec<Tensor<1>>) {}
}

/// How much there is to do.
#[derive(Debug, Clone, Copy)]
pub struct Batches {
    pub epochs: usize,
    /// Of an epoch.
    pub batches: usize,
}

/// A training as callbacks see it.
pub struct Training<'a> {
    pub model: &'a mut Model,
    pub plan: Batches,
    /// Ends the training after this batch or epoch, for good: it is not resumed.
    pub stop: bool,
    /// Where everything is saved after each epoch.
    pub checkpoint: Option<PathBuf>,
}

impl<'a> Training<'a> {
    pub(crate) fn new(model: &'a mut Model, plan: Batches, checkpoint: Option<PathBuf>) -> Self {
        Training { model, plan, stop: false, checkpoint }
    }
}

/// Whether more or less of a value is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Min,
    Max,
}

impl Mode {
    /// Keras' guess from the name: accuracies, AUC, precision and recall grow.
    pub fn of(monitor: &str) -> Mode {
        let grows = ["accuracy", "auc", "precision", "recall", "ap"].iter().any(|word| monitor.ends_with(word));
        if grows { Mode::Max } else { Mode::Min }
    }

    /// By more than `delta`; any number is better than none.
    fn better(self, value: f32, best: f32, delta: f32) -> bool {
        match self {
            _ if best.is_nan() => !value.is_nan(),
            Mode::Min => value < best - delta,
            Mode::Max => value > best + delta,
        }
    }
}

/// The value of a name that a callback watches.
///
/// # Errors
/// Where nothing of that name is measured: else it would be watched in vain until the end.
fn find(logs: &Logs, name: &str, callback: &str) -> Result<f32> {
    logs.iter().find(|(own, _)| own == name).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = logs.iter().map(|(name, _)| name.as_str()).collect();
        Error::Model(format!("{callback} watches {name}, but only {} are measured", names.join(", ")))
    })
}
