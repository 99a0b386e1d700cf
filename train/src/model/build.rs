//! From symbols to a model.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use burn::tensor::Tensor;

use super::{Entry, Model, Use};
use crate::device::{self, Device};
use crate::graph::Symbol;
use crate::initializer::seed_for;
use crate::layer::InputLayer;
use crate::parameter::Parameter;
use crate::{Error, Result};

impl Model {
    /// Everything between these inputs and outputs, on the best device of this build, with weights drawn from seed 0.
    pub fn new(inputs: &[Symbol], outputs: &[Symbol]) -> Result<Model> {
        Self::seeded(inputs, outputs, 0)
    }

    /// With first weights of another seed: the same seed gives the same network.
    pub fn seeded(inputs: &[Symbol], outputs: &[Symbol], seed: u64) -> Result<Model> {
        Self::on_device(inputs, outputs, seed, &device::open("auto")?.0)
    }

    pub fn on_device(inputs: &[Symbol], outputs: &[Symbol], seed: u64, device: &Device) -> Result<Model> {
        if inputs.is_empty() || outputs.is_empty() {
            return Err(Error::Model("a model takes at least one input and one output".into()));
        }
        let symbols = reachable(inputs, outputs)?;
        let mut model = Model {
            layers: Vec::new(),
            places: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            parameters: Vec::new(),
            device: device.clone(),
            seed,
            any_size: false,
            compiled: None,
        };
        let mut names = Names::of(&symbols)?;
        let mut layer_of = HashMap::new();
        let mut place_of = HashMap::new();
        for symbol in &symbols {
            let instance = &symbol.0.layer.0;
            let layer = match layer_of.get(&Rc::as_ptr(instance)) {
                Some(&known) => known,
                None => {
                    let name = instance.name.clone().unwrap_or_else(|| names.next(instance.layer.class()));
                    let built = instance.built.get().cloned().unwrap_or_default();
                    model.add_layer(name, symbol, &built);
                    layer_of.insert(Rc::as_ptr(instance), model.layers.len() - 1);
                    model.layers.len() - 1
                }
            };
            let inputs = symbol.0.inputs.iter().map(|input| place_of[&input.0.order]).collect();
            place_of.insert(symbol.0.order, model.places.len());
            model.places.push(Use { layer, inputs, shape: symbol.0.shape.clone() });
        }
        model.inputs = inputs.iter().map(|symbol| place_of[&symbol.0.order]).collect();
        model.outputs = outputs.iter().map(|symbol| place_of[&symbol.0.order]).collect();
        Ok(model)
    }

    /// With first weights of another seed, whatever they were.
    pub fn reseeded(mut self, seed: u64) -> Model {
        self.seed = seed;
        for it in &mut self.parameters {
            let numbers = it.spec.initializer.draw(it.spec.count(), it.spec.fans, seed_for(seed, &it.name));
            it.value = Tensor::from_floats(numbers.as_slice(), &self.device);
        }
        self
    }

    fn add_layer(&mut self, name: String, symbol: &Symbol, built: &[crate::shape::Shape]) {
        let layer = symbol.0.layer.0.layer.clone();
        let first = self.parameters.len();
        for spec in layer.parameters(built) {
            let name = format!("{name}/{}", spec.name);
            let numbers = spec.initializer.draw(spec.count(), spec.fans, seed_for(self.seed, &name));
            let value = Tensor::from_floats(numbers.as_slice(), &self.device);
            self.parameters.push(Parameter { name, spec, value });
        }
        self.layers.push(Entry { name, layer, own: first..self.parameters.len(), trainable: true });
    }

