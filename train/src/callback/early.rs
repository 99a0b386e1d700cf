//! Ends a training that comes no further.

use burn::tensor::Tensor;
use serde_json::{Value as Json, json};

use super::{Callback, Mode, Training, find};
use crate::Result;
use crate::model::Logs;

/// Keras' EarlyStopping: ends after `patience` epochs without a better value of `monitor`.
#[derive(Debug)]
pub struct EarlyStopping {
    monitor: String,
    mode: Mode,
    min_delta: f32,
    patience: usize,
    restore_best_weights: bool,
    best: Option<f32>,
    waited: usize,
    weights: Vec<Tensor<1>>,
}

impl EarlyStopping {
    pub fn new(monitor: &str, patience: usize) -> Self {
        EarlyStopping {
            monitor: monitor.into(),
            mode: Mode::of(monitor),
            min_delta: 0.0,
            patience,
            restore_best_weights: false,
            best: None,
            waited: 0,
            weights: Vec::new(),
        }
    }

    pub fn min_delta(mut self, delta: f32) -> Self {
        self.min_delta = delta;
        self
    }

    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Ends with the weights of the best epoch.
    pub fn restore_best_weights(mut self, restore: bool) -> Self {
        self.restore_best_weights = restore;
        self
    }
}

impl Callback for EarlyStopping {
    fn epoch_end(&mut self, _epoch: usize, logs: &Logs, training: &mut Training) -> Result<()> {
        let Some(value) = find(logs, &self.monitor) else { return Ok(()) };
        if self.best.is_none_or(|best| self.mode.better(value, best, self.min_delta)) {
            (self.best, self.waited) = (Some(value), 0);
            if self.restore_best_weights {
                self.weights = training.model.weights();
            }
            return Ok(());
        }
        self.waited += 1;
        training.stop |= self.waited >= self.patience;
        Ok(())
    }

    fn train_end(&mut self, training: &mut Training) -> Result<()> {
        // None where no epoch was ended.
        if !self.weights.is_empty() {
            training.model.set_weights(std::mem::take(&mut self.weights));
        }
        Ok(())
    }

    fn state(&self) -> Json {
        json!({ "best": self.best, "waited": self.waited })
    }

    fn restore(&mut self, state: &Json) {
        self.best = state["best"].as_f64().map(|best| best as f32);
        self.waited = state["waited"].as_u64().unwrap_or(0) as usize;
    }

    fn weights(&self) -> &[Tensor<1>] {
        &self.weights
    }

    fn restore_weights(&mut self, weights: Vec<Tensor<1>>) {
        self.weights = weights;
    }
}
