//! Batch normalisation into the convolution before it: `γ · (x − μ) / √(σ² + ε) + β` is a factor and an addend per
//! output channel (Jacob et al. 2018, arXiv:1712.05877, section 3.2). Exact but for rounding.

use super::graph::{Floats, Graph, float};

/// Folds all that follow a convolution and are its only reader. Returns how many.
pub fn batch_norms(graph: &mut Graph) -> usize {
    let mut folded = 0;
    while let Some((conv, norm)) = next(graph) {
        fold(graph, conv, norm);
        folded += 1;
    }
    graph.remove_unread_constants();
    folded
}

/// Indices of a convolution and the normalisation behind it.
fn next(graph: &Graph) -> Option<(usize, usize)> {
    let (makers, readers) = (graph.makers(), graph.readers());
    let is_output = |name: &str| graph.outputs().any(|output| output == name);
    (0..graph.nodes.len()).find_map(|index| {
        let norm = &graph.nodes[index];
        if norm.op_type != "BatchNormalization" || norm.output.len() != 1 {
            return None;
        }
        let conv = *makers.get(norm.input[0].as_str())?;
        let node = &graph.nodes[conv];
        let alone = readers[norm.input[0].as_str()].len() == 1 && !is_output(&norm.input[0]);
        let known = norm.input[1..].iter().all(|name| graph.floats(name).is_some())
            && node.input[1..].iter().all(|name| name.is_empty() || graph.floats(name).is_some());
        // Weights that two convolutions share cannot be scaled for one.
        let own = readers.get(node.input.get(1)?.as_str()).is_some_and(|readers| readers.len() == 1);
        (node.op_type == "Conv" && alone && known && own).then_some((conv, index))
    })
}

fn fold(graph: &mut Graph, conv: usize, norm: usize) {
    let norm = graph.nodes.remove(norm);
    let epsilon = float(&norm, "epsilon", 1e-5);
    // next() found all of these to be floats.
    let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|index| graph.floats(&norm.input[index]).map(|f| f.values));
    let (Some(scale), Some(shift), Some(mean), Some(variance)) = (scale, shift, mean, variance) else { return };
    let factor: Vec<f32> = scale.iter().zip(&variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
    let (weights, bias) = (graph.nodes[conv].input[1].clone(), graph.nodes[conv].input.get(2).cloned());
    if let Some(mut floats) = graph.floats(&weights) {
        let each = floats.values.len() / factor.len().max(1);
        for (row, factor) in floats.values.chunks_mut(each.max(1)).zip(&factor) {
            row.iter_mut().for_each(|weight| *weight *= factor);
        }
        graph.set_floats(&weights, &floats);
    }
    let before = bias.and_then(|name| graph.floats(&name)).map_or_else(|| vec![0.0; factor.len()], |f| f.values);
    let values = (0..factor.len()).map(|c| (before[c] - mean[c]) * factor[c] + shift[c]).collect();
    let name = graph.fresh(&format!("{}/bias", graph.nodes[conv].output[0]));
    graph.set_floats(&name, &Floats { dims: vec![factor.len()], values });
    let node = &mut graph.nodes[conv];
    node.input.truncate(2);
    node.input.push(name);
    node.output[0] = norm.output[0].clone();
}
