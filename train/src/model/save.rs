//! Models as files: one in the safetensors format, with the network described in its metadata.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Tensor;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::course::Progress;
use super::history::History;
use super::tally::{SavedTally, Tally};
use super::{Entry, Model, Use};
use crate::callback::Callback;
use crate::device::{self, Device};
use crate::layer::Layer;
use crate::parameter::Parameter;
use crate::shape::Shape;
use crate::{Error, Result};

/// Key of the file's metadata; only one, because several would be written in any order.
const KEY: &str = "wayside-train";

/// Files above this are no models of ours: 4 GB.
const MAX_BYTES: u64 = 4 << 30;

#[derive(Serialize, Deserialize)]
struct Description {
    network: Network,
    training: Option<Saved>,
}

#[derive(Serialize, Deserialize)]
struct Network {
    layers: Vec<SavedLayer>,
    places: Vec<SavedPlace>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    seed: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedLayer {
    name: String,
    trainable: bool,
    layer: Json,
}

#[derive(Serialize, Deserialize)]
struct SavedPlace {
    layer: usize,
    inputs: Vec<usize>,
    shape: Shape,
}

/// Where a training stood.
#[derive(Serialize, Deserialize)]
struct Saved {
    optimizer: String,
    step: usize,
    rate_factor: f32,
    rate_override: Option<f32>,
    epoch: usize,
    batch: usize,
    tally: SavedTally,
    history: History,
    finished: bool,
    callbacks: Vec<Json>,
}

impl Model {
    /// Writes network and weights, and the optimizer's numbers where the model is compiled; whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.write(path, &Progress::default(), &[])
    }