    /// The same weights up to these places.
    pub(super) fn cut_to(&self, outputs: Vec<usize>) -> Model {
        let mut needed = HashSet::new();
        let mut open = outputs.clone();
        open.extend(&self.inputs);
        while let Some(place) = open.pop() {
            if needed.insert(place) {
                open.extend(&self.places[place].inputs);
            }
        }
        let kept: Vec<usize> = (0..self.places.len()).filter(|place| needed.contains(place)).collect();
        let new_place = |old: &usize| kept.binary_search(old).expect("kept with what it needs");
        let mut model = Model {
            layers: Vec::new(),
            places: Vec::new(),
            inputs: self.inputs.iter().map(new_place).collect(),
            outputs: outputs.iter().map(new_place).collect(),
            parameters: Vec::new(),
            device: self.device.clone(),
            seed: self.seed,
            any_size: self.any_size,
            compiled: None,
        };
        let mut layer_of = HashMap::new();
        for &place in &kept {
            let old = &self.places[place];
            let layer = *layer_of.entry(old.layer).or_insert_with(|| {
                let entry = &self.layers[old.layer];
                let first = model.parameters.len();
                model.parameters.extend_from_slice(&self.parameters[entry.own.clone()]);
                model.layers.push(Entry { own: first..model.parameters.len(), ..entry.clone() });
                model.layers.len() - 1
            });
            let inputs = old.inputs.iter().map(new_place).collect();
            model.places.push(Use { layer, inputs, shape: old.shape.clone() });
        }
        model
    }
}

/// All symbols from inputs to outputs, in the order in which they were made.
fn reachable(inputs: &[Symbol], outputs: &[Symbol]) -> Result<Vec<Symbol>> {
    let entries: HashSet<u64> = inputs.iter().map(|symbol| symbol.0.order).collect();
    let mut found: HashMap<u64, Symbol> = HashMap::new();
    let mut open: Vec<Symbol> = outputs.iter().chain(inputs).cloned().collect();
    while let Some(symbol) = open.pop() {
        if found.contains_key(&symbol.0.order) {
            continue;
        }
        if symbol.0.inputs.is_empty() {
            if !entries.contains(&symbol.0.order) {
                return Err(Error::Model(format!(
                    "an output needs an input of shape {} that the model was not given",
                    crate::shape::with_batch(&symbol.0.shape)
                )));
            }
            let shape = InputLayer { shape: symbol.0.shape.clone() };
            crate::layer::Layer::output_shape(&shape, &[]).map_err(|why| Error::Shape(format!("an input {why}")))?;
        } else if entries.contains(&symbol.0.order) {
            return Err(Error::Model("an input of a model has to come from Input".into()));
        }
        open.extend(symbol.0.inputs.iter().cloned());
        found.insert(symbol.0.order, symbol);
    }
    let mut symbols: Vec<Symbol> = found.into_values().collect();
    symbols.sort_by_key(|symbol| symbol.0.order);
    Ok(symbols)
}

/// Names for layers that have none: `conv2d`, `conv2d_1`.
struct Names {
    taken: HashSet<String>,
    counts: HashMap<String, usize>,
}

impl Names {
    fn of(symbols: &[Symbol]) -> Result<Names> {
        let mut taken = HashMap::new();
        for symbol in symbols {
            let instance = &symbol.0.layer.0;
            if let Some(name) = &instance.name
                && *taken.entry(name.clone()).or_insert(Rc::as_ptr(instance)) != Rc::as_ptr(instance)
            {
                return Err(Error::Model(format!("two layers are named {name}")));
            }
        }
        Ok(Names { taken: taken.into_keys().collect(), counts: HashMap::new() })
    }

    fn next(&mut self, class: &str) -> String {
        let stem = snake(class);
        loop {
            let count = self.counts.entry(stem.clone()).or_insert(0);
            let name = if *count == 0 { stem.clone() } else { format!("{stem}_{count}") };
            *count += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// `BatchNormalization` → `batch_normalization`, `Conv2D` → `conv2d`, as Keras does.
fn snake(class: &str) -> String {
    let mut text = String::new();
    let mut before = '_';
    for letter in class.chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
        before = letter;
    }
    text
}
