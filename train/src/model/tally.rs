//! Losses and metrics as they gather over batches.

use serde::{Deserialize, Serialize};

use super::Model;
use super::history::Logs;
use super::step::Outcome;
use crate::Result;
use crate::data::Batch;

/// Losses over the samples so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    loss: f64,
    losses: Vec<f64>,
    samples: usize,
}

/// A tally and the metrics beside it in a file, to the last bit.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedTally {
    samples: usize,
    losses: Vec<u64>,
    metrics: Vec<Vec<u64>>,
}

impl Tally {
    pub(super) fn add(
        &mut self,
        model: &mut Model,
        batch: &Batch,
        outcome: &Outcome,
        size: usize,
        weights: Option<&[f32]>,
    ) -> Result<()> {
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

    pub(super) fn save(&self, model: &Model) -> SavedTally {
        let metrics = model.compiled.iter().flat_map(|compiled| &compiled.watched);
        SavedTally {
            samples: self.samples,
            losses: [self.loss].iter().chain(&self.losses).map(|sum| sum.to_bits()).collect(),
            metrics: metrics.map(|it| it.metric.state().into_iter().map(f64::to_bits).collect()).collect(),
        }
    }

    /// Also sets the model's metrics.
    pub(super) fn restore(saved: &SavedTally, model: &mut Model) -> Result<Tally> {
        let numbers = |bits: &[u64]| bits.iter().map(|&bits| f64::from_bits(bits)).collect::<Vec<f64>>();
        for (watched, state) in model.compiled_mut()?.watched.iter_mut().zip(&saved.metrics) {
            watched.metric.reset();
            watched.metric.restore(&numbers(state));
        }
        let losses = numbers(&saved.losses);
        let (loss, losses) = losses.split_first().map_or((0.0, Vec::new()), |(first, rest)| (*first, rest.to_vec()));
        Ok(Tally { loss, losses, samples: saved.samples })
    }
}

impl Model {
    pub(super) fn reset_metrics(&mut self) -> Result<()> {
        for watched in &mut self.compiled_mut()?.watched {
            watched.metric.reset();
        }
        Ok(())
    }

    /// By their names: the loss, that of each output where there are several, the metrics.
    pub(super) fn logs(&self, tally: &Tally) -> Result<Logs> {
        let mut logs = vec![("loss".to_owned(), tally.mean(tally.loss))];
        let each = self.loss_names()?.into_iter().zip(&tally.losses);
        logs.extend(each.map(|(name, &sum)| (name, tally.mean(sum))));
        logs.extend(self.compiled()?.watched.iter().map(|watched| (watched.name.clone(), watched.metric.value())));
        Ok(logs)
    }
}
