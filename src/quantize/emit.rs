//! The quantised network as a file: QuantizeLinear and DequantizeLinear (ONNX, opset 13) around what is computed in 8 bits.
//! ONNX Runtime reads it too, and means the same by it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::graph::Graph;
use super::layers::Layer;
use super::ranges::Affine;
use super::weights::{Rounded, bias_steps};
use crate::engine::onnx::{AttributeProto, AttributeType, DataType, NodeProto};

/// What becomes of a layer.
pub struct Quantised {
    pub weights: Rounded,
    /// Corrected.
    pub bias: Vec<f32>,
    /// The scales of what it reads.
    pub inputs: Affine,
}

/// `ranges`: of each quantised tensor; `quantised`: by index in `layers`, the rest stays float.
pub fn emit(
    graph: &Graph,
    layers: &[Layer],
    ranges: &BTreeMap<String, Affine>,
    quantised: &BTreeMap<usize, Quantised>,
) -> Graph {
    let mut out = graph.clone();
    out.nodes.clear();
    let numbers: HashMap<&str, String> =
        ranges.keys().map(|name| (name.as_str(), graph.fresh(&format!("{name}/numbers")))).collect();
    // A float layer reads what was computed; whoever else reads a quantised tensor reads its bytes.
    let float_layers: BTreeSet<usize> =
        (0..layers.len()).filter(|index| !quantised.contains_key(index)).map(|index| layers[index].node).collect();
    let layer_of: HashMap<usize, usize> = layers.iter().enumerate().map(|(index, layer)| (layer.node, index)).collect();
    for input in graph.inputs() {
        if let Some(affine) = ranges.get(input) {
            add_pair(&mut out, graph, input, affine, &numbers[input]);
        }
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let mut node = node.clone();
        if !float_layers.contains(&index) {
            for input in &mut node.input {
                if let Some(instead) = numbers.get(input.as_str()) {
                    input.clone_from(instead);
                }
            }
        }
        if let Some(layer) = layer_of.get(&index)
            && let Some(quantised) = quantised.get(layer)
        {
            add_weights(&mut out, graph, &layers[*layer], quantised, &mut node);
        }
        let (outputs, is_conv) = (node.output.clone(), node.op_type == "Conv");
        out.nodes.push(node);
        for output in &outputs {
            if let Some(affine) = ranges.get(output) {
                let made = match is_conv && affine.scale.len() > 1 {
                    true => add_nothing(&mut out, graph, output),
                    false => output.clone(),
                };
                add_pair(&mut out, graph, &made, affine, &numbers[output.as_str()]);
            }
        }
    }
    out.remove_unread_constants();
    out
}

/// A function that changes nothing. ONNX Runtime would make one operator of a convolution and the quantiser behind it, which then refuses
/// to run because channels have scales of their own; this engine takes the function along for nothing.
fn add_nothing(out: &mut Graph, graph: &Graph, name: &str) -> String {
    let same = graph.fresh(&format!("{name}/same"));
    let alpha =
        AttributeProto { name: "alpha".into(), r#type: AttributeType::Float as i32, f: 1.0, ..Default::default() };
    out.nodes.push(NodeProto {
        name: format!("{same}/LeakyRelu"),
        op_type: "LeakyRelu".into(),
        input: vec![name.to_owned()],
        output: vec![same.clone()],
        attribute: vec![alpha],
        ..Default::default()
    });
    same
}

/// `name` → bytes → `numbers`.
fn add_pair(out: &mut Graph, graph: &Graph, name: &str, affine: &Affine, numbers: &str) {
    let part = |what: &str| graph.fresh(&format!("{name}/{what}"));
    let (scale, zero, bytes) = (part("scale"), part("zero"), part("bytes"));
    let count = affine.scale.len();
    let dims: &[usize] = if count == 1 { &[] } else { &[count] };
    out.set_constant(&scale, DataType::Float, dims, floats(&affine.scale));
    out.set_constant(&zero, DataType::Uint8, dims, affine.zero.clone());
    let axis = (count > 1).then_some(1);
    let node = |operator: &str, input: &str, output: &str| NodeProto {
        name: format!("{output}/{operator}"),
        op_type: operator.into(),
        input: vec![input.to_owned(), scale.clone(), zero.clone()],
        output: vec![output.to_owned()],
        attribute: axis.map(axis_attribute).into_iter().collect(),
        ..Default::default()
    };
    out.nodes.push(node("QuantizeLinear", name, &bytes));
    out.nodes.push(node("DequantizeLinear", &bytes, numbers));
}

/// Weights and bias as integers, with what dequantises them; `node` reads that.
fn add_weights(out: &mut Graph, graph: &Graph, layer: &Layer, quantised: &Quantised, node: &mut NodeProto) {
    let Quantised { weights, bias, inputs } = quantised;
    let (values, dims, axis) = stored(layer, weights);
    let bytes = values.iter().map(|&value| value as u8).collect();
    node.input[1] = add_constant(out, graph, layer, "weights", (DataType::Int8, &dims, bytes), &weights.scale, axis);
    // A matrix product has nowhere to put one.
    if node.op_type != "MatMul" {
        let (steps, scale) = bias_steps(bias, weights, inputs);
        let bytes = steps.iter().flat_map(|step| step.to_le_bytes()).collect();
        let name = add_constant(out, graph, layer, "bias", (DataType::Int32, &[steps.len()], bytes), &scale, 0);
        node.input.truncate(2);
        node.input.push(name);
    }
}

fn add_constant(
    out: &mut Graph,
    graph: &Graph,
    layer: &Layer,
    what: &str,
    (kind, dims, bytes): (DataType, &[usize], Vec<u8>),
    scale: &[f32],
    axis: i64,
) -> String {
    let part = |behind: &str| graph.fresh(&format!("{}/{what}{behind}", layer.output));
    let (integers, scales, numbers) = (part("/bytes"), part("/scale"), part("/numbers"));
    out.set_constant(&integers, kind, dims, bytes);
    out.set_constant(&scales, DataType::Float, &[scale.len()], floats(scale));
    // No zero point: it is 0.
    out.nodes.push(NodeProto {
        name: format!("{numbers}/DequantizeLinear"),
        op_type: "DequantizeLinear".into(),
        input: vec![integers, scales],
        output: vec![numbers.clone()],
        attribute: vec![axis_attribute(axis)],
        ..Default::default()
    });
    numbers
}

/// The bytes as the file's operator wants them, their shape, and the axis of the output channels.
fn stored(layer: &Layer, weights: &Rounded) -> (Vec<i8>, Vec<usize>, i64) {
    if !layer.turned {
        return (weights.values.clone(), layer.weights.dims.clone(), 0);
    }
    let (outputs, inputs) = (layer.outputs(), layer.each());
    let values = (0..inputs).flat_map(|i| (0..outputs).map(move |o| weights.values[o * inputs + i])).collect();
    (values, vec![inputs, outputs], 1)
}

fn axis_attribute(axis: i64) -> AttributeProto {
    AttributeProto { name: "axis".into(), r#type: AttributeType::Int as i32, i: axis, ..Default::default() }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
