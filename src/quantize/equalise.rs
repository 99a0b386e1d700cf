//! Cross-layer equalisation (Nagel et al. 2019, arXiv:1906.04721, section 4.1): where the function between two layers keeps
//! positive factors, a channel can be made smaller in the first and larger in the second, and nothing changes in float.
//! Channels of like size share one scale at less loss.
//!
//! How far is chosen per tensor by the error that is to be expected: `s = a^p / w^(1 − p)` with `a` the channel's
//! largest activation and `w` its largest weight (Xiao et al. 2022, arXiv:2211.10438, equation 4), the best of a few `p`.

use super::graph::Graph;
use super::layers::Layer;
use super::statistics::{Statistics, Tensor};

const POWERS: [f64; 3] = [0.25, 0.5, 0.75];
/// Factors beyond this would leave other channels without bits.
const MOST: f64 = 32.0;
/// Part of the expected error that has to be saved: less is not worth other weights than the file's.
const WORTH: f64 = 0.9;

/// Evens out every tensor that it pays for, in layers, graph and statistics. Returns their names.
pub fn run(graph: &mut Graph, layers: &mut [Layer], statistics: &mut Statistics) -> Vec<String> {
    let mut done = Vec::new();
    for Pair { tensor, maker, readers } in pairs(graph, layers) {
        let Some(known) = statistics.get_mut(&tensor) else { continue };
        if let Some(factors) = best(known, layers, &readers) {
            apply(graph, layers, maker, &readers, &factors);
            shrink(known, &factors);
            done.push(tensor);
        }
    }
    graph.remove_unread_constants();
    done
}

/// A tensor between layers; indices are those of layers.
struct Pair {
    tensor: String,
    maker: usize,
    readers: Vec<usize>,
}

fn pairs(graph: &Graph, layers: &[Layer]) -> Vec<Pair> {
    let readers = graph.readers();
    let layer_at = |node: &usize| layers.iter().position(|layer| layer.node == *node);
    let is_output = |name: &str| graph.outputs().any(|output| output == name);
    let pair = |maker: usize| {
        let mut tensor = layers[maker].output.as_str();
        if let [function] = readers.get(tensor)?[..]
            && is_homogeneous(&graph.nodes[function].op_type)
            && !is_output(tensor)
        {
            tensor = &graph.nodes[function].output[0];
        }
        let read: Vec<usize> = readers.get(tensor)?.iter().map(layer_at).collect::<Option<_>>()?;
        // Depthwise layers have a scale per channel without it.
        let pays = read.iter().any(|&reader| !layers[reader].depthwise);
        let fits = read.iter().all(|&reader| layers[reader].inputs() == layers[maker].outputs());
        (pays && fits && !is_output(tensor)).then(|| Pair { tensor: tensor.to_owned(), maker, readers: read })
    };
    (0..layers.len()).filter_map(pair).collect()
}

/// `f(a · x) = a · f(x)` for positive a.
fn is_homogeneous(operator: &str) -> bool {
    matches!(operator, "Relu" | "LeakyRelu" | "PRelu")
}

/// By what each channel is divided; `None` where nothing is worth it.
fn best(tensor: &Tensor, layers: &[Layer], readers: &[usize]) -> Option<Vec<f64>> {
    let sizes: Vec<f64> = tensor.channels.iter().map(|c| f64::from(c.high.max(-c.low)).max(0.0)).collect();
    let weights: Vec<f64> = (0..sizes.len()).map(|channel| largest_weight(layers, readers, channel)).collect();
    let plain = expected_error(tensor, layers, readers, &vec![1.0; sizes.len()]);
    let tried = POWERS.iter().map(|&power| {
        let factors = factors(&sizes, &weights, power);
        (expected_error(tensor, layers, readers, &factors), factors)
    });
    let (error, factors) = tried.min_by(|a, b| a.0.total_cmp(&b.0))?;
    (error < plain * WORTH).then_some(factors)
}

