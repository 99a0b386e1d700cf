//! An input and what the model makes of it, for whoever runs the file elsewhere.

use ndarray::ArrayD;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{ExportOptions, file};
use crate::model::Model;
use crate::{Error, Result};

/// A safetensors file with a seeded batch of numbers from 0 to 1 for each input, and the outputs, named and laid out as in
/// the ONNX file: pictures channels first.
pub(super) fn file(model: &Model, options: &ExportOptions, seed: u64) -> Result<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let inputs: Vec<ArrayD<f32>> = (model.inputs.iter())
        .map(|&place| {
            let mut shape = vec![options.batch.unwrap_or(1)];
            shape.extend(&model.places[place].shape);
            ArrayD::from_shape_simple_fn(shape, || rng.random::<f32>())
        })
        .collect();
    let outputs = model.predict_on_batch(&inputs)?;
    let names = file::input_names(model).into_iter().chain(file::output_names(model, options));
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = names
        .zip(inputs.into_iter().chain(outputs))
        .map(|(name, array)| {
            let array = channels_first(array);
            (name, array.shape().to_vec(), array.iter().flat_map(|number| number.to_le_bytes()).collect())
        })
        .collect();
    let broken = |error: safetensors::SafeTensorError| Error::Model(format!("can't write the golden pair: {error}"));
    let mut views = Vec::new();
    for (name, shape, bytes) in &tensors {
        views.push((name, TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(broken)?));
    }
    safetensors::serialize(views, None).map_err(broken)
}

/// (batch, height, width, channels) to (batch, channels, height, width); other ranks stay.
fn channels_first(array: ArrayD<f32>) -> ArrayD<f32> {
    match array.ndim() {
        4 => array.permuted_axes(vec![0, 3, 1, 2]),
        _ => array,
    }
}
