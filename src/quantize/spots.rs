//! Where the network becomes bytes: which tensors are quantised so that the 8-bit layers read bytes, and which of them
//! share a scale.
//!
//! A tensor is quantised behind the function that follows its convolution, not between the two: the engine computes the
//! function on the exact sums. Operators that only move numbers keep the bytes and the scale of what they move.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::graph::{Graph, text};
use super::layers::Layer;
use crate::engine::onnx::NodeProto;

/// How a quantised tensor gets its scale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// The network's picture: one step of a pixel is one step of the byte, where that can be.
    Picture,
    /// One scale.
    Tensor,
    /// A scale per channel and one zero point: only depthwise convolutions read it.
    Channels,
    /// That of another tensor, which it becomes a part of.
    Like(String),
}

/// The quantised tensors by name, for the layers of `layers` that are not in `float` (by name).
pub fn place(graph: &Graph, layers: &[Layer], float: &BTreeSet<String>) -> BTreeMap<String, Scheme> {
    let quantised: HashMap<usize, &Layer> =
        layers.iter().filter(|layer| !float.contains(&layer.name)).map(|layer| (layer.node, layer)).collect();
    let placing = Placing { graph, makers: graph.makers(), readers: graph.readers() };
    let mut wanted = BTreeSet::new();
    let mut waiting: Vec<&str> = quantised.values().map(|layer| layer.input.as_str()).collect();
    let mut seen = HashSet::new();
    while let Some(name) = waiting.pop() {
        if !seen.insert(name) || graph.constants.contains_key(name) {
            continue;
        }
        let origins = placing.origins(name);
        match placing.makers.get(name).map(|&index| &graph.nodes[index]) {
            // It moves bytes of one scale.
            Some(node) if is_mover(node) && !origins.contains(name) => {
                waiting.extend(moved(node));
            }
            Some(node) if is_mover(node) || placing.is_arithmetic(node) => {
                wanted.insert(name);
                waiting.extend(moved(node));
            }
            maker => {
                wanted.insert(name);
                // A function of a sum: the sum stays exact, what it adds can be bytes.
                let before = maker.and_then(|node| placing.makers.get(node.input.first()?.as_str()));
                let before = before.map(|&index| &graph.nodes[index]).filter(|node| placing.is_arithmetic(node));
                waiting.extend(before.into_iter().flat_map(moved));
            }
        }
    }
    let scheme = |name: &str| {
        let readers = placing.readers.get(name).map(Vec::as_slice).unwrap_or_default();
        let by_channels = |reader: &usize| quantised.get(reader).is_some_and(|layer| layer.depthwise);
        if graph.inputs().any(|input| input == name) {
            Scheme::Picture
        } else if !readers.is_empty() && readers.iter().all(by_channels) {
            Scheme::Channels
        } else if let Some(whole) = placing.part_of(name).filter(|whole| wanted.contains(whole.as_str())) {
            Scheme::Like(whole)
        } else {
            Scheme::Tensor
        }
    };
    let mut schemes: BTreeMap<String, Scheme> = wanted.iter().map(|&name| (name.to_owned(), scheme(name))).collect();
    // A part cannot share the scale of a whole that has one per channel, nor of a picture.
    let alone: Vec<String> = schemes
        .iter()
        .filter(|(_, scheme)| matches!(scheme, Scheme::Like(whole) if !matches!(schemes[whole], Scheme::Tensor | Scheme::Like(_))))
        .map(|(name, _)| name.clone())
        .collect();
    for name in alone {
        schemes.insert(name, Scheme::Tensor);
    }
    schemes
}

/// The tensor whose bytes `name` is made of by moving: itself where it is computed, or put together of several.
pub fn origin(graph: &Graph, name: &str) -> String {
    let placing = Placing { graph, makers: graph.makers(), readers: HashMap::new() };
    // origins() never gives more than one.
    placing.origins(name).first().map_or(name, |first| first).to_owned()
}

struct Placing<'a> {
    graph: &'a Graph,
    makers: HashMap<&'a str, usize>,
    readers: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Placing<'a> {
    /// The computed tensors that `name` is made of by moving.
    fn origins(&self, name: &'a str) -> BTreeSet<&'a str> {
        match self.makers.get(name).map(|&index| &self.graph.nodes[index]) {
            Some(node) if is_mover(node) => {
                let origins: BTreeSet<&str> = moved(node).flat_map(|part| self.origins(part)).collect();
                // Parts of several make something new, with a scale of its own.
                if origins.len() > 1 { BTreeSet::from([name]) } else { origins }
            }
            _ => BTreeSet::from([name]),
        }
    }

    /// What the engine computes from bytes to bytes: of two tensors, or by averaging.
    fn is_arithmetic(&self, node: &NodeProto) -> bool {
        match node.op_type.as_str() {
            "Add" | "Mul" if node.input.iter().any(|name| self.graph.constants.contains_key(name)) => false,
            "Mul" => !self.is_silu(node),
            "Add" | "AveragePool" | "GlobalAveragePool" => true,
            _ => false,
        }
    }

    /// `x · f(x)`: a function of one number, in two nodes.
    fn is_silu(&self, product: &NodeProto) -> bool {
        let function_of = |name: &String, other: &String| {
            let maker = self.makers.get(name.as_str()).map(|&index| &self.graph.nodes[index]);
            maker.is_some_and(|maker| maker.op_type.ends_with("Sigmoid") && maker.input.first() == Some(other))
        };
        matches!(&product.input[..], [a, b] if function_of(a, b) || function_of(b, a))
    }

    /// The concatenation that alone reads `name`, if only after moving it.
    fn part_of(&self, name: &str) -> Option<String> {
        let mut wholes = BTreeSet::new();
        for &index in self.readers.get(name)? {
            let node = &self.graph.nodes[index];
            if node.op_type == "Concat" {
                wholes.insert(node.output[0].clone());
            } else if is_mover(node) {
                for output in &node.output {
                    wholes.insert(self.part_of(output)?);
                }
            } else {
                return None;
            }
        }
        (wholes.len() == 1).then(|| wholes.pop_first())?
    }
}

/// The numbers that a node moves or combines, without shapes and axes.
fn moved(node: &NodeProto) -> impl Iterator<Item = &str> {
    let count = if matches!(node.op_type.as_str(), "Concat" | "Add" | "Mul") { node.input.len() } else { 1 };
    node.input.iter().take(count).map(String::as_str)
}

/// Whether each number of the result is one of the operand's.
pub fn is_mover(node: &NodeProto) -> bool {
    match node.op_type.as_str() {
        "Concat" | "Slice" | "Split" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "MaxPool" => {
            true
        }
        "Resize" => matches!(text(node, "mode"), "" | "nearest"),
        _ => false,
    }
}
