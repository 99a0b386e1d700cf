//! The learning rate by the epoch.

use serde_json::{Value as Json, json};

use super::{Callback, Training};
use crate::Result;

/// Keras' LearningRateScheduler: `f(epoch, rate) → rate` at the start of each epoch, epochs counted from 0.
pub struct LearningRateScheduler<F> {
    schedule: F,
    /// The epoch whose rate is set: one that is resumed in its middle is not asked for again.
    set: Option<u64>,
}

impl<F: FnMut(usize, f32) -> f32> LearningRateScheduler<F> {
    pub fn new(schedule: F) -> Self {
        LearningRateScheduler { schedule, set: None }
    }
}

impl<F: FnMut(usize, f32) -> f32> Callback for LearningRateScheduler<F> {
    fn epoch_begin(&mut self, epoch: usize, training: &mut Training) -> Result<()> {
        if self.set == Some(epoch as u64) {
            return Ok(());
        }
        self.set = Some(epoch as u64);
        let rate = (self.schedule)(epoch, training.model.learning_rate()?);
        training.model.set_learning_rate(rate)
    }

    fn state(&self) -> Json {
        json!(self.set)
    }

    fn restore(&mut self, state: &Json) {
        self.set = state.as_u64();
    }
}
