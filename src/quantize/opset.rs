//! Operators of opset 11 and 12 as opset 13 writes them: scales per channel came with 13.

use std::collections::HashMap;

use super::graph::{Graph, attribute, int};
use crate::engine::onnx::{AttributeProto, AttributeType, DataType, NodeProto};

/// The oldest form that is understood: what came before says many operators otherwise.
const OLDEST: i64 = 11;
const NEEDED: i64 = 13;

pub fn raise(graph: &mut Graph) -> Result<(), String> {
    let opset = graph.opset();
    if opset < OLDEST {
        return Err(format!("its operators are those of opset {opset}: export it with opset {NEEDED}"));
    }
    if opset >= NEEDED {
        return Ok(());
    }
    let ranks = ranks(graph);
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        match node.op_type.as_str() {
            "Squeeze" | "Unsqueeze" | "ReduceSum" => into_input(graph, index, "axes"),
            "Split" => into_input(graph, index, "split"),
            // It flattened everything behind its axis, which is the same only for the last. Without one, that was 1, and is the last.
            "Softmax" | "LogSoftmax" | "Hardmax" => {
                let axis = int(node, "axis", 1);
                let last = ranks.get(&node.input[0]).is_some_and(|rank| axis + 1 == *rank as i64);
                if axis != -1 && !last {
                    let (name, operator) = (&node.name, &node.op_type);
                    return Err(format!(
                        "node '{name}' ({operator}): opset {opset} means it otherwise: export with {NEEDED}"
                    ));
                }
                set_int(&mut graph.nodes[index], "axis", -1);
            }
            _ => {}
        }
    }
    graph.set_opset(NEEDED);
    Ok(())
}

/// How many dimensions tensors have, by name, where their makers tell.
fn ranks(graph: &Graph) -> HashMap<String, usize> {
    let constants = graph.constants.iter().map(|(name, tensor)| (name.clone(), tensor.dims.len()));
    let inputs = graph.inputs().filter_map(|name| Some((name.to_owned(), graph.input_rank(name)?)));
    let mut ranks: HashMap<String, usize> = constants.chain(inputs).collect();
    for node in &graph.nodes {
        let of = |name: Option<&String>| ranks.get(name?).copied();
        let rank = match node.op_type.as_str() {
            "Reshape" => node.input.get(1).and_then(|shape| graph.integers(shape)).map(|shape| shape.len()),
            "Flatten" | "Gemm" => Some(2),
            "MatMul" | "Add" | "Sub" | "Mul" | "Div" | "Pow" => {
                let ranks: Option<Vec<usize>> = node.input.iter().map(|name| of(Some(name))).collect();
                ranks.and_then(|ranks| ranks.into_iter().max())
            }
            "Transpose" | "Conv" | "MaxPool" | "AveragePool" | "BatchNormalization" | "Resize" | "Concat" | "Slice"
            | "Split" | "Relu" | "LeakyRelu" | "PRelu" | "Sigmoid" | "Tanh" | "Exp" | "Clip" | "Softmax" => {
                of(node.input.first())
            }
            _ => None,
        };
        if let Some(rank) = rank {
            ranks.extend(node.output.iter().map(|name| (name.clone(), rank)));
        }
    }
    ranks
}

fn set_int(node: &mut NodeProto, name: &str, value: i64) {
    node.attribute.retain(|attribute| attribute.name != name);
    let kind = AttributeType::Int as i32;
    node.attribute.push(AttributeProto { name: name.into(), r#type: kind, i: value, ..Default::default() });
}

/// An attribute that became the second input.
fn into_input(graph: &mut Graph, index: usize, name: &str) {
    let Some(values) = attribute(&graph.nodes[index], name).map(|attribute| attribute.ints.clone()) else { return };
    let constant = graph.fresh(&format!("{}/{name}", graph.nodes[index].output[0]));
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    graph.set_constant(&constant, DataType::Int64, &[values.len()], bytes);
    let node = &mut graph.nodes[index];
    node.attribute.retain(|attribute| attribute.name != name);
    node.input.push(constant);
}
