//! Learning from a dataset: the arguments, as Keras names them.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use super::Model;
use super::course::{Course, Progress};
use super::history::{History, Logs};
use super::loader::Plan;
use super::tally::Tally;
use crate::callback::{Batches, Callback, Training};
use crate::data::{Batch, Dataset};
use crate::{Error, Result};

/// The arguments of [`Model::fit`], with Keras' defaults; only `verbose` is 0 where nothing else is said.
pub struct Fit<'a> {
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    validation_data: Option<&'a dyn Dataset>,
    validation_split: f32,
    shuffle: bool,
    pub(super) class_weight: Option<Vec<f32>>,
    sample_weight: Option<Vec<f32>>,
    initial_epoch: usize,
    steps_per_epoch: Option<usize>,
    pub(super) validation_steps: Option<usize>,
    pub(super) checkpoint: Option<PathBuf>,
    pub(super) stop: Option<Arc<AtomicBool>>,
}

impl Default for Fit<'_> {
    fn default() -> Self {
        Fit {
            batch_size: 32,
            epochs: 1,
            callbacks: Vec::new(),
            validation_data: None,
            validation_split: 0.0,
            shuffle: true,
            class_weight: None,
            sample_weight: None,
            initial_epoch: 0,
            steps_per_epoch: None,
            validation_steps: None,
            checkpoint: None,
            stop: None,
        }
    }
}

impl<'a> Fit<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn batch_size(mut self, samples: usize) -> Self {
        self.batch_size = samples;
        self
    }

    /// Where the training ends, counted from the first epoch ever.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    pub fn callbacks(mut self, callbacks: Vec<Box<dyn Callback + 'a>>) -> Self {
        self.callbacks.extend(callbacks);
        self
    }

    /// 1: a progress bar, 2: a line for each epoch, 0: nothing.
    pub fn verbose(self, how: u8) -> Self {
        match how {
            0 => self,
            1 => self.callback(crate::callback::Progress::new()),
            _ => self.callback(crate::callback::Lines),
        }
    }

    /// Measured after each epoch.
    pub fn validation_data(mut self, data: &'a dyn Dataset) -> Self {
        self.validation_data = Some(data);
        self
    }

    /// Keeps the last part of the samples, 0 to 1, to measure after each epoch: they are never learned. (They are read as the
    /// others are, changed by chance too where the dataset does that.)
    pub fn validation_split(mut self, part: f32) -> Self {
        self.validation_split = part;
        self
    }

    /// Whether each epoch has an order of its own, which follows from the model's seed and the epoch alone.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// How much a sample counts by its class.
    pub fn class_weight(mut self, weights: impl Into<Vec<f32>>) -> Self {
        self.class_weight = Some(weights.into());
        self
    }

    /// How much each sample of the dataset counts, beside what the dataset itself says.
    pub fn sample_weight(mut self, weights: impl Into<Vec<f32>>) -> Self {
        self.sample_weight = Some(weights.into());
        self
    }

    /// Counts on from this epoch.
    pub fn initial_epoch(mut self, epoch: usize) -> Self {
        self.initial_epoch = epoch;
        self
    }

    /// An epoch has so many batches; the next one goes on where it ended, over the samples again and again.
    pub fn steps_per_epoch(mut self, steps: usize) -> Self {
        self.steps_per_epoch = Some(steps);
        self
    }

    pub fn validation_steps(mut self, steps: usize) -> Self {
        self.validation_steps = Some(steps);
        self
    }

    /// Saves everything to this file after each epoch, and goes on from there where it is: a training that was killed comes to the
    /// same numbers as one that was not. Keras' BackupAndRestore, but the file stays.
    pub fn checkpoint(mut self, file: impl Into<PathBuf>) -> Self {
        self.checkpoint = Some(file.into());
        self
    }

    /// Ends after the batch in which this becomes true, with the checkpoint saved: [`crate::interrupt::on_ctrl_c`] gives one.
    pub fn stop(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop = Some(flag);
        self
    }

    /// The samples to learn from, and those at the end that are kept.
    fn parts(&self, count: usize) -> Result<(Range<usize>, Range<usize>)> {
        let kept = (count as f32 * self.validation_split) as usize;
        if self.validation_split == 0.0 {
            return Ok((0..count, count..count));
        }
        if !(0.0..1.0).contains(&self.validation_split) || kept == 0 || kept == count {
            let part = self.validation_split;
            return Err(Error::Data(format!("a validation_split of {part} leaves no sample of {count} on one side")));
        }
        Ok((0..count - kept, count - kept..count))
    }
}

