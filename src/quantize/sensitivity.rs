//! Where the error comes from: how much nearer the outputs come to the float network's when one layer stays float.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Prepared, Progress, QuantizeError, with_graph};
use crate::engine::{Engine, Int8Engine, Outputs, Program, Tensor, TractEngine};
use crate::frame::Frame;
use crate::model::ModelFolder;
use crate::preprocess::{Letterbox, Letterboxed};
use crate::source::read_picture;

/// Pictures that the error is looked at on: it is a mean over thousands of numbers of each.
const PICTURES: usize = 8;

/// The error of the outputs, and what each layer has to do with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// With every layer in 8 bits: squared error in parts of the outputs' variance.
    pub error: f64,
    /// Index of each layer and the part of the error that goes when it alone stays float, the largest first. Rounding
    /// errors meet by chance, so it may be below 0.
    pub layers: Vec<(usize, f64)>,
}

/// Looks at every layer.
pub fn scan(reference: &Reference, prepared: &Prepared, progress: &dyn Progress) -> Result<Scan, QuantizeError> {
    let whole = reference.error(prepared, &BTreeSet::new())?;
    progress.begin("looking for what costs most", prepared.layers.len());
    let mut layers = Vec::new();
    for (index, layer) in prepared.layers.iter().enumerate() {
        if progress.stopped() {
            return Err(QuantizeError::Stopped);
        }
        let without = reference.error(prepared, &BTreeSet::from([layer.name.clone()]))?;
        layers.push((index, (whole - without) / whole.max(f64::MIN_POSITIVE)));
        progress.step();
    }
    layers.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(Scan { error: whole, layers })
}

/// The float network's outputs on a few pictures.
pub struct Reference<'a> {
    model: &'a ModelFolder,
    inputs: Vec<Letterboxed>,
    outputs: Vec<Outputs>,
}

impl<'a> Reference<'a> {
    pub fn of(model: &'a ModelFolder, prepared: &Prepared, pictures: &[PathBuf]) -> Result<Self, QuantizeError> {
        let inputs = inputs(model, pictures, PICTURES)?;
        let float = TractEngine.load(&with_graph(&model.spec, prepared.graph.encode()))?;
        let outputs = outputs(float.as_ref(), &inputs)?;
        Ok(Self { model, inputs, outputs })
    }

    /// Of the int8 engine's outputs, with `float` layers left float.
    pub fn error(&self, prepared: &Prepared, float: &BTreeSet<String>) -> Result<f64, QuantizeError> {
        let quantised = with_graph(&self.model.spec, prepared.quantised(float).encode());
        let program = Int8Engine::new().load(&quantised)?;
        Ok(error(&self.outputs, &outputs(program.as_ref(), &self.inputs)?))
    }
}

/// At most `most` of the pictures, from all parts of the list, as the network takes them.
pub fn inputs(model: &ModelFolder, pictures: &[PathBuf], most: usize) -> Result<Vec<Letterboxed>, QuantizeError> {
    let step = pictures.len().div_ceil(most.max(1)).max(1);
    let mut letterbox = Letterbox::new(&model.spec.input);
    let read = |path: &Path| {
        let (mut frame, mut input) = (Frame::default(), Letterboxed::default());
        read_picture(path, &mut frame)?;
        letterbox.step(&frame, &mut input);
        Ok(input)
    };
    pictures.iter().step_by(step).map(PathBuf::as_path).map(read).collect()
}

/// Of each picture.
pub fn outputs(program: &dyn Program, inputs: &[Letterboxed]) -> Result<Vec<Outputs>, QuantizeError> {
    let mut session = program.session()?;
    let run = |input| {
        let mut outputs = Outputs::default();
        session.run(input, &mut outputs)?;
        Ok(outputs)
    };
    inputs.iter().map(run).collect()
}

/// Squared error in parts of the variance, meant over outputs and over their columns, each at the weight of its standard
/// deviation: coordinates and scores are of different sizes, and a class that never shows says little.
fn error(reference: &[Outputs], found: &[Outputs]) -> f64 {
    let count = reference.first().map_or(0, |outputs| outputs.tensors.len());
    let of_output = |index: usize| {
        let pairs = reference.iter().zip(found).map(|(a, b)| (&a.tensors[index], &b.tensors[index]));
        columns_error(&pairs.collect::<Vec<_>>())
    };
    (0..count).map(of_output).sum::<f64>() / count.max(1) as f64
}

fn columns_error(pairs: &[(&Tensor, &Tensor)]) -> f64 {
    let Some((first, _)) = pairs.first() else { return 0.0 };
    let (columns, inner) = columns(&first.shape);
    let mut sums = vec![[0.0f64; 3]; columns];
    for (reference, found) in pairs {
        for (index, (&a, &b)) in reference.data.iter().zip(&found.data).enumerate() {
            let (a, b) = (f64::from(a), f64::from(b));
            let sum = &mut sums[index / inner % columns];
            *sum = [sum[0] + (a - b).powi(2), sum[1] + a, sum[2] + a * a];
        }
    }
    let count = pairs.iter().map(|(tensor, _)| tensor.data.len()).sum::<usize>() as f64 / columns.max(1) as f64;
    let (mut lost, mut weights) = (0.0, 0.0);
    for [squared, sum, squares] in sums {
        let deviation = ((squares - sum * sum / count) / count).max(1e-12).sqrt();
        lost += squared / count / deviation;
        weights += deviation;
    }
    lost / f64::max(weights, f64::MIN_POSITIVE)
}

/// Number of columns, and the distance of two numbers of different columns: the axis of channels in `[1, C, H, W]`, the
/// shorter one in `[1, N, C]`, and one for all of a vector.
fn columns(shape: &[usize]) -> (usize, usize) {
    match *shape {
        [_, channels, height, width] => (channels, height * width),
        [_, rows, columns] if rows < columns => (rows, columns),
        [_, _, columns] => (columns, 1),
        _ => (1, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_at_the_weight_of_their_deviation() {
        let tensor = |data: [f32; 8]| Tensor { shape: vec![1, 4, 2], data: data.to_vec() };
        let reference = tensor([0.0, 0.0, 100.0, 1.0, 200.0, 2.0, 300.0, 3.0]);
        // Each column is off by a tenth of its step in one row, which is a 500th of its variance.
        let found = tensor([10.0, 0.1, 100.0, 1.0, 200.0, 2.0, 300.0, 3.0]);
        let error = columns_error(&[(&reference, &found)]);
        assert!((error - 0.002).abs() < 1e-6, "{error}");
        assert_eq!(columns_error(&[(&reference, &reference)]), 0.0);
    }
}
