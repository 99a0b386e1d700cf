//! One batch, forward; or forward and back, to look at gradients without a training around them.

use burn::tensor::Tensor;
use ndarray::ArrayD;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Model, Run};
use crate::shape::with_batch;
use crate::value::Value;
use crate::{Error, Result};

/// What [`Model::gradients`] gives. Arrays have the batch first and channels last.
#[derive(Debug, Clone)]
pub struct Gradients {
    /// What the model gave, in the order of its outputs.
    pub outputs: Vec<ArrayD<f32>>,
    /// With regard to each input, in their order.
    pub inputs: Vec<ArrayD<f32>>,
    /// With regard to each of [`Model::parameters`], flat in its own order; None where training does not change it.
    pub parameters: Vec<Option<Vec<f32>>>,
}

impl Model {
    /// What the model says of one batch, as it is used after training. Arrays in the order of the inputs, batch first.
    ///
    /// # Errors
    /// Arrays that do not fit the inputs: the line names the input.
    pub fn predict_on_batch(&self, inputs: &[ArrayD<f32>]) -> Result<Vec<ArrayD<f32>>> {
        self.check_batch("input", &self.inputs, inputs)?;
        let values = inputs.iter().map(|array| self.value(array)).collect::<Result<_>>()?;
        let weights = self.weights();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let run = Run { training: false, values: &weights, rng: &mut rng };
        Ok(self.forward(values, run).outputs.into_iter().map(Value::into_array).collect())
    }

    /// Gradients of `Σ upstream · output` with regard to inputs and parameters; `upstream` has an array for each output.
    /// `training` says whether dropout drops and batch normalisation takes the batch's statistics. The model stays as it is.
    ///
    /// # Errors
    /// Arrays that do not fit the inputs or outputs: the line names which.
    pub fn gradients(&self, inputs: &[ArrayD<f32>], upstream: &[ArrayD<f32>], training: bool) -> Result<Gradients> {
        let batch = self.check_batch("input", &self.inputs, inputs)?;
        if self.check_batch("output", &self.outputs, upstream)? != batch {
            return Err(Error::Data(format!("{batch} samples go in, but the upstream gradient is not of as many")));
        }
        let leaves: Vec<Tensor<1>> = inputs.iter().map(|array| self.flat(array).autodiff().require_grad()).collect();
        let weights: Vec<Tensor<1>> = (self.parameters.iter())
            .map(|parameter| match parameter.spec.trainable {
                true => parameter.value.clone().autodiff().require_grad(),
                false => parameter.value.clone(),
            })
            .collect();
        let mut values = Vec::new();
        for (leaf, place) in leaves.iter().zip(&self.inputs) {
            values.push(self.shaped(leaf.clone(), batch, &self.places[*place].shape)?);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let forward = self.forward(values, Run { training, values: &weights, rng: &mut rng });
        let mut total: Option<Tensor<1>> = None;
        let mut outputs = Vec::new();
        for (output, weight) in forward.outputs.into_iter().zip(upstream) {
            outputs.push(output.clone().into_array());
            let part = output.into_flat().mul(self.flat(weight)).sum();
            total = Some(match total {
                Some(total) => total + part,
                None => part,
            });
        }
        let tape = total.expect("a model has an output").backward();
        let numbers = |leaf: &Tensor<1>| match leaf.grad(&tape) {
            Some(gradient) => gradient.to_data().try_to_vec::<f32>().expect("gradients are 32-bit floats"),
            None => vec![0.0; leaf.dims()[0]],
        };
        Ok(Gradients {
            outputs,
            inputs: (leaves.iter().zip(inputs))
                .map(|(leaf, like)| {
                    ArrayD::from_shape_vec(like.shape(), numbers(leaf)).expect("a number for each of the input's")
                })
                .collect(),
            parameters: (weights.iter().zip(&self.parameters))
                .map(|(leaf, parameter)| parameter.spec.trainable.then(|| numbers(leaf)))
                .collect(),
        })
    }

    /// How many samples the arrays hold, if they fit the places.
    fn check_batch(&self, what: &str, places: &[usize], arrays: &[ArrayD<f32>]) -> Result<usize> {
        if arrays.len() != places.len() {
            let (there, given) = (places.len(), arrays.len());
            return Err(Error::Data(format!("the model has {there} {what}s, but {given} arrays were given")));
        }
        let batch = arrays[0].shape().first().copied().unwrap_or(0);
        for (&place, array) in places.iter().zip(arrays) {
            let (name, wanted) = (&self.layers[self.places[place].layer].name, &self.places[place].shape);
            let fits = array.shape().first() == Some(&batch) && batch > 0 && array.shape()[1..] == wanted[..];
            if !fits {
                return Err(Error::Data(format!(
                    "{what} {name} takes {}, not an array of {:?}",
                    with_batch(wanted),
                    array.shape()
                )));
            }
        }
        Ok(batch)
    }

    fn flat(&self, array: &ArrayD<f32>) -> Tensor<1> {
        let numbers: Vec<f32> = array.iter().copied().collect();
        Tensor::from_floats(numbers.as_slice(), &self.device)
    }

    fn value(&self, array: &ArrayD<f32>) -> Result<Value> {
        self.shaped(self.flat(array), array.shape()[0], &array.shape()[1..])
    }

    fn shaped(&self, flat: Tensor<1>, batch: usize, shape: &[usize]) -> Result<Value> {
        Value::from_flat(flat, batch, shape)
            .ok_or_else(|| Error::Data(format!("no layer takes arrays of {}", with_batch(shape))))
    }
}
