//! One pass through the layers.

use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;

use super::Model;
use crate::layer::Context;
use crate::value::Value;

/// How a pass runs.
pub(crate) struct Run<'a> {
    pub training: bool,
    /// The parameters' values, on the tape while training.
    pub values: &'a [Tensor<1>],
    pub rng: &'a mut ChaCha8Rng,
}

/// What a pass gives.
pub(crate) struct Forward {
    /// In the order of the model's outputs.
    pub outputs: Vec<Value>,
    /// New values of parameters that are counted, by index.
    pub updates: Vec<(usize, Tensor<1>)>,
    /// Of regularizers on outputs.
    pub penalties: Vec<Tensor<1>>,
}

impl Model {
    /// Runs a batch, given in the order of the model's inputs and in their shapes. A value is freed where it was last used.
    pub(crate) fn forward(&self, inputs: Vec<Value>, run: Run) -> Forward {
        let mut uses = vec![0_usize; self.places.len()];
        for place in self.places.iter().flat_map(|place| &place.inputs).chain(&self.outputs) {
            uses[*place] += 1;
        }
        let mut values: Vec<Option<Value>> = vec![None; self.places.len()];
        for (place, value) in self.inputs.iter().zip(inputs) {
            values[*place] = Some(value);
        }
        let behind = self.activations_behind(&uses);
        let mut is_done = vec![false; self.places.len()];
        let (mut updates, mut penalties) = (Vec::new(), Vec::new());
        let mut take = |place: usize, values: &mut Vec<Option<Value>>| {
            uses[place] -= 1;
            let value = if uses[place] == 0 { values[place].take() } else { values[place].clone() };
            value.expect("places are in an order in which inputs come first")
        };
        for (index, place) in self.places.iter().enumerate() {
            if place.inputs.is_empty() {
                continue;
            }
            let entry = &self.layers[place.layer];
            let given: Vec<Value> = place.inputs.iter().map(|&input| take(input, &mut values)).collect();
            if is_done[index] {
                values[index] = given.into_iter().next();
                continue;
            }
            let next =
                behind[index].and_then(|next| Some((next, self.layers[self.places[next].layer].layer.activation()?)));
            let mut context = Context {
                training: run.training,
                parameters: &self.parameters,
                values: run.values,
                own: entry.own.clone(),
                frozen: !entry.trainable,
                rng: run.rng,
                updates: &mut updates,
                penalties: &mut penalties,
                behind: next.map(|(_, activation)| activation),
            };
            values[index] = Some(entry.layer.forward(given, &mut context));
            if let Some((next, _)) = next {
                is_done[next] = context.behind.is_none();
            }
        }
        let outputs = self.outputs.iter().map(|&place| take(place, &mut values)).collect();
        Forward { outputs, updates, penalties }
    }

    /// For each place the activation layer that takes its output, where nothing else does.
    fn activations_behind(&self, uses: &[usize]) -> Vec<Option<usize>> {
        let mut behind = vec![None; self.places.len()];
        for (index, place) in self.places.iter().enumerate() {
            if let [input] = place.inputs[..]
                && uses[input] == 1
                && self.layers[place.layer].layer.activation().is_some()
            {
                behind[input] = Some(index);
            }
        }
        behind
    }
}
