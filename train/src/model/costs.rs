//! What the answers to a batch cost.

use burn::tensor::Tensor;
use ndarray::ArrayD;

use super::Model;
use super::compile::{Compiled, Losses, SampleWeightMode};
use crate::data::Batch;
use crate::loss::Reduction;
use crate::value::Value;
use crate::{Error, Result};

/// Truth as the losses take it.
pub(super) enum Truths<'a> {
    /// For each output.
    Each(Vec<Value>),
    /// As the dataset gives it.
    Joint(&'a [ArrayD<f32>]),
}

/// The sum with its weights and penalties, and its parts: for each output, or those of a joint loss.
pub(super) struct Costs {
    pub sum: Tensor<1>,
    parts: Vec<Tensor<1>>,
}

impl Costs {
    /// With penalties on top.
    pub fn and(self, penalties: Vec<Tensor<1>>) -> Costs {
        Costs { sum: penalties.into_iter().fold(self.sum, |sum, penalty| sum + penalty), parts: self.parts }
    }

    /// The numbers, fetched from the device at once.
    pub fn read(&self) -> (f32, Vec<f32>) {
        let all = [&self.sum].into_iter().chain(&self.parts).map(|it| it.clone().without_autodiff()).collect();
        let numbers: Vec<f32> = Tensor::cat(all, 0).into_data().iter::<f32>().collect();
        (numbers[0], numbers[1..].to_vec())
    }
}

/// Shape of a sample; that of plain numbers is [1].
pub(super) fn without_batch(array: &ArrayD<f32>) -> Vec<usize> {
    if array.ndim() < 2 { vec![1] } else { array.shape()[1..].to_vec() }
}

impl Model {
    /// Truth of a batch, on the device where it is a loss's for one output; looked at by the losses.
    pub(super) fn truths_of<'a>(&self, batch: &'a Batch, size: usize) -> Result<Truths<'a>> {
        let losses = match &self.compiled()?.losses {
            Losses::Each(losses) => losses,
            Losses::Joint(loss) => {
                let fits = loss.check(&batch.y, size, &self.output_shapes());
                fits.map_err(|why| Error::Data(format!("the truth {why}")))?;
                return Ok(Truths::Joint(&batch.y));
            }
        };
        if batch.y.len() != self.outputs.len() {
            let text = format!("{} arrays of truth for {} outputs", batch.y.len(), self.outputs.len());
            return Err(Error::Data(text));
        }
        let one = |(output, (array, loss)): (usize, (&ArrayD<f32>, &dyn crate::loss::Loss))| {
            let name = self.output_name(output);
            if array.shape().first() != Some(&size) {
                let count = array.shape().first();
                return Err(Error::Data(format!("the truth of {name} has {count:?} samples, the pictures {size}")));
            }
            let (given, shape) = (without_batch(array), &self.places[self.outputs[output]].shape);
            let fits = loss.fits(&given, shape).and_then(|()| loss.check(array, shape));
            fits.map_err(|why| Error::Data(format!("the truth of {name} {why}")))?;
            let flat: Vec<f32> = array.iter().copied().collect();
            Value::from_flat(Tensor::from_floats(flat.as_slice(), &self.device), size, &given).ok_or_else(|| {
                Error::Data(format!("the truth of {name} has {} axes, at most 5 are known", given.len() + 1))
            })
        };
        batch
            .y
            .iter()
            .zip(losses.iter().map(|loss| &**loss))
            .enumerate()
            .map(one)
            .collect::<Result<_>>()
            .map(Truths::Each)
    }

    /// Of the parameters' regularizers.
    pub(super) fn penalties(&self, values: &[Tensor<1>]) -> Vec<Tensor<1>> {
        let regularized = self.parameters.iter().zip(values);
        regularized.filter_map(|(it, value)| Some(it.spec.regularizer?.penalty(value.clone()))).collect()
    }
}

impl Compiled {
    /// Of a batch whose truths were looked at.
    pub(super) fn costs(&self, truths: Truths, predictions: &[Value], weights: Option<&[f32]>) -> Result<Costs> {
        let parts: Vec<Tensor<1>> = match (&self.losses, truths) {
            (Losses::Joint(loss), Truths::Joint(truth)) => loss
                .call(truth, predictions.to_vec())
                .into_iter()
                .map(|each| reduce(each, weights, loss.reduction()))
                .collect::<Result<_>>()?,
            (Losses::Each(losses), Truths::Each(truths)) => losses
                .iter()
                .zip(truths)
                .zip(predictions)
                .map(|((loss, truth), prediction)| {
                    let (truth, prediction) = match self.mode {
                        SampleWeightMode::Samples => (truth, prediction.clone()),
                        SampleWeightMode::Temporal => (by_step(truth), by_step(prediction.clone())),
                    };
                    reduce(loss.call(truth, prediction), weights, loss.reduction())
                })
                .collect::<Result<_>>()?,
            _ => unreachable!("truths are made for the losses"),
        };
        let weighted = parts.iter().zip(&self.loss_weights).map(|(loss, &weight)| loss.clone().mul_scalar(weight));
        // A model has an output, and a joint loss a part.
        let sum = weighted.reduce(|a, b| a + b).expect("at least one part");
        Ok(Costs { sum, parts })
    }
}

/// As in Keras: the sum of the weighted losses over their number, whatever the weights come to.
fn reduce(each: Tensor<1>, weights: Option<&[f32]>, reduction: Reduction) -> Result<Tensor<1>> {
    let each = match weights {
        Some(weights) if weights.len() == each.dims()[0] => {
            let device = each.device();
            each * Tensor::<1>::from_floats(weights, &device)
        }
        Some(weights) => {
            let (given, there) = (weights.len(), each.dims()[0]);
            return Err(Error::Data(format!(
                "{given} sample weights for {there} losses; a weight for each step needs SampleWeightMode::Temporal"
            )));
        }
        None => each,
    };
    Ok(match reduction {
        Reduction::Mean => each.mean(),
        Reduction::Sum => each.sum(),
    })
}

/// (batch, steps, …) → (batch · steps, …).
fn by_step(value: Value) -> Value {
    match value {
        Value::Table(x) => {
            let [batch, steps, features] = x.dims();
            Value::Rows(x.reshape([batch * steps, features]))
        }
        other => other,
    }
}