    /// Writes all that a training needs to go on.
    ///
    /// # Errors
    /// Where weights are no numbers any more: then the file stays as it was.
    pub(crate) fn save_training(
        &self,
        path: &Path,
        progress: &Progress,
        callbacks: &[Box<dyn Callback + '_>],
    ) -> Result<()> {
        for parameter in &self.parameters {
            if !parameter.to_vec().iter().all(|number| number.is_finite()) {
                return Err(Error::Diverged(format!(
                    "{} is no number any more after epoch {}: {} was not written; a smaller learning rate or \
                     global_clipnorm may help",
                    parameter.name,
                    progress.epoch,
                    path.display()
                )));
            }
        }
        self.write(path, progress, callbacks)
    }

    fn write(&self, path: &Path, progress: &Progress, callbacks: &[Box<dyn Callback + '_>]) -> Result<()> {
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for parameter in &self.parameters {
            tensors.push((parameter.name.clone(), parameter.spec.shape.clone(), bytes(&parameter.value)));
        }
        let mut flat = |name: String, value: &Tensor<1>| tensors.push((name, value.dims().into(), bytes(value)));
        let mut training = None;
        if let Some(compiled) = &self.compiled {
            for (name, slots) in &compiled.slots {
                slots.iter().enumerate().for_each(|(number, slot)| flat(format!("{name}#{number}"), slot));
            }
            for (place, callback) in callbacks.iter().enumerate() {
                let weights = callback.weights().iter().enumerate();
                weights.for_each(|(number, value)| flat(format!("{}#{number}", kept_by(place)), value));
            }
            training = Some(Saved {
                optimizer: compiled.optimizer.name().into(),
                step: compiled.step,
                rate_factor: compiled.rate_factor,
                rate_override: compiled.rate_override,
                epoch: progress.epoch,
                batch: progress.batch,
                tally: if progress.batch > 0 { progress.tally.save(self) } else { SavedTally::default() },
                history: progress.history.clone(),
                finished: progress.finished,
                callbacks: callbacks.iter().map(|callback| callback.state()).collect(),
            });
        }
        // The same training gives the same file.
        tensors.sort();
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(odd)?)))
            .collect::<Result<Vec<_>>>()?;
        let metadata = HashMap::from([(KEY.to_owned(), text(&Description { network: self.network()?, training })?)]);
        let file = safetensors::serialize(views, Some(metadata)).map_err(odd)?;
        wayside::part_file::write(path, &file).map_err(|error| Error::file(path, error))
    }

    /// Reads a model on the best device of this build. It has to be compiled to learn on.
    pub fn load(path: &Path) -> Result<Model> {
        Self::load_on(path, &device::open("auto")?.0)
    }

    pub fn load_on(path: &Path, device: &Device) -> Result<Model> {
        let bytes = read(path)?;
        let file = File::open(path, &bytes)?;
        let mut model = rebuild(file.description()?.network, device).map_err(|why| file.refuse(&why))?;
        for parameter in &mut model.parameters {
            parameter.value = file.tensor(&parameter.name, &parameter.spec.shape, device)?;
        }
        Ok(model)
    }

    /// Takes over the weights of a file into this network, by the parameters' names; all of them have to be there.
    pub fn load_weights(&mut self, path: &Path) -> Result<()> {
        let bytes = read(path)?;
        self.take_weights(&File::open(path, &bytes)?)
    }

    /// Takes over those weights of a file that have the name and the shape of one here, as Keras' `load_weights` with
    /// `skip_mismatch`; gives the names of the parameters that stay as they are.
    ///
    /// # Errors
    /// Where nothing fits: it is another network.
    pub fn load_fitting_weights(&mut self, path: &Path) -> Result<Vec<String>> {
        let bytes = read(path)?;
        let file = File::open(path, &bytes)?;
        let (mut values, mut left) = (self.weights(), Vec::new());
        for (parameter, value) in self.parameters.iter().zip(&mut values) {
            match file.tensor(&parameter.name, &parameter.spec.shape, &self.device) {
                Ok(found) => *value = found,
                Err(_) => left.push(parameter.name.clone()),
            }
        }
        if left.len() == values.len() {
            return Err(file.refuse("has no weights that fit this network"));
        }
        self.set_weights(values);
        Ok(left)
    }

    /// Takes over what the optimizer has gathered, after [`Model::compile`]: to go on learning from a file with other data.
    pub fn load_optimizer(&mut self, path: &Path) -> Result<()> {
        let bytes = read(path)?;
        let file = File::open(path, &bytes)?;
        let saved = file.description()?.training.ok_or_else(|| file.refuse("holds no training"))?;
        self.take_optimizer(&file, &saved)
    }

    /// Goes on where a checkpoint stands: weights, optimizer, callbacks.
    pub(crate) fn resume(&mut self, path: &Path, callbacks: &mut [Box<dyn Callback + '_>]) -> Result<Progress> {
        let bytes = read(path)?;
        let file = File::open(path, &bytes)?;
        let Description { network, training } = file.description()?;
        // Written and read as the file was: a number in text may come back different in its last place.
        let own: Network = serde_json::from_str(&text(&self.network()?)?).map_err(odd)?;
        if text(&network)? != text(&own)? {
            return Err(file.refuse("is the checkpoint of another network: name another place, or remove it"));
        }
        let saved = training.ok_or_else(|| file.refuse("holds no training"))?;
        if saved.callbacks.len() != callbacks.len() {
            return Err(file.refuse("is the checkpoint of another training: name another place, or remove it"));
        }
        self.take_weights(&file)?;
        self.take_optimizer(&file, &saved)?;
        for (place, (callback, state)) in callbacks.iter_mut().zip(&saved.callbacks).enumerate() {
            callback.restore(state);
            callback.restore_weights(file.numbered(&kept_by(place), &self.device)?);
        }
        let tally = Tally::restore(&saved.tally, self)?;
        let Saved { epoch, batch, history, finished, .. } = saved;
        Ok(Progress { epoch, batch, tally, history, finished })
    }

    fn take_weights(&mut self, file: &File) -> Result<()> {
        let values = self
            .parameters
            .iter()
            .map(|it| file.tensor(&it.name, &it.spec.shape, &self.device))
            .collect::<Result<Vec<_>>>()?;
        self.set_weights(values);
        Ok(())
    }

    fn take_optimizer(&mut self, file: &File, saved: &Saved) -> Result<()> {
        let own = self.compiled()?.optimizer.name();
        if saved.optimizer != own {
            return Err(file.refuse(&format!(
                "was trained with {}, not {own}: name another place, or remove it",
                saved.optimizer
            )));
        }
        let mut slots = HashMap::new();
        for parameter in &self.parameters {
            let own = file.numbered(&parameter.name, &self.device)?;
            if own.iter().any(|slot| slot.dims() != parameter.value.dims()) {
                return Err(file.refuse(&format!("has numbers of the optimizer that do not fit {}", parameter.name)));
            }
            if !own.is_empty() {
                slots.insert(parameter.name.clone(), own);
            }
        }
        let compiled = self.compiled_mut()?;
        (compiled.slots, compiled.step) = (slots, saved.step);
        (compiled.rate_factor, compiled.rate_override) = (saved.rate_factor, saved.rate_override);
        Ok(())
    }

    fn network(&self) -> Result<Network> {
        let layers = self
            .layers
            .iter()
            .map(|entry| {
                let layer = serde_json::to_value(&*entry.layer).map_err(odd)?;
                Ok(SavedLayer { name: entry.name.clone(), trainable: entry.trainable, layer })
            })
            .collect::<Result<_>>()?;
        let places = self
            .places
            .iter()
            .map(|it| SavedPlace { layer: it.layer, inputs: it.inputs.clone(), shape: it.shape.clone() })
            .collect();
        Ok(Network { layers, places, inputs: self.inputs.clone(), outputs: self.outputs.clone(), seed: self.seed })
    }
}

/// Name of the weights that the callback at this place keeps.
fn kept_by(place: usize) -> String {
    format!("callback {place}")
}

