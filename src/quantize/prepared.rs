//! A float network with everything that is known of it, ready to be written in 8 bits with any of its layers left float.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::emit::{Quantised, emit};
use super::graph::Graph;
use super::layers::{self, Layer};
use super::ranges::{self, Affine};
use super::spots::{self, Scheme};
use super::statistics::{Statistics, Tensor};
use super::weights::{Rounded, corrected_bias};
use super::{Calibration, Progress, QuantizeError, calibrate, equalise, fold, with_graph};
use crate::engine::onnx::NodeProto;
use crate::engine::{Engine, TractEngine};
use crate::model::{InputSpec, ModelFolder};

/// Fewer pictures say nothing of what is rare.
const LEAST_PICTURES: usize = 8;

/// See the module.
pub struct Prepared {
    pub graph: Graph,
    pub layers: Vec<Layer>,
    statistics: Statistics,
    /// Tensors whose channels were evened out.
    pub evened: BTreeSet<String>,
    input: InputSpec,
    checkpoint: Checkpoint,
    /// Scales that were looked for already: layers that stay float change few of them.
    found: RefCell<HashMap<(String, bool), Affine>>,
    /// Weights and biases by layer, that were made for these inputs.
    rounded: RefCell<HashMap<String, Made>>,
}

/// The input's scales, and what became of weights and biases with them.
type Made = (Affine, Rounded, Vec<f32>);

impl Prepared {
    /// Reads the model and calibrates it.
    ///
    /// # Errors
    /// A file that is quantised, takes more than one picture, or has no layer to quantise; pictures that are too few or
    /// show nothing; numbers that are not finite.
    pub fn new(model: &ModelFolder, asked: &Calibration, progress: &dyn Progress) -> Result<Self, QuantizeError> {
        let refused = |reason: String| QuantizeError::Refused { name: model.to_string(), reason };
        let bytes = model.read()?;
        let mut graph = Graph::read(&bytes).map_err(refused)?;
        fold::batch_norms(&mut graph);
        let layers = layers::find(&graph);
        if layers.is_empty() {
            return Err(refused("has no convolution or fully connected layer with constant weights".into()));
        }
        let count = asked.pictures.len();
        if count < LEAST_PICTURES {
            return Err(refused(format!(
                "{count} pictures to calibrate with are too few: give {LEAST_PICTURES} at the least, better 200, as the \
                 network will see them"
            )));
        }
        let program = TractEngine.load(&observed(model, &graph, &layers))?;
        let key = key(&bytes, &model.spec.input, asked).map_err(refused)?;
        let mut checkpoint = Checkpoint::open(asked.kept_at.clone(), key);
        calibrate::run(
            program.as_ref(),
            &model.spec.input,
            asked.pictures,
            asked.seed,
            asked.sessions,
            &mut checkpoint,
            progress,
        )?;
        if checkpoint.blank * 2 > count {
            let blank = checkpoint.blank;
            return Err(refused(format!(
                "{blank} of the {count} pictures to calibrate with show nothing (one colour): give pictures as the network \
                 will see them"
            )));
        }
        let statistics = std::mem::take(&mut checkpoint.tensors);
        if let Some((name, _)) = statistics.iter().find(|(_, tensor)| !tensor.is_finite()) {
            return Err(refused(format!("`{name}` holds numbers that are not finite on these pictures")));
        }
        Ok(Self {
            graph,
            layers,
            statistics,
            evened: BTreeSet::new(),
            input: model.spec.input,
            checkpoint,
            found: RefCell::default(),
            rounded: RefCell::default(),
        })
    }

    /// The same with channels evened out, whether or not that is better.
    pub fn evened_out(&self) -> Self {
        let (mut graph, mut layers, mut statistics) =
            (self.graph.clone(), self.layers.clone(), self.statistics.clone());
        let evened = equalise::run(&mut graph, &mut layers, &mut statistics).into_iter().collect();
        Self {
            graph,
            layers,
            statistics,
            evened,
            input: self.input,
            checkpoint: self.checkpoint.clone(),
            found: RefCell::default(),
            rounded: RefCell::default(),
        }
    }

    /// Once the result is in its place.
    pub fn forget(&self) {
        self.checkpoint.remove();
    }

    /// The network with all layers in 8 bits but those in `float`, by name.
    pub fn quantised(&self, float: &BTreeSet<String>) -> Graph {
        let ranges = self.ranges(float);
        let quantised = self.layers.iter().enumerate().filter(|(_, layer)| !float.contains(&layer.name));
        let quantised = quantised.filter_map(|(index, layer)| Some((index, self.layer(layer, &ranges)?)));
        emit(&self.graph, &self.layers, &ranges, &quantised.collect())
    }

