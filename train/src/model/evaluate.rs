//! Measuring a model, and asking it.

use ndarray::{ArrayD, Axis, concatenate};

use super::fit::Tally;
use super::history::Logs;
use super::Model;
use crate::data::Dataset;
use crate::{Error, Result};

/// The arguments of [`Model::evaluate`].
#[derive(Debug, Clone)]
pub struct Evaluate {
    batch_size: usize,
    verbose: bool,
    pub(super) steps: Option<usize>,
}

/// The arguments of [`Model::predict`].
#[derive(Debug, Clone)]
pub struct Predict {
    batch_size: usize,
    verbose: bool,
    steps: Option<usize>,
}

macro_rules! options {
    ($name:ident) => {
        impl Default for $name {
            fn default() -> Self {
                $name { batch_size: 32, verbose: false, steps: None }
            }
        }

        impl $name {
            pub fn new() -> Self {
                Self::default()
            }

            pub fn batch_size(mut self, samples: usize) -> Self {
                self.batch_size = samples.max(1);
                self
            }

            /// With a progress bar.
            pub fn verbose(mut self, verbose: bool) -> Self {
                self.verbose = verbose;
                self
            }

            /// Ends after so many batches.
            pub fn steps(mut self, batches: usize) -> Self {
                self.steps = Some(batches);
                self
            }

            /// Sample numbers, batch by batch, and a bar to go with them.
            fn walk(&self, count: usize, what: &'static str) -> (Vec<Vec<usize>>, indicatif::ProgressBar) {
                let numbers: Vec<usize> = (0..count).collect();
                let steps = self.steps.unwrap_or(usize::MAX);
                let batches: Vec<Vec<usize>> = numbers.chunks(self.batch_size).take(steps).map(<[usize]>::to_vec).collect();
                let bar = match self.verbose {
                    true => crate::callback::bar(batches.len() as u64, what),
                    false => indicatif::ProgressBar::hidden(),
                };
                (batches, bar)
            }
        }
    };
}
options!(Evaluate);
options!(Predict);

impl Model {
    /// Loss and metrics over a dataset, by name; its sample weights count in the loss and the weighted metrics.
    pub fn evaluate(&mut self, data: &dyn Dataset, how: Evaluate) -> Result<Logs> {
        self.compiled()?;
        if data.is_empty() {
            return Err(Error::Data("nothing to measure with: no samples".into()));
        }
        self.reset_metrics()?;
        let mut tally = Tally::default();
        let (batches, bar) = how.walk(data.len(), "measuring");
        for samples in batches {
            let batch = data.batch(&samples, 0)?;
            let prepared = self.prepare(&batch, None)?;
            let (size, weights) = (prepared.size, prepared.weights.clone());
            let outcome = self.look(prepared)?;
            tally.add(self, &batch, &outcome, size, weights.as_deref())?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.logs(&tally)
    }

    /// What the model answers, for each output: samples first, pictures channels last. Truth is not looked at.
    pub fn predict(&self, data: &dyn Dataset, how: Predict) -> Result<Vec<ArrayD<f32>>> {
        if data.is_empty() {
            return Err(Error::Data("nothing to predict: no samples".into()));
        }
        let mut parts: Vec<Vec<ArrayD<f32>>> = vec![Vec::new(); self.outputs.len()];
        let (batches, bar) = how.walk(data.len(), "predicting");
        for samples in batches {
            let batch = data.batch(&samples, 0)?;
            for (part, answer) in parts.iter_mut().zip(self.predict_on_batch(&batch.x)?) {
                part.push(answer);
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        parts
            .iter()
            .map(|part| {
                let views: Vec<_> = part.iter().map(|answer| answer.view()).collect();
                concatenate(Axis(0), &views).map_err(|error| Error::Data(format!("answers do not fit together: {error}")))
            })
            .collect()
    }
}
