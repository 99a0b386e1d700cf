//! The layers that can be computed in 8 bits: convolutions and fully connected ones with constant weights.

use super::graph::{Floats, Graph, float, int};
use crate::engine::onnx::NodeProto;

/// One convolution or fully connected layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Index of its node.
    pub node: usize,
    pub name: String,
    /// Names of what it reads and makes.
    pub input: String,
    pub output: String,
    /// `[outputs][the rest]`: a matrix is turned so that the outputs come first.
    pub weights: Floats,
    /// One per output channel; zeros where the file has none.
    pub bias: Vec<f32>,
    /// One filter per channel.
    pub depthwise: bool,
    pub groups: usize,
    /// Whether the file holds the weights as `[inputs, outputs]`.
    pub turned: bool,
}

impl Layer {
    pub fn outputs(&self) -> usize {
        self.weights.dims[0]
    }

    /// Weights of one output channel.
    pub fn each(&self) -> usize {
        self.weights.values.len() / self.outputs().max(1)
    }

    /// Input channel of weight `index` of output channel `output`.
    pub fn input_channel(&self, output: usize, index: usize) -> usize {
        let inputs = self.weights.dims[1];
        let taps: usize = self.weights.dims[2..].iter().product();
        let group = output * self.groups / self.outputs().max(1);
        group * inputs + index / taps.max(1)
    }

    pub fn inputs(&self) -> usize {
        self.weights.dims[1] * self.groups
    }

    /// Writes weights and bias, which were changed, back into the graph, for this layer alone.
    pub fn store(&self, graph: &mut Graph) {
        let weights = if self.turned { transposed(&self.weights) } else { self.weights.clone() };
        let names = ["weights", "bias"].map(|what| graph.fresh(&format!("{}/{what}", self.output)));
        let bias = Floats { dims: vec![self.bias.len()], values: self.bias.clone() };
        graph.set_floats(&names[0], &weights);
        let node = &mut graph.nodes[self.node];
        node.input.truncate(1);
        node.input.push(names[0].clone());
        // A matrix product has no bias.
        if node.op_type != "MatMul" {
            node.input.push(names[1].clone());
            graph.set_floats(&names[1], &bias);
        }
    }

    /// "conv 3x3", "depthwise 5x5", "fully connected".
    pub fn kind(&self) -> String {
        match self.weights.dims[..] {
            [_, _, height, width] if self.depthwise => format!("depthwise {height}x{width}"),
            [_, _, height, width] => format!("conv {height}x{width}"),
            _ => "fully connected".into(),
        }
    }
}

/// All of them, in the graph's order.
pub fn find(graph: &Graph) -> Vec<Layer> {
    (0..graph.nodes.len()).filter_map(|index| layer(graph, index)).collect()
}

fn layer(graph: &Graph, index: usize) -> Option<Layer> {
    let node = &graph.nodes[index];
    let (input, weights) = (node.input.first()?, node.input.get(1)?);
    // A constant that is convolved is none of our business.
    if graph.constants.contains_key(input) {
        return None;
    }
    let weights = graph.floats(weights)?;
    let (weights, turned, groups) = match node.op_type.as_str() {
        "Conv" if weights.dims.len() == 4 => (weights, false, usize::try_from(int(node, "group", 1)).ok()?),
        "Gemm" if weights.dims.len() == 2 && is_plain(node) => match int(node, "transB", 0) {
            0 => (transposed(&weights), true, 1),
            _ => (weights, false, 1),
        },
        "MatMul" if weights.dims.len() == 2 => (transposed(&weights), true, 1),
        _ => return None,
    };
    let outputs = weights.dims[0];
    let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
        Some(name) => graph.floats(name)?.values,
        None => vec![0.0; outputs],
    };
    let sound = outputs > 0 && bias.len() == outputs && groups > 0 && outputs.is_multiple_of(groups);
    let finite = weights.values.iter().chain(&bias).all(|value| value.is_finite());
    (sound && finite).then(|| Layer {
        node: index,
        name: node.name.clone(),
        input: input.clone(),
        output: node.output[0].clone(),
        depthwise: groups > 1 && groups == outputs && weights.dims[1] == 1,
        weights,
        bias,
        groups,
        turned,
    })
}

fn is_plain(node: &NodeProto) -> bool {
    float(node, "alpha", 1.0) == 1.0 && float(node, "beta", 1.0) == 1.0 && int(node, "transA", 0) == 0
}

fn transposed(matrix: &Floats) -> Floats {
    let (rows, columns) = (matrix.dims[0], matrix.dims[1]);
    let values = (0..columns).flat_map(|c| (0..rows).map(move |r| matrix.values[r * columns + c])).collect();
    Floats { dims: vec![columns, rows], values }
}
