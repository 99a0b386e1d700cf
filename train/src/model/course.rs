//! The training loop.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::Evaluate;
use super::fit::Fit;
use super::history::{History, Logs};
use super::loader::Plan;
use super::tally::Tally;
use crate::callback::{Callback, Training};
use crate::data::Batch;
use crate::{Error, Result};

/// Where a training stands: all that a checkpoint holds beside weights, optimizer and callbacks.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Whole epochs done, and batches of the next one.
    pub epoch: usize,
    pub batch: usize,
    /// Over these batches.
    pub tally: Tally,
    pub history: History,
    /// A callback ended it: it does not go on.
    pub finished: bool,
}

/// A training on its way.
pub(super) struct Course<'a, 'm> {
    pub training: Training<'m>,
    pub how: &'a Fit<'a>,
    pub callbacks: Vec<Box<dyn Callback + 'a>>,
    pub validation: Option<Plan<'a>>,
    pub progress: Progress,
}

impl Course<'_, '_> {
    pub fn run(&mut self, batches: &Receiver<Result<Batch>>) -> Result<()> {
        self.each(|callback, training| callback.train_begin(training))?;
        while self.progress.epoch < self.how.epochs && !self.progress.finished {
            let epoch = self.progress.epoch;
            self.each(|callback, training| callback.epoch_begin(epoch, training))?;
            if !self.learn(batches)? {
                self.save()?;
                break;
            }
            self.measure()?;
            self.save()?;
        }
        self.each(|callback, training| callback.train_end(training))
    }

    /// The batches of an epoch, or what is left of them; false where it was ended before the last one.
    fn learn(&mut self, batches: &Receiver<Result<Batch>>) -> Result<bool> {
        let (epoch, count) = (self.progress.epoch, self.training.plan.batches);
        if self.progress.batch == 0 {
            self.progress.tally = Tally::default();
            self.training.model.reset_metrics()?;
        }
        while self.progress.batch < count {
            let number = self.progress.batch;
            // The loader sends as many as are asked for.
            let batch = batches.recv().map_err(|_| Error::Data("the thread that loads batches is gone".into()))??;
            let model = &mut *self.training.model;
            let prepared = model.prepare(&batch, self.how.class_weight.as_deref())?;
            let (size, weights) = (prepared.size, prepared.weights.clone());
            let outcome = model.learn(prepared, ((epoch as u64) << 32) | number as u64)?;
            if !outcome.loss.is_finite() {
                return Err(self.diverged(outcome.loss));
            }
            self.progress.tally.add(model, &batch, &outcome, size, weights.as_deref())?;
            self.progress.batch += 1;
            let logs = model.logs(&self.progress.tally)?;
            self.each(|callback, training| callback.batch_end(number, &logs, training))?;
            if self.how.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                self.progress.history.interrupt();
                return Ok(false);
            }
            if self.training.stop {
                self.progress.finished = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ends an epoch: validation, history, callbacks.
    fn measure(&mut self) -> Result<()> {
        let mut logs: Logs = self.training.model.logs(&self.progress.tally)?;
        if let Some(plan) = &self.validation {
            let mut measure = Evaluate::new();
            measure.steps = self.how.validation_steps;
            let values = self.training.model.measure(plan.clone(), &measure)?;
            logs.extend(values.into_iter().map(|(name, value)| (format!("val_{name}"), value)));
        }
        let epoch = self.progress.epoch;
        self.progress.history.push(&logs);
        self.each(|callback, training| callback.epoch_end(epoch, &logs, training))?;
        self.progress.finished = self.training.stop;
        (self.progress.epoch, self.progress.batch) = (epoch + 1, 0);
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        match &self.how.checkpoint {
            Some(file) => self.training.model.save_training(file, &self.progress, &self.callbacks),
            None => Ok(()),
        }
    }

    fn each(&mut self, mut ask: impl FnMut(&mut dyn Callback, &mut Training) -> Result<()>) -> Result<()> {
        self.callbacks.iter_mut().try_for_each(|callback| ask(&mut **callback, &mut self.training))
    }

    fn diverged(&self, loss: f32) -> Error {
        let saved = match &self.how.checkpoint {
            Some(file) if file.exists() => format!("; {} is that of the last whole epoch", file.display()),
            _ => String::new(),
        };
        Error::Diverged(format!(
            "the loss is {loss} in epoch {}, batch {}: the step was not taken{saved}; a smaller learning rate or global_clipnorm may help",
            self.progress.epoch + 1,
            self.progress.batch + 1
        ))
    }
}