/// A network as it was described, with parameters of no meaning yet; every number in the description is looked at.
fn rebuild(network: Network, device: &Device) -> std::result::Result<Model, String> {
    let mut model = Model {
        layers: Vec::new(),
        places: Vec::new(),
        inputs: network.inputs,
        outputs: network.outputs,
        parameters: Vec::new(),
        device: device.clone(),
        seed: network.seed,
        any_size: false,
        compiled: None,
    };
    let count = network.places.len();
    if model.inputs.iter().chain(&model.outputs).any(|&place| place >= count) || model.outputs.is_empty() {
        return Err("describes inputs or outputs that it has not".into());
    }
    let mut built: Vec<Option<Vec<Shape>>> = vec![None; network.layers.len()];
    let mut shapes: Vec<Shape> = Vec::new();
    let mut layers: Vec<(SavedLayer, Arc<dyn Layer>)> = Vec::new();
    for saved in network.layers {
        let layer: Box<dyn Layer> = serde_json::from_value(saved.layer.clone())
            .map_err(|error| format!("has a layer {} that this program does not know: {error}", saved.name))?;
        layers.push((saved, Arc::from(layer)));
    }
    for (number, place) in network.places.iter().enumerate() {
        if place.inputs.iter().any(|&input| input >= number) || place.layer >= layers.len() {
            return Err(format!("has a place {number} behind ones that come later"));
        }
        if place.inputs.is_empty() != (layers[place.layer].1.class() == "InputLayer")
            || place.inputs.is_empty() != model.inputs.contains(&number)
        {
            return Err(format!("has a place {number} with inputs where none belong, or the reverse"));
        }
        let given: Vec<Shape> = place.inputs.iter().map(|&input| shapes[input].clone()).collect();
        let (saved, layer) = &layers[place.layer];
        let shape = layer.output_shape(&given).map_err(|why| format!("has a layer {} that {why}", saved.name))?;
        if shape != place.shape {
            return Err(format!("has a layer {} whose shape is {shape:?}, not {:?}", saved.name, place.shape));
        }
        shapes.push(shape);
        built[place.layer].get_or_insert(given);
        model.places.push(Use { layer: place.layer, inputs: place.inputs.clone(), shape: place.shape.clone() });
    }
    for ((saved, layer), built) in layers.into_iter().zip(built) {
        let first = model.parameters.len();
        let built = built.ok_or_else(|| format!("has a layer {} that is nowhere", saved.name))?;
        for spec in layer.parameters(&built) {
            let name = format!("{}/{}", saved.name, spec.name);
            model.parameters.push(Parameter { name, value: Tensor::zeros([0], device), spec });
        }
        let own = first..model.parameters.len();
        model.layers.push(Entry { name: saved.name, layer, own, trainable: saved.trainable });
    }
    Ok(model)
}

/// A safetensors file that is open.
struct File<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
    metadata: HashMap<String, String>,
}

impl<'a> File<'a> {
    fn open(path: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        let refuse = |error: safetensors::SafeTensorError| {
            Error::Model(format!("{}: is damaged or no model: {error}", path.display()))
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(refuse)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        Ok(File { path, tensors: SafeTensors::deserialize(bytes).map_err(refuse)?, metadata })
    }

    fn description(&self) -> Result<Description> {
        let text = self.metadata.get(KEY).ok_or_else(|| self.refuse("is no model of wayside-train"))?;
        serde_json::from_str(text).map_err(|error| self.refuse(&format!("is damaged: {error}")))
    }

    fn tensor(&self, name: &str, shape: &[usize], device: &Device) -> Result<Tensor<1>> {
        let view = self.tensors.tensor(name).map_err(|_| self.refuse(&format!("has no {name}")))?;
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            return Err(self.refuse(&format!(
                "has {name} as {:?} {:?}, not as floats {shape:?}",
                view.dtype(),
                view.shape()
            )));
        }
        Ok(floats(view.data(), device))
    }

    /// All tensors `name#0`, `name#1`…
    fn numbered(&self, name: &str, device: &Device) -> Result<Vec<Tensor<1>>> {
        let mut found = Vec::new();
        while let Ok(view) = self.tensors.tensor(&format!("{name}#{}", found.len())) {
            found.push(self.tensor(&format!("{name}#{}", found.len()), view.shape(), device)?);
        }
        Ok(found)
    }

    fn refuse(&self, why: &str) -> Error {
        Error::Model(format!("{}: {why}", self.path.display()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let size = fs::metadata(path).map_err(|error| Error::file(path, error))?.len();
    if size > MAX_BYTES {
        return Err(Error::Model(format!("{}: {size} bytes are more than a model has", path.display())));
    }
    fs::read(path).map_err(|error| Error::file(path, error))
}

fn bytes(value: &Tensor<1>) -> Vec<u8> {
    value.to_data().iter::<f32>().flat_map(f32::to_le_bytes).collect()
}

fn floats(bytes: &[u8], device: &Device) -> Tensor<1> {
    let numbers: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    Tensor::from_floats(numbers.as_slice(), device)
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(odd)
}

/// What can't be written down: a layer of one's own with odd fields.
fn odd(error: impl std::fmt::Display) -> Error {
    Error::Model(format!("this model can't be saved: {error}"))
}
