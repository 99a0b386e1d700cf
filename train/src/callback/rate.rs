//! The learning rate by the epoch.

use super::{Callback, Training};
use crate::Result;

/// Keras' LearningRateScheduler: `f(epoch, rate) → rate` at the start of each epoch, epochs counted from 0.
pub struct LearningRateScheduler<F>(F);

impl<F: FnMut(usize, f32) -> f32> LearningRateScheduler<F> {
    pub fn new(schedule: F) -> Self {
        LearningRateScheduler(schedule)
    }
}

impl<F: FnMut(usize, f32) -> f32> Callback for LearningRateScheduler<F> {
    fn epoch_begin(&mut self, epoch: usize, training: &mut Training) -> Result<()> {
        let rate = (self.0)(epoch, training.model.learning_rate()?);
        training.model.set_learning_rate(rate)
    }
}
