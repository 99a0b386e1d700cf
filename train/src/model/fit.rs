//! The training loop.

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::thread;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::history::{History, Logs};
use super::step::Outcome;
use super::{Evaluate, Model};
use crate::callback::{Batches, Callback, Training};
use crate::data::{Arrays, Batch, Dataset};
use crate::{Error, Result};

/// The arguments of [`Model::fit`], with Keras' defaults.
pub struct Fit<'a> {
    batch_size: usize,
    epochs: usize,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    validation_data: Option<&'a dyn Dataset>,
    shuffle: bool,
    class_weight: Option<Vec<f32>>,
    initial_epoch: usize,
    steps_per_epoch: Option<usize>,
    validation_steps: Option<usize>,
    checkpoint: Option<PathBuf>,
}

impl Default for Fit<'_> {
    fn default() -> Self {
        Fit {
            batch_size: 32,
            epochs: 1,
            callbacks: Vec::new(),
            validation_data: None,
            shuffle: true,
            class_weight: None,
            initial_epoch: 0,
            steps_per_epoch: None,
            validation_steps: None,
            checkpoint: None,
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

    /// Measured after each epoch. For the last part of arrays in memory see [`Arrays::split`].
    pub fn validation_data(mut self, data: &'a dyn Dataset) -> Self {
        self.validation_data = Some(data);
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

    /// Counts on from this epoch.
    pub fn initial_epoch(mut self, epoch: usize) -> Self {
        self.initial_epoch = epoch;
        self
    }

    /// Ends an epoch after so many batches.
    pub fn steps_per_epoch(mut self, steps: usize) -> Self {
        self.steps_per_epoch = Some(steps);
        self
    }

    pub fn validation_steps(mut self, steps: usize) -> Self {
        self.validation_steps = Some(steps);
        self
    }

    /// Saves everything to this file after each epoch, and goes on from there where it is: a training that was killed comes to the
    /// same numbers as one that was not.
    pub fn checkpoint(mut self, file: impl Into<PathBuf>) -> Self {
        self.checkpoint = Some(file.into());
        self
    }
}

/// Batches that the loader prepares ahead.
const AHEAD: usize = 2;

impl Model {
    /// Learns from a dataset.
    ///
    /// # Errors
    /// Where the data does not fit the model, is empty, or the loss is no number any more: then the model is as it was before
    /// that batch, and the checkpoint that of the last whole epoch.
    pub fn fit(&mut self, data: &dyn Dataset, mut how: Fit) -> Result<History> {
        self.compiled()?;
        if data.is_empty() || how.batch_size == 0 {
            return Err(Error::Data(format!("nothing to learn from: {} samples in batches of {}", data.len(), how.batch_size)));
        }
        let mut history = History::default();
        let mut first = how.initial_epoch;
        if let Some(file) = how.checkpoint.as_ref().filter(|file| file.exists()) {
            (first, history) = self.resume(file, &mut how.callbacks)?;
        }
        let mut callbacks = std::mem::take(&mut how.callbacks);
        let batches = data.len().div_ceil(how.batch_size).min(how.steps_per_epoch.unwrap_or(usize::MAX));
        let plan = Batches { epochs: how.epochs, batches };
        let mut training = Training::new(self, plan, how.checkpoint.clone());
        for callback in &mut callbacks {
            callback.train_begin(&mut training)?;
        }
        for epoch in first..how.epochs {
            if training.stop {
                break;
            }
            for callback in &mut callbacks {
                callback.epoch_begin(epoch, &mut training)?;
            }
            let Some(mut logs) = training.epoch(data, &how, epoch, batches, &mut callbacks)? else { break };
            if let Some(validation) = how.validation_data {
                let mut measure = Evaluate::new().batch_size(how.batch_size);
                measure.steps = how.validation_steps;
                let values = training.model.evaluate(validation, measure)?;
                logs.extend(values.into_iter().map(|(name, value)| (format!("val_{name}"), value)));
            }
            history.push(&logs);
            for callback in &mut callbacks {
                callback.epoch_end(epoch, &logs, &mut training)?;
            }
            if let Some(file) = &how.checkpoint {
                training.model.save_training(file, epoch + 1, &history, &callbacks)?;
            }
        }
        for callback in &mut callbacks {
            callback.train_end(&mut training)?;
        }
        Ok(history)
    }

    /// Learns from arrays; the last `validation_split` of them is measured after each epoch and never learned.
    pub fn fit_arrays(&mut self, arrays: &Arrays, validation_split: Option<f32>, how: Fit) -> Result<History> {
        match validation_split {
            None => self.fit(arrays, how),
            Some(part) => {
                let (learned, measured) = arrays.split(part)?;
                // The borrow of the second part ends with this call, so `how` is made anew around it.
                let how: Fit<'_> = how;
                self.fit(&learned, Fit { validation_data: Some(&measured), ..how })
            }
        }
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

    pub(super) fn reset_metrics(&mut self) -> Result<()> {
        for watched in &mut self.compiled_mut()?.watched {
            watched.metric.reset();
        }
        Ok(())
    }

    /// By their names: the loss, that of each output where there are several, the metrics.
    pub(super) fn logs(&self, tally: &Tally) -> Result<Logs> {
        let mut logs = vec![("loss".to_owned(), tally.mean(tally.loss))];
        if self.outputs.len() > 1 {
            let each = tally.losses.iter().enumerate();
            logs.extend(each.map(|(output, &sum)| (format!("{}_loss", self.output_name(output)), tally.mean(sum))));
        }
        logs.extend(self.compiled()?.watched.iter().map(|watched| (watched.name.clone(), watched.metric.value())));
        Ok(logs)
    }
}

impl Training<'_> {
    /// One pass over the data; none where a callback stopped it.
    fn epoch(
        &mut self,
        data: &dyn Dataset,
        how: &Fit,
        epoch: usize,
        batches: usize,
        callbacks: &mut [Box<dyn Callback + '_>],
    ) -> Result<Option<Logs>> {
        let order = order(data.len(), how.shuffle, self.model.seed, epoch);
        self.model.reset_metrics()?;
        let mut tally = Tally::default();
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<Result<Batch>>(AHEAD);
            let chunks = order.chunks(how.batch_size).take(batches);
            scope.spawn(move || {
                for samples in chunks {
                    // The receiver is gone where the training stopped: nothing is left to do.
                    if sender.send(data.batch(samples, epoch)).is_err() {
                        break;
                    }
                }
            });
            for (number, batch) in receiver.iter().enumerate() {
                let batch = batch?;
                let prepared = self.model.prepare(&batch, how.class_weight.as_deref())?;
                let (size, weights) = (prepared.size, prepared.weights.clone());
                let outcome = self.model.learn(prepared, ((epoch as u64) << 32) | number as u64)?;
                if !outcome.loss.is_finite() {
                    return Err(self.diverged(outcome.loss, epoch, number));
                }
                tally.add(self.model, &batch, &outcome, size, weights.as_deref())?;
                let logs = self.model.logs(&tally)?;
                for callback in callbacks.iter_mut() {
                    callback.batch_end(number, &logs, self)?;
                }
                if self.stop {
                    return Ok(None);
                }
            }
            self.model.logs(&tally).map(Some)
        })
    }

    fn diverged(&self, loss: f32, epoch: usize, batch: usize) -> Error {
        let saved = match &self.checkpoint {
            Some(file) if file.exists() => format!("; {} is that of the last whole epoch", file.display()),
            _ => String::new(),
        };
        Error::Diverged(format!(
            "the loss is {loss} in epoch {}, batch {}: the step was not taken{saved}; a smaller learning rate or global_clipnorm may help",
            epoch + 1,
            batch + 1
        ))
    }
}

/// Numbers of the samples in the order of an epoch.
fn order(count: usize, shuffle: bool, seed: u64, epoch: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    if shuffle {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5348_5546);
        rng.set_stream(epoch as u64);
        order.shuffle(&mut rng);
    }
    order
}