impl Model {
    /// Learns from a dataset.
    ///
    /// # Errors
    /// Where the data does not fit the model, is empty, or the loss is no number any more: then the model is as it was before
    /// that batch, and the checkpoint that of the last whole epoch.
    pub fn fit(&mut self, data: &dyn Dataset, mut how: Fit) -> Result<History> {
        self.compiled()?;
        if data.is_empty() || how.batch_size == 0 || how.steps_per_epoch == Some(0) {
            let (count, size) = (data.len(), how.batch_size);
            return Err(Error::Data(format!("nothing to learn from: {count} samples in batches of {size}")));
        }
        if self.parameters.iter().enumerate().all(|(index, _)| !self.learns(index)) {
            return Err(Error::Model("nothing to learn: every layer is frozen or has no weights".into()));
        }
        if let Some(weights) = how.sample_weight.as_ref().filter(|weights| weights.len() != data.len()) {
            return Err(Error::Data(format!("{} sample weights for {} samples", weights.len(), data.len())));
        }
        let mut callbacks = std::mem::take(&mut how.callbacks);
        let progress = match how.checkpoint.as_ref().filter(|file| file.exists()) {
            Some(file) => self.resume(file, &mut callbacks)?,
            None => Progress { epoch: how.initial_epoch, ..Progress::default() },
        };
        let (learned, kept) = how.parts(data.len())?;
        let plan = Plan {
            data,
            samples: learned,
            batch_size: how.batch_size,
            shuffle: how.shuffle.then_some(self.seed),
            weights: how.sample_weight.as_deref(),
        };
        let validation = match how.validation_data {
            Some(other) => Some(Plan::plain(other, 0..other.len(), how.batch_size)),
            None => (!kept.is_empty()).then(|| Plan { samples: kept, shuffle: None, ..plan.clone() }),
        };
        let steps = how.steps_per_epoch.unwrap_or_else(|| plan.batches());
        let numbers = progress.epoch * steps + progress.batch..how.epochs * steps;
        let training = Training::new(self, Batches { epochs: how.epochs, batches: steps }, how.checkpoint.clone());
        let mut course = Course { training, how: &how, callbacks, validation, progress };
        thread::scope(|scope| {
            let batches = plan.start(scope, numbers)?;
            course.run(&batches)
        })?;
        Ok(course.progress.history)
    }

    /// One step on one batch; the loss and metrics of it.
    pub fn train_on_batch(&mut self, batch: &Batch) -> Result<Logs> {
        let prepared = self.prepare(batch, None)?;
        let (size, weights) = (prepared.size, prepared.weights.clone());
        let draw = self.compiled()?.step as u64;
        let outcome = self.learn(prepared, draw)?;
        let mut tally = Tally::default();
        self.reset_metrics()?;
        tally.add(self, batch, &outcome, size, weights.as_deref())?;
        self.logs(&tally)
    }

    /// The loss and metrics of one batch.
    pub fn test_on_batch(&mut self, batch: &Batch) -> Result<Logs> {
        let prepared = self.prepare(batch, None)?;
        let (size, weights) = (prepared.size, prepared.weights.clone());
        let outcome = self.look(prepared)?;
        let mut tally = Tally::default();
        self.reset_metrics()?;
        tally.add(self, batch, &outcome, size, weights.as_deref())?;
        self.logs(&tally)
    }
}
