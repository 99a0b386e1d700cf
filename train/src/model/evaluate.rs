//! Measuring a model, and asking it.

use std::thread;

use ndarray::{ArrayD, Axis, concatenate};

use super::Model;
use super::history::Logs;
use super::loader::Plan;
use super::tally::Tally;
use crate::data::Dataset;
use crate::{Error, Result};

/// The arguments of [`Model::evaluate`].
#[derive(Debug, Clone)]
pub struct Evaluate {
    batch_size: usize,
    verbose: bool,
    pub(super) steps: Option<usize>,
    sample_weight: Option<Vec<f32>>,
}

/// The arguments of [`Model::predict`].
#[derive(Debug, Clone)]
pub struct Predict {
    batch_size: usize,
    verbose: bool,
    steps: Option<usize>,
}

macro_rules! options {
    ($name:ident $(, $more:ident)*) => {
        impl Default for $name {
            fn default() -> Self {
                $name { batch_size: 32, verbose: false, steps: None $(, $more: None)* }
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

            /// How many batches there will be, and a bar to go with them.
            fn walk(&self, plan: &Plan, what: &'static str) -> (usize, indicatif::ProgressBar) {
                let batches = plan.batches().min(self.steps.unwrap_or(usize::MAX));
                let bar = match self.verbose {
                    true => crate::callback::bar(batches as u64, what),
                    false => indicatif::ProgressBar::hidden(),
                };
                (batches, bar)
            }
        }
    };
}
options!(Evaluate, sample_weight);
options!(Predict);

impl Evaluate {
    /// How much each sample of the dataset counts, beside what the dataset itself says.
    pub fn sample_weight(mut self, weights: impl Into<Vec<f32>>) -> Self {
        self.sample_weight = Some(weights.into());
        self
    }
}

impl Model {
    /// Loss and metrics over a dataset, by name; its sample weights count in the loss and the weighted metrics.
    pub fn evaluate(&mut self, data: &dyn Dataset, how: Evaluate) -> Result<Logs> {
        if let Some(weights) = how.sample_weight.as_ref().filter(|weights| weights.len() != data.len()) {
            return Err(Error::Data(format!("{} sample weights for {} samples", weights.len(), data.len())));
        }
        let plan = Plan::plain(data, 0..data.len(), how.batch_size);
        self.measure(Plan { weights: how.sample_weight.as_deref(), ..plan }, &how)
    }

    pub(super) fn measure(&mut self, plan: Plan, how: &Evaluate) -> Result<Logs> {
        self.compiled()?;
        if plan.samples.is_empty() {
            return Err(Error::Data("nothing to measure with: no samples".into()));
        }
        self.reset_metrics()?;
        let mut tally = Tally::default();
        let (batches, bar) = how.walk(&plan, "measuring");
        thread::scope(|scope| {
            for batch in plan.start(scope, 0..batches)? {
                let batch = batch?;
                let prepared = self.prepare(&batch, None)?;
                let (size, weights) = (prepared.size, prepared.weights.clone());
                let outcome = self.look(prepared)?;
                tally.add(self, &batch, &outcome, size, weights.as_deref())?;
                bar.inc(1);
            }
            bar.finish_and_clear();
            self.logs(&tally)
        })
    }

    /// What the model answers, for each output: samples first, pictures channels last. Truth is not looked at.
    pub fn predict(&self, data: &dyn Dataset, how: Predict) -> Result<Vec<ArrayD<f32>>> {
        if data.is_empty() {
            return Err(Error::Data("nothing to predict: no samples".into()));
        }
        let plan = Plan::plain(data, 0..data.len(), how.batch_size);
        let mut parts: Vec<Vec<ArrayD<f32>>> = vec![Vec::new(); self.outputs.len()];
        let (batches, bar) = how.walk(&plan, "predicting");
        thread::scope(|scope| {
            for batch in plan.start(scope, 0..batches)? {
                for (part, answer) in parts.iter_mut().zip(self.predict_on_batch(&batch?.x)?) {
                    part.push(answer);
                }
                bar.inc(1);
            }
            Ok::<(), Error>(())
        })?;
        bar.finish_and_clear();
        parts
            .iter()
            .map(|part| {
                let views: Vec<_> = part.iter().map(|answer| answer.view()).collect();
                concatenate(Axis(0), &views)
                    .map_err(|error| Error::Data(format!("answers do not fit together: {error}")))
            })
            .collect()
    }
}
