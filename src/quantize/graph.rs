//! The network as nodes and constants, apart from the rest of its file: what the steps of the quantiser change.
//!
//! Not here: what the nodes mean for the quantiser (layers.rs, spots.rs).

use std::collections::{BTreeMap, HashMap, HashSet};

pub use crate::engine::onnx::Floats;
use crate::engine::onnx::{self, AttributeProto, DataType, ModelProto, NodeProto, TensorProto, ValueInfoProto};

/// A float network. Nodes are in an order in which they can be computed, and each has a name of its own.
#[derive(Clone)]
pub struct Graph {
    pub nodes: Vec<NodeProto>,
    /// Initialisers, and what nodes `Constant` held, by name.
    pub constants: BTreeMap<String, TensorProto>,
    /// Everything else of the file.
    frame: ModelProto,
}

impl Graph {
    /// Takes a file apart. `Constant`, `Identity` and `Dropout` are gone then, and the operators are those of opset 13 or
    /// newer, which the quantised form needs.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut frame = onnx::decode(bytes)?;
        // decode() lets no model without a graph through.
        let Some(graph) = frame.graph.as_mut() else { return Err("the file holds no graph".into()) };
        let mut nodes = std::mem::take(&mut graph.node);
        let mut constants: BTreeMap<String, TensorProto> =
            std::mem::take(&mut graph.initializer).into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        // Old exporters list the weights as inputs too; inner shapes may no longer hold for another input size.
        graph.input.retain(|input| !constants.contains_key(&input.name));
        graph.value_info.clear();
        if let Some(node) = nodes.iter().find(|node| is_quantised(&node.op_type)) {
            return Err(format!(
                "the file is quantised already (node '{}' is a {}): give the float network that it was made from",
                node.name, node.op_type
            ));
        }
        nodes.retain(|node| match attribute(node, "value").and_then(|value| value.t.clone()) {
            Some(tensor) if node.op_type == "Constant" => {
                let name = node.output[0].clone();
                constants.insert(name.clone(), TensorProto { name, ..tensor });
                false
            }
            _ => true,
        });
        let mut graph = Self { nodes, constants, frame };
        graph.remove_identities();
        super::opset::raise(&mut graph)?;
        graph.name_nodes();
        Ok(graph)
    }

    /// The version of ONNX's operators.
    pub fn opset(&self) -> i64 {
        let standard =
            self.frame.opset_import.iter().find(|opset| opset.domain.is_empty() || opset.domain == "ai.onnx");
        standard.map_or(0, |opset| opset.version)
    }

    pub fn set_opset(&mut self, version: i64) {
        let standard = |opset: &&mut onnx::OperatorSetIdProto| opset.domain.is_empty() || opset.domain == "ai.onnx";
        if let Some(opset) = self.frame.opset_import.iter_mut().find(standard) {
            opset.version = version;
        }
        // The format that came with opset 13.
        self.frame.ir_version = self.frame.ir_version.max(7);
    }

    /// Names of the outputs, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.frame.graph.iter().flat_map(|graph| &graph.output).map(|output| output.name.as_str())
    }

    /// Names of what has to be fed.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.frame.graph.iter().flat_map(|graph| &graph.input).map(|input| input.name.as_str())
    }

    /// Dimensions of what has to be fed.
    pub fn input_rank(&self, name: &str) -> Option<usize> {
        let input = self.frame.graph.iter().flat_map(|graph| &graph.input).find(|input| input.name == name)?;
        let onnx::type_proto::Value::TensorType(tensor) = input.r#type.as_ref()?.value.as_ref()?;
        tensor.shape.as_ref().map(|shape| shape.dim.len())
    }

    /// Makes `name` an output too, float and of any shape.
    pub fn observe(&mut self, name: &str) {
        if self.outputs().all(|output| output != name)
            && let Some(graph) = &mut self.frame.graph
        {
            let tensor = onnx::type_proto::Tensor { elem_type: DataType::Float as i32, shape: None };
            let kind =
                onnx::TypeProto { value: Some(onnx::type_proto::Value::TensorType(tensor)), ..Default::default() };
            graph.output.push(ValueInfoProto { name: name.into(), r#type: Some(kind), ..Default::default() });
        }
    }

    /// The bytes of a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut model = self.frame.clone();
        if let Some(graph) = &mut model.graph {
            graph.node = self.nodes.clone();
            graph.initializer = self.constants.values().cloned().collect();
        }
        model.producer_name = "wayside".into();
        model.producer_version = env!("CARGO_PKG_VERSION").into();
        onnx::encode(&model)
    }

    /// Indices of the nodes that read a name, by name; each once.
    pub fn readers(&self) -> HashMap<&str, Vec<usize>> {
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for name in node.input.iter().filter(|name| !name.is_empty()) {
                let of_name = readers.entry(name).or_default();
                if of_name.last() != Some(&index) {
                    of_name.push(index);
                }
            }
        }
        readers
    }

    /// Index of the node that makes a name, by name.
    pub fn makers(&self) -> HashMap<&str, usize> {
        let of_node = |(index, node): (usize, &'_ NodeProto)| -> Vec<(usize, usize)> {
            (0..node.output.len()).map(|output| (index, output)).collect()
        };
        let all = self.nodes.iter().enumerate().flat_map(of_node);
        all.map(|(index, output)| (self.nodes[index].output[output].as_str(), index)).collect()
    }

    /// The constant of that name, where it holds floats.
    pub fn floats(&self, name: &str) -> Option<Floats> {
        self.constants.get(name).and_then(Floats::of)
    }

    /// The constant of that name, where it holds 64-bit integers: a shape, axes.
    pub fn integers(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.constants.get(name).filter(|tensor| tensor.data_type == DataType::Int64 as i32)?;
        Some(match tensor.raw_data.is_empty() {
            true => tensor.int64_data.clone(),
            false => tensor.raw_data.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
        })
    }

    /// Adds a constant, or replaces it. `bytes`: little-endian, row-major.
    pub fn set_constant(&mut self, name: &str, kind: DataType, dims: &[usize], bytes: Vec<u8>) {
        let dims = dims.iter().map(|&dim| dim as i64).collect();
        let (name, data_type) = (name.to_owned(), kind as i32);
        let tensor = TensorProto { name: name.clone(), dims, data_type, raw_data: bytes, ..Default::default() };
        self.constants.insert(name, tensor);
    }

    pub fn set_floats(&mut self, name: &str, floats: &Floats) {
        let bytes = floats.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.set_constant(name, DataType::Float, &floats.dims, bytes);
    }

    /// `wanted`, or with something behind it that makes it a name of its own.
    pub fn fresh(&self, wanted: &str) -> String {
        let taken: HashSet<&str> = (self.nodes.iter().flat_map(|node| node.input.iter().chain(&node.output)))
            .chain(self.constants.keys())
            .map(String::as_str)
            .collect();
        let mut name = wanted.to_owned();
        while taken.contains(name.as_str()) {
            name.push('_');
        }
        name
    }

    /// Constants that no node reads and no output returns.
    pub fn remove_unread_constants(&mut self) {
        let outputs: HashSet<String> = self.outputs().map(String::from).collect();
        let read: HashSet<String> = self.nodes.iter().flat_map(|node| node.input.iter().cloned()).collect();
        self.constants.retain(|name, _| read.contains(name) || outputs.contains(name));
    }

    /// Every reader of `name` reads `instead`.
    pub fn redirect(&mut self, name: &str, instead: &str) {
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.input).filter(|input| *input == name) {
            *input = instead.to_owned();
        }
    }

    /// Nodes that change nothing in inference. One that makes an output stays: the name has to.
    fn remove_identities(&mut self) {
        let outputs: HashSet<String> = self.outputs().map(String::from).collect();
        let idle = |node: &NodeProto| {
            matches!(node.op_type.as_str(), "Identity" | "Dropout") && !outputs.contains(&node.output[0])
        };
        while let Some(index) = self.nodes.iter().position(idle) {
            let node = self.nodes.remove(index);
            self.redirect(&node.output[0], &node.input[0]);
        }
    }

    /// Messages and tables name nodes.
    fn name_nodes(&mut self) {
        let mut seen = HashSet::new();
        for node in &mut self.nodes {
            if node.name.is_empty() || seen.contains(&node.name) {
                node.name = node.output.first().cloned().unwrap_or_default();
            }
            seen.insert(node.name.clone());
        }
    }
}

fn is_quantised(operator: &str) -> bool {
    operator == "QuantizeLinear" || operator == "DequantizeLinear" || operator.starts_with("QLinear")
}

/// An attribute's integer.
pub fn int(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).map_or(default, |attribute| attribute.i)
}

/// An attribute's number.
pub fn float(node: &NodeProto, name: &str, default: f32) -> f32 {
    attribute(node, name).map_or(default, |attribute| attribute.f)
}

/// An attribute's word.
pub fn text<'a>(node: &'a NodeProto, name: &str) -> &'a str {
    attribute(node, name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok()).unwrap_or_default()
}

pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}
