//! One batch: what it costs, and what the model learns of it.

use burn::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::costs::{Truths, without_batch};
use super::{Model, Run};
use crate::data::Batch;
use crate::optimizer::{self, Step};
use crate::shape::with_batch;
use crate::value::Value;
use crate::{Error, Result};

/// A batch as the model takes it.
pub(super) struct Prepared<'a> {
    pub inputs: Vec<Value>,
    pub truths: Truths<'a>,
    /// For each sample, or for each step of each sample.
    pub weights: Option<Vec<f32>>,
    pub size: usize,
}

/// What a batch came to.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// The sum with its weights and penalties, then each output's own.
    pub loss: f32,
    pub losses: Vec<f32>,
    pub predictions: Vec<Value>,
}

impl Model {
    /// Checks a batch against the inputs and outputs and moves it to the device.
    pub(super) fn prepare<'a>(&self, batch: &'a Batch, class_weight: Option<&[f32]>) -> Result<Prepared<'a>> {
        let inputs = self.inputs_of(&batch.x)?;
        let size = inputs[0].batch();
        let truths = self.truths_of(batch, size)?;
        for watched in &self.compiled()?.watched {
            let name = || format!("{} of {}", watched.metric.name(), self.output_name(watched.output));
            let truth = batch.y.get(watched.output).filter(|truth| truth.shape().first() == Some(&size));
            let truth = truth.ok_or_else(|| Error::Data(format!("{}: no truth for each sample", name())))?;
            let shape = &self.places[self.outputs[watched.output]].shape;
            let fits = watched.metric.fits(&without_batch(truth), shape);
            fits.map_err(|why| Error::Data(format!("{}: the truth {why}", name())))?;
        }
        let weights = weights_of(batch, class_weight, size)?;
        Ok(Prepared { inputs, truths, weights, size })
    }

    /// Arrays for the inputs, in their order.
    pub(super) fn inputs_of(&self, arrays: &[ndarray::ArrayD<f32>]) -> Result<Vec<Value>> {
        if arrays.len() != self.inputs.len() {
            return Err(Error::Data(format!("{} arrays for {} inputs", arrays.len(), self.inputs.len())));
        }
        arrays
            .iter()
            .zip(&self.inputs)
            .map(|(array, &place)| {
                let wanted = &self.places[place].shape;
                match array.shape() {
                    [batch, rest @ ..] if rest == wanted.as_slice() && *batch > 0 => {}
                    [_, _, _, channels]
                        if self.any_size && wanted.len() == 3 && *channels == wanted[2] && !array.is_empty() => {}
                    other => {
                        let name = &self.layers[self.places[place].layer].name;
                        return Err(Error::Data(format!("{name} takes {}, not {other:?}", with_batch(wanted))));
                    }
                }
                // An input's shape was looked at when the model was built.
                Ok(Value::from_array(array, &self.device).expect("1 to 4 axes"))
            })
            .collect()
    }

    /// Runs a batch without learning.
    pub(super) fn look(&self, prepared: Prepared) -> Result<Outcome> {
        let values = self.weights();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let run = Run { training: false, values: &values, rng: &mut rng };
        let predictions = self.forward(prepared.inputs, run).outputs;
        let compiled = self.compiled()?;
        let costs = compiled.costs(prepared.truths, &predictions, prepared.weights.as_deref())?;
        let costs = costs.and(self.penalties(&values));
        let (loss, losses) = costs.read();
        Ok(Outcome { loss, losses, predictions })
    }

    /// Runs a batch and takes a step. `draw` seeds what is drawn by chance in it. A loss that is no number changes nothing.
    pub(super) fn learn(&mut self, prepared: Prepared, draw: u64) -> Result<Outcome> {
        let values: Vec<Tensor<1>> = (0..self.parameters.len())
            .map(|index| {
                let value = self.parameters[index].value.clone().autodiff();
                if self.learns(index) { value.require_grad() } else { value }
            })
            .collect();
        let inputs = prepared.inputs.into_iter().map(Value::autodiff).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(draw);
        let forward = self.forward(inputs, Run { training: true, values: &values, rng: &mut rng });
        let compiled = self.compiled()?;
        let costs = compiled.costs(prepared.truths, &forward.outputs, prepared.weights.as_deref())?;
        let costs = costs.and(self.penalties(&values)).and(forward.penalties);
        let (loss, losses) = costs.read();
        let predictions = forward.outputs;
        if loss.is_finite() && costs.sum.is_tracked() {
            let mut gradients = costs.sum.backward();
            let found: Vec<(usize, Tensor<1>)> = (0..values.len())
                .filter(|&index| self.learns(index))
                .filter_map(|index| Some((index, values[index].grad_remove(&mut gradients)?)))
                .collect();
            drop(values);
            self.follow(found)?;
            for (index, value) in forward.updates {
                self.parameters[index].value = value;
            }
        }
        let predictions =
            predictions.into_iter().map(|value| crate::map_value!(value, x => x.without_autodiff())).collect();
        Ok(Outcome { loss, losses, predictions })
    }

    /// Whether a step may change this parameter.
    pub(crate) fn learns(&self, index: usize) -> bool {
        self.parameters[index].spec.trainable
            && self.layers.iter().any(|entry| entry.own.contains(&index) && entry.trainable)
    }

    /// The optimizer's step.
    fn follow(&mut self, mut gradients: Vec<(usize, Tensor<1>)>) -> Result<()> {
        let compiled = self.compiled.as_mut().ok_or_else(|| Error::Model("not compiled".into()))?;
        if let Some(limit) = compiled.optimizer.settings().global_clipnorm {
            let squares = gradients.iter().map(|(_, it)| it.clone().mul(it.clone()).sum());
            if let Some(sum) = squares.reduce(|a, b| a + b) {
                let norm = sum.sqrt();
                let factor = optimizer::shortening(norm, limit);
                gradients = gradients.into_iter().map(|(index, it)| (index, it * factor.clone())).collect();
            }
        }
        let rate = compiled.rate();
        compiled.step += 1;
        for (index, gradient) in gradients {
            let parameter = &mut self.parameters[index];
            let step = Step { rate, number: compiled.step, spec: &parameter.spec };
            let slots = compiled.slots.entry(parameter.name.clone()).or_default();
            let value = optimizer::apply(&*compiled.optimizer, parameter.value.extract(), gradient, slots, &step);
            parameter.value = match parameter.spec.constraint {
                Some(constraint) => constraint.apply(value, &parameter.spec),
                None => value,
            };
        }
        Ok(())
    }
}

/// Sample weights times class weights; none where all are alike.
fn weights_of(batch: &Batch, class_weight: Option<&[f32]>, size: usize) -> Result<Option<Vec<f32>>> {
    let mut weights = batch.weights.clone();
    if let Some(by_class) = class_weight {
        let truth = batch.y.first().filter(|truth| truth.len() / size >= 1);
        let truth = truth.ok_or_else(|| Error::Data("class weights need classes as truth".into()))?;
        let own = weights.get_or_insert_with(|| vec![1.0; size]);
        for (sample, weight) in truth.outer_iter().zip(own) {
            let class = match sample.len() {
                1 => sample.iter().next().map_or(0, |&class| class as usize),
                _ => sample.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |it| it.0),
            };
            *weight *= by_class
                .get(class)
                .ok_or_else(|| Error::Data(format!("class {class} has no weight: there are {}", by_class.len())))?;
        }
    }
    match weights {
        Some(weights) if !weights.len().is_multiple_of(size) || weights.is_empty() => {
            Err(Error::Data(format!("{} sample weights for {size} samples", weights.len())))
        }
        other => Ok(other),
    }
}