    /// `None` where nothing is known of what it reads.
    fn layer(&self, layer: &Layer, ranges: &BTreeMap<String, Affine>) -> Option<Quantised> {
        let inputs = ranges.get(&spots::origin(&self.graph, &layer.input))?.clone();
        if let Some((affine, weights, bias)) = self.rounded.borrow().get(&layer.name)
            && *affine == inputs
        {
            return Some(Quantised { weights: weights.clone(), bias: bias.clone(), inputs });
        }
        let weights = Rounded::of(layer, &inputs);
        let bias = corrected_bias(layer, &weights, self.statistics.get(&layer.input)?, &inputs);
        self.rounded.borrow_mut().insert(layer.name.clone(), (inputs.clone(), weights.clone(), bias.clone()));
        Some(Quantised { weights, bias, inputs })
    }

    /// The scales of the tensors that become bytes.
    pub fn ranges(&self, float: &BTreeSet<String>) -> BTreeMap<String, Affine> {
        let schemes = spots::place(&self.graph, &self.layers, float);
        let range = |name: &String| self.range(name, &schemes);
        schemes.keys().filter_map(|name| Some((name.clone(), range(name)?))).collect()
    }

    fn range(&self, name: &String, schemes: &BTreeMap<String, Scheme>) -> Option<Affine> {
        let by_channels = match &schemes[name] {
            Scheme::Picture => return Some(ranges::of_picture(self.input.mean, self.input.std)),
            Scheme::Like(whole) => return self.range(whole, schemes),
            scheme => *scheme == Scheme::Channels,
        };
        let key = (name.clone(), by_channels);
        if let Some(affine) = self.found.borrow().get(&key) {
            return Some(affine.clone());
        }
        let tensor = self.statistics.get(name)?;
        let affine = if by_channels { ranges::per_channel(tensor) } else { ranges::per_tensor(tensor) };
        self.found.borrow_mut().insert(key, affine.clone());
        Some(affine)
    }

    /// The layer that each node belongs to, by the nodes' names: its own, and the function that follows it.
    pub fn owners(&self) -> HashMap<String, String> {
        let readers = self.graph.readers();
        let mut owners = HashMap::new();
        for layer in &self.layers {
            owners.insert(layer.name.clone(), layer.name.clone());
            // SiLU is two nodes, so two steps along.
            let mut tensors = vec![layer.output.as_str()];
            for _ in 0..2 {
                let next: Vec<usize> = tensors.iter().flat_map(|name| readers.get(name)).flatten().copied().collect();
                let next: Vec<&NodeProto> = next.into_iter().map(|index| &self.graph.nodes[index]).collect();
                let functions = next.into_iter().filter(|node| is_function(node));
                let functions: Vec<&NodeProto> = functions.filter(|node| !owners.contains_key(&node.name)).collect();
                owners.extend(functions.iter().map(|node| (node.name.clone(), layer.name.clone())));
                tensors = functions.iter().map(|node| node.output[0].as_str()).collect();
            }
        }
        owners
    }

    pub fn statistics(&self, name: &str) -> Option<&Tensor> {
        self.statistics.get(name)
    }
}

/// The float network with an output for each tensor that may become bytes, or that a layer reads.
fn observed(model: &ModelFolder, graph: &Graph, layers: &[Layer]) -> ModelFolder {
    let mut graph_out = graph.clone();
    let mut names: BTreeSet<String> = spots::place(graph, layers, &BTreeSet::new()).into_keys().collect();
    names.extend(layers.iter().map(|layer| layer.input.clone()));
    names.iter().for_each(|name| graph_out.observe(name));
    with_graph(&model.spec, graph_out.encode())
}

/// Digest of all that decides the statistics.
fn key(bytes: &[u8], input: &InputSpec, asked: &Calibration) -> Result<String, String> {
    let mut hash = Sha256::new();
    hash.update(Sha256::digest(bytes));
    hash.update(format!("{input:?} {}", asked.seed));
    for path in asked.pictures {
        hash.update(picture_digest(path)?);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn picture_digest(path: &Path) -> Result<[u8; 32], String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Sha256::digest(&bytes).into())
}

/// Whether it may be a part of the function behind a layer.
fn is_function(node: &NodeProto) -> bool {
    const FUNCTIONS: [&str; 9] =
        ["Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Mul"];
    FUNCTIONS.contains(&node.op_type.as_str())
}
