//! Weights out of an ONNX file that [`Model::export`] wrote: to go on from a network of which there is no checkpoint.

use std::collections::HashMap;

use ndarray::{ArrayD, Axis};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wayside::engine::onnx::{self, Floats};

use super::{Model, Run};
use crate::{Error, Result};

/// Mean and variance of each channel.
type Statistics = (Vec<f32>, Vec<f32>);

impl Model {
    /// Takes over the weights of an ONNX file that have the name and the shape of one here; gives the names of the parameters that stay
    /// as they are. Normalisation that was folded into a convolution ([`ExportOptions::fold_batch_norm`](crate::export::ExportOptions))
    /// gets the statistics of the convolution's outputs for `batch`, and the factors that undo them: so the model answers as the file
    /// does, and learns as one that was never folded. `batch`: an array for each input, batch first, such as the training will show.
    ///
    /// # Errors
    /// No ONNX file; one in which nothing fits, as it is of another network or was not written by this trainer; arrays that do not fit
    /// the inputs.
    pub fn load_fitting_onnx(&mut self, file: &[u8], batch: &[ArrayD<f32>]) -> Result<Vec<String>> {
        let graph = onnx::decode(file).map_err(Error::Model)?.graph.unwrap_or_default();
        let constants: HashMap<&str, Floats> =
            graph.initializer.iter().filter_map(|it| Some((it.name.as_str(), Floats::of(it)?))).collect();
        let mut left = Vec::new();
        let names: Vec<(String, Vec<usize>)> =
            self.parameters.iter().map(|it| (it.name.clone(), it.spec.shape.clone())).collect();
        for (name, shape) in names {
            match constants.get(name.as_str()).filter(|it| it.dims == shape) {
                Some(constant) => self.set_parameter(&name, &constant.values)?,
                None => left.push(name),
            }
        }
        let folded = self.folded(&constants);
        if !folded.is_empty() {
            // First as the file has it, so that the outputs measured are those of the whole network as it was.
            let plain = |bias: &[f32]| (vec![0.0; bias.len()], vec![1.0; bias.len()]);
            folded.iter().try_for_each(|it| self.unfold(it, plain(&it.bias), &mut left))?;
            let convolutions: Vec<&str> = folded.iter().map(|it| it.convolution.as_str()).collect();
            let cut = self.ending_at(&convolutions)?;
            let (weights, mut rng) = (cut.weights(), ChaCha8Rng::seed_from_u64(cut.seed));
            let run = Run { training: false, values: &weights, rng: &mut rng };
            let outputs = cut.forward(cut.inputs_of(batch)?, run).outputs;
            for (it, output) in folded.iter().zip(outputs) {
                self.unfold(it, statistics(&output.into_array()), &mut left)?;
            }
        }
        match left.len() == self.parameters.len() {
            true => Err(Error::Model("has no weights that fit this network, or not in float".into())),
            false => Ok(left),
        }
    }

    fn folded(&self, constants: &HashMap<&str, Floats>) -> Vec<Folded> {
        let folded = self.places.iter().filter_map(|place| {
            let norm = &self.layers[place.layer];
            let &[before] = place.inputs.as_slice() else { return None };
            let convolution = self.layers[self.places[before].layer].name.clone();
            let bias = &constants.get(format!("{convolution}/Conv/bias").as_str())?.values;
            let channels = self.places[before].shape.last() == Some(&bias.len());
            let unfolds = channels && norm.layer.only_adding(bias, bias, bias).is_some();
            unfolds.then(|| Folded { convolution, norm: place.layer, bias: bias.clone() })
        });
        folded.collect()
    }

    fn unfold(&mut self, folded: &Folded, (mean, variance): Statistics, left: &mut Vec<String>) -> Result<()> {
        let norm = &self.layers[folded.norm];
        let values = norm.layer.only_adding(&folded.bias, &mean, &variance).unwrap_or_default();
        let mut found: Vec<(String, Vec<f32>)> =
            self.parameters[norm.own.clone()].iter().map(|it| it.name.clone()).zip(values).collect();
        // A bias of the convolution's own is part of the folded one.
        let own = format!("{}/bias", folded.convolution);
        if self.parameters.iter().any(|it| it.name == own) {
            found.push((own, vec![0.0; folded.bias.len()]));
        }
        left.retain(|name| !found.iter().any(|(taken, _)| taken == name));
        found.iter().try_for_each(|(name, values)| self.set_parameter(name, values))
    }
}

/// A normalisation that the file has as the bias of the convolution before it.
struct Folded {
    convolution: String,
    /// Index of the layer.
    norm: usize,
    bias: Vec<f32>,
}

/// Over all but the last axis.
fn statistics(output: &ArrayD<f32>) -> Statistics {
    let channels = output.axis_iter(Axis(output.ndim() - 1));
    let of = |channel: ndarray::ArrayViewD<f32>| {
        let count = channel.len().max(1) as f64;
        let mean = channel.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
        let variance = channel.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
        (mean as f32, variance as f32)
    };
    channels.map(of).unzip()
}