fn factors(sizes: &[f64], weights: &[f64], power: f64) -> Vec<f64> {
    // A channel that is never anything, or that nobody reads, stays as it is.
    let raw: Vec<Option<f64>> = (sizes.iter().zip(weights))
        .map(|(&size, &weight)| (size > 0.0 && weight > 0.0).then(|| size.powf(power) / weight.powf(1.0 - power)))
        .collect();
    let known: Vec<f64> = raw.iter().flatten().map(|factor| factor.ln()).collect();
    let middle = (known.iter().sum::<f64>() / known.len().max(1) as f64).exp();
    raw.into_iter().map(|factor| factor.map_or(1.0, |factor| (factor / middle).clamp(1.0 / MOST, MOST))).collect()
}

fn largest_weight(layers: &[Layer], readers: &[usize], channel: usize) -> f64 {
    let mut most = 0.0f64;
    for &reader in readers {
        let layer = &layers[reader];
        each_weight(layer, |_, input, weight| {
            if input == channel {
                most = most.max(weight.abs());
            }
        });
    }
    most
}

/// Of the readers' sums, in squares: what rounding the tensor adds, and what rounding the weights adds. A step of `d` is
/// an error of `d² / 12`.
fn expected_error(tensor: &Tensor, layers: &[Layer], readers: &[usize], factors: &[f64]) -> f64 {
    let (mut low, mut high) = (0.0f64, 0.0f64);
    for (channel, factor) in tensor.channels.iter().zip(factors) {
        low = low.min(f64::from(channel.low) / factor);
        high = high.max(f64::from(channel.high) / factor);
    }
    let step = (high - low) / 255.0;
    let energies: Vec<f64> = tensor.channels.iter().zip(factors).map(|(c, f)| c.energy() / (f * f)).collect();
    let mut sum = 0.0;
    for &reader in readers {
        let layer = &layers[reader];
        let mut largest = vec![0.0f64; layer.outputs()];
        let mut energy = vec![0.0f64; layer.outputs()];
        each_weight(layer, |output, input, weight| {
            let weight = weight * factors[input];
            largest[output] = largest[output].max(weight.abs());
            energy[output] += energies[input];
            // One scale per channel takes a depthwise layer's share away.
            let step = if layer.depthwise { 0.0 } else { step };
            sum += step * step * weight * weight / 12.0;
        });
        sum += largest.iter().zip(&energy).map(|(most, energy)| (most / 127.0).powi(2) * energy / 12.0).sum::<f64>();
    }
    sum
}

/// Calls `of` with output channel, input channel and weight.
fn each_weight(layer: &Layer, mut of: impl FnMut(usize, usize, f64)) {
    let each = layer.each();
    for output in 0..layer.outputs() {
        for index in 0..each {
            let weight = layer.weights.values[output * each + index];
            of(output, layer.input_channel(output, index), f64::from(weight));
        }
    }
}

fn apply(graph: &mut Graph, layers: &mut [Layer], maker: usize, readers: &[usize], factors: &[f64]) {
    let layer = &mut layers[maker];
    let each = layer.each();
    for (output, factor) in factors.iter().enumerate() {
        let row = &mut layer.weights.values[output * each..(output + 1) * each];
        row.iter_mut().for_each(|weight| *weight = (f64::from(*weight) / factor) as f32);
        layer.bias[output] = (f64::from(layer.bias[output]) / factor) as f32;
    }
    layer.store(graph);
    for &reader in readers {
        let layer = &mut layers[reader];
        let each = layer.each();
        for output in 0..layer.outputs() {
            for index in 0..each {
                let factor = factors[layer.input_channel(output, index)];
                let weight = &mut layer.weights.values[output * each + index];
                *weight = (f64::from(*weight) * factor) as f32;
            }
        }
        layer.store(graph);
    }
}

fn shrink(tensor: &mut Tensor, factors: &[f64]) {
    for (channel, &factor) in tensor.channels.iter_mut().zip(factors) {
        let small = factor as f32;
        (channel.low, channel.high) = (channel.low / small, channel.high / small);
        channel.sum /= factor;
        channel.samples.iter_mut().for_each(|sample| *sample /= small);
    }
}