/// Losses over the samples so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    loss: f64,
    losses: Vec<f64>,
    samples: usize,
}

impl Tally {
    pub fn add(&mut self, model: &mut Model, batch: &Batch, outcome: &Outcome, size: usize, weights: Option<&[f32]>) -> Result<()> {
        self.samples += size;
        self.loss += f64::from(outcome.loss) * size as f64;
        self.losses.resize(outcome.losses.len(), 0.0);
        for (sum, loss) in self.losses.iter_mut().zip(&outcome.losses) {
            *sum += f64::from(*loss) * size as f64;
        }
        let alike = vec![1.0; size];
        let weighted = weights.filter(|weights| weights.len() == size).unwrap_or(&alike);
        let watched = &mut model.compiled_mut()?.watched;
        for output in 0..outcome.predictions.len() {
            if !watched.iter().any(|it| it.output == output) {
                continue;
            }
            let prediction = outcome.predictions[output].clone().into_array();
            for it in watched.iter_mut().filter(|it| it.output == output) {
                let weights = if it.weighted { weighted } else { &alike };
                it.metric.update(batch.y[output].view(), prediction.view(), weights);
            }
        }
        Ok(())
    }

    fn mean(&self, sum: f64) -> f32 {
        (sum / self.samples.max(1) as f64) as f32
    }
}
