//! A network: layers in an order, their parameters, and what can be done with them.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Tensor;

use crate::device::Device;
use crate::layer::Layer;
use crate::parameter::Parameter;
use crate::shape::Shape;
use crate::{Error, Result};

mod build;
mod compile;
mod costs;
mod course;
mod evaluate;
mod fit;
mod forward;
mod gradients;
mod history;
mod loader;
mod save;
mod sequential;
mod step;
mod summary;
mod tally;
mod transfer;

pub use compile::{Compile, SampleWeightMode};
pub use evaluate::{Evaluate, Predict};
pub use fit::Fit;
pub(crate) use forward::Run;
pub use gradients::Gradients;
pub use history::{History, Logs};
pub use sequential::Sequential;

/// A network. See [`crate`] for an example.
#[derive(Debug)]
pub struct Model {
    pub(crate) layers: Vec<Entry>,
    /// Uses of layers, each behind its inputs.
    pub(crate) places: Vec<Use>,
    /// Places of the inputs and outputs, in the order in which they were given.
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<usize>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) device: Device,
    pub(crate) seed: u64,
    /// Whether pictures of any height and width are taken.
    pub(crate) any_size: bool,
    /// How it learns, once it is compiled.
    pub(crate) compiled: Option<compile::Compiled>,
}

/// A layer of a model.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: String,
    pub layer: Arc<dyn Layer>,
    /// Its parameters among the model's.
    pub(crate) own: Range<usize>,
    /// False where it is frozen: its weights stay, and batch normalisation uses its moving statistics.
    pub trainable: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// Index into the layers.
    pub layer: usize,
    /// Indices of places before it.
    pub inputs: Vec<usize>,
    pub shape: Shape,
}

impl Model {
    /// The layer of a name.
    pub fn get_layer(&self, name: &str) -> Result<&Entry> {
        self.layers.iter().find(|entry| entry.name == name).ok_or_else(|| self.no_layer(name))
    }

    /// Shape of what a layer gives at its first place, channels last, without the batch.
    pub fn shape_of(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.places[self.place_of(name)?].shape)
    }

    /// A model that shares nothing with this one but ends at other layers, with a copy of the weights: for features.
    pub fn ending_at(&self, names: &[&str]) -> Result<Model> {
        let outputs = names.iter().map(|name| self.place_of(name)).collect::<Result<Vec<_>>>()?;
        Ok(self.cut_to(outputs))
    }

    /// Keeps these layers as they are from now on, or lets them learn again.
    pub fn set_trainable(&mut self, names: &[&str], trainable: bool) -> Result<()> {
        for name in names {
            let index = self.layers.iter().position(|entry| entry.name == *name).ok_or_else(|| self.no_layer(name))?;
            self.layers[index].trainable = trainable;
        }
        Ok(())
    }

    /// Keeps the whole model as it is.
    pub fn freeze(&mut self) {
        for entry in &mut self.layers {
            entry.trainable = false;
        }
    }

    pub fn layers(&self) -> &[Entry] {
        &self.layers
    }

    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Shapes of the inputs, in their order, channels last, without the batch.
    pub fn input_shapes(&self) -> Vec<&[usize]> {
        self.inputs.iter().map(|&place| self.places[place].shape.as_slice()).collect()
    }

    /// Shapes of the outputs, in their order, channels last, without the batch.
    pub fn output_shapes(&self) -> Vec<&[usize]> {
        self.outputs.iter().map(|&place| self.places[place].shape.as_slice()).collect()
    }

    /// Parameters that learn, and those that do not, in numbers.
    pub fn count_parameters(&self) -> (usize, usize) {
        let mut counts = (0, 0);
        for entry in &self.layers {
            for parameter in &self.parameters[entry.own.clone()] {
                let learns = entry.trainable && parameter.spec.trainable;
                *(if learns { &mut counts.0 } else { &mut counts.1 }) += parameter.spec.count();
            }
        }
        counts
    }

    /// Takes pictures of other heights and widths than it was built for: for networks of convolutions, whose outputs then have other
    /// heights and widths as well. It is exported as it was built.
    pub fn any_size(mut self) -> Model {
        self.any_size = true;
        self
    }

    /// Moves the weights to another device.
    pub fn to_device(mut self, device: &Device) -> Model {
        for parameter in &mut self.parameters {
            parameter.value = parameter.value.clone().to_device(device);
        }
        self.device = device.clone();
        self
    }

    /// Replaces the numbers of a parameter by name (`conv2d/kernel`), flat, in the order that its layer documents.
    pub fn set_parameter(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let device = self.device.clone();
        let parameter = self
            .parameters
            .iter_mut()
            .find(|parameter| parameter.name == name)
            .ok_or_else(|| Error::Model(format!("no parameter {name} in this model")))?;
        if values.len() != parameter.spec.count() {
            return Err(Error::Model(format!("{name} has {} numbers, not {}", parameter.spec.count(), values.len())));
        }
        parameter.value = Tensor::from_floats(values, &device);
        Ok(())
    }

    /// All parameters' numbers, in their order.
    pub(crate) fn weights(&self) -> Vec<Tensor<1>> {
        self.parameters.iter().map(|parameter| parameter.value.clone()).collect()
    }

    /// Takes back what [`Self::weights`] gave.
    pub(crate) fn set_weights(&mut self, weights: Vec<Tensor<1>>) {
        for (parameter, value) in self.parameters.iter_mut().zip(weights) {
            parameter.value = value;
        }
    }

    fn place_of(&self, name: &str) -> Result<usize> {
        self.places.iter().position(|place| self.layers[place.layer].name == name).ok_or_else(|| self.no_layer(name))
    }

    fn no_layer(&self, name: &str) -> Error {
        Error::Model(format!("no layer {name} in this model: summary() lists them"))
    }
}
