//! Smaller steps where a training comes no further.

use serde_json::{Value as Json, json};

use super::{Callback, Mode, Training, find};
use crate::Result;
use crate::model::Logs;

/// Keras' ReduceLROnPlateau: the rate times `factor` after `patience` epochs without a better value of `monitor`.
#[derive(Debug, Clone)]
pub struct ReduceLrOnPlateau {
    monitor: String,
    factor: f32,
    patience: usize,
    min_delta: f32,
    min_rate: f32,
    mode: Mode,
    cooldown: usize,
    best: Option<f32>,
    waited: usize,
    resting: usize,
}

impl ReduceLrOnPlateau {
    pub fn new(monitor: &str) -> Self {
        ReduceLrOnPlateau {
            monitor: monitor.into(),
            factor: 0.1,
            patience: 10,
            min_delta: 1e-4,
            min_rate: 0.0,
            mode: Mode::of(monitor),
            cooldown: 0,
            best: None,
            waited: 0,
            resting: 0,
        }
    }

    pub fn factor(mut self, factor: f32) -> Self {
        self.factor = factor;
        self
    }

    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// Less than this is no better value; 1e-4 unless set.
    pub fn min_delta(mut self, delta: f32) -> Self {
        self.min_delta = delta;
        self
    }

    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Epochs after each lowering in which nothing is counted.
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    pub fn min_rate(mut self, rate: f32) -> Self {
        self.min_rate = rate;
        self
    }
}

impl Callback for ReduceLrOnPlateau {
    fn epoch_end(&mut self, _epoch: usize, logs: &Logs, training: &mut Training) -> Result<()> {
        let value = find(logs, &self.monitor, "ReduceLrOnPlateau")?;
        if self.resting > 0 {
            self.resting -= 1;
            self.waited = 0;
        }
        if self.best.is_none_or(|best| self.mode.better(value, best, self.min_delta)) {
            (self.best, self.waited) = (Some(value), 0);
            return Ok(());
        }
        if self.resting > 0 {
            return Ok(());
        }
        self.waited += 1;
        if self.waited >= self.patience {
            (self.waited, self.resting) = (0, self.cooldown);
            let rate = training.model.learning_rate()?;
            if rate > self.min_rate {
                training.model.scale_learning_rate(self.factor.max(self.min_rate / rate))?;
            }
        }
        Ok(())
    }

    fn state(&self) -> Json {
        json!({ "best": self.best, "waited": self.waited, "resting": self.resting })
    }

    fn restore(&mut self, state: &Json) {
        self.best = state["best"].as_f64().map(|best| best as f32);
        self.waited = state["waited"].as_u64().unwrap_or(0) as usize;
        self.resting = state["resting"].as_u64().unwrap_or(0) as usize;
    }
}
