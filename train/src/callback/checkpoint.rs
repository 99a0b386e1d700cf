//! Saves the model after epochs.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::{Callback, Mode, Training, find};
use crate::Result;
use crate::model::Logs;

/// Keras' ModelCheckpoint: the file is whole at every moment. `{epoch}` in its name becomes the number of the epoch.
#[derive(Debug, Clone)]
pub struct ModelCheckpoint {
    file: PathBuf,
    monitor: String,
    save_best_only: bool,
    best: Option<f32>,
}

impl ModelCheckpoint {
    pub fn new(file: impl Into<PathBuf>) -> Self {
        ModelCheckpoint { file: file.into(), monitor: "val_loss".into(), save_best_only: false, best: None }
    }

    pub fn monitor(mut self, name: &str) -> Self {
        self.monitor = name.into();
        self
    }

    pub fn save_best_only(mut self, only: bool) -> Self {
        self.save_best_only = only;
        self
    }
}

impl Callback for ModelCheckpoint {
    fn epoch_end(&mut self, epoch: usize, logs: &Logs, training: &mut Training) -> Result<()> {
        if self.save_best_only {
            let Some(value) = find(logs, &self.monitor) else { return Ok(()) };
            if self.best.is_some_and(|best| !Mode::of(&self.monitor).better(value, best, 0.0)) {
                return Ok(());
            }
            self.best = Some(value);
        }
        let name = self.file.to_string_lossy().replace("{epoch}", &(epoch + 1).to_string());
        training.model.save(name.as_ref())
    }

    fn state(&self) -> Json {
        json!(self.best)
    }

    fn restore(&mut self, state: &Json) {
        self.best = state.as_f64().map(|best| best as f32);
    }
}
