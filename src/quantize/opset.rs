//! Operators of opset 11 and 12 as opset 13 writes them: scales per channel came with 13.

use super::graph::{Graph, attribute, int};
use crate::engine::onnx::DataType;

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
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        match node.op_type.as_str() {
            "Squeeze" | "Unsqueeze" | "ReduceSum" => into_input(graph, index, "axes"),
            "Split" => into_input(graph, index, "split"),
            // It flattened everything behind its axis, which is the same only for the last.
            "Softmax" | "LogSoftmax" | "Hardmax" if int(node, "axis", 1) != -1 => {
                let (name, operator) = (&node.name, &node.op_type);
                return Err(format!(
                    "node '{name}' ({operator}): opset {opset} means it otherwise: export with {NEEDED}"
                ));
            }
            _ => {}
        }
    }
    graph.set_opset(NEEDED);
    Ok(())
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
