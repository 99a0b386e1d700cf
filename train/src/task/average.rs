//! One network out of several that were trained from one another: the mean of their weights is often better than each of them
//! (Wortsman et al. 2022, arXiv:2203.05482), and loses less of what the first could than the last has (arXiv:2109.01903).

use std::path::Path;

use wayside::engine::onnx::{self, Floats, GraphProto, TensorProto};
use wayside::model::{Draft, ModelFolder, ModelSpec, sha256_hex};

use crate::{Error, Result};

/// The bytes of an ONNX file with the mean of the files' float constants, each weighted by its share.
///
/// # Errors
/// No files, shares that are none, files of which one is another network than the first or was quantised: the line names the model.
pub fn average(models: &[(ModelFolder, f32)]) -> Result<Vec<u8>> {
    let total: f64 = models.iter().map(|(_, share)| f64::from(*share)).sum();
    if models.iter().any(|(_, share)| !(*share >= 0.0 && share.is_finite())) || total <= 0.0 {
        return Err(Error::Model("shares are numbers of 0 or more, one of them above 0".into()));
    }
    let mut graphs = Vec::new();
    let mut mean = None;
    for (model, share) in models {
        let refuse = |why: String| Error::Model(format!("{}: {why}", model.spec.name));
        let bytes = model.read().map_err(|error| Error::Model(error.to_string()))?;
        let file = onnx::decode(&bytes).map_err(refuse)?;
        graphs.push((model, f64::from(*share) / total, file.graph.clone().unwrap_or_default()));
        mean.get_or_insert(file);
    }
    let (Some(mut mean), Some((_, _, first))) = (mean, graphs.first()) else {
        return Err(Error::Model("no model to average".into()));
    };
    for (model, _, graph) in &graphs {
        if !alike(first, graph) {
            let (name, other) = (&model.spec.name, &graphs[0].0.spec.name);
            return Err(Error::Model(format!(
                "{name}: is another network than {other}, or not in float: no mean of them"
            )));
        }
    }
    let constants = mean.graph.iter_mut().flat_map(|graph| &mut graph.initializer);
    for (place, constant) in constants.enumerate() {
        let Some(floats) = Floats::of(constant) else { continue };
        let mut sums = vec![0.0_f64; floats.values.len()];
        for (_, share, graph) in &graphs {
            // All of them are floats of this shape.
            let values = Floats::of(&graph.initializer[place]).map_or(Vec::new(), |floats| floats.values);
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * f64::from(value));
        }
        constant.raw_data.clear();
        constant.float_data = sums.into_iter().map(|sum| sum as f32).collect();
    }
    Ok(onnx::encode(&mean))
}

/// Writes the mean as a model folder, with the description of the first model and another name; a folder that is there is replaced.
///
/// # Errors
/// As [`average`], and a folder that can't be written.
pub fn average_folder(models: &[(ModelFolder, f32)], folder: &Path, name: &str) -> Result<()> {
    let graph = average(models)?;
    let refuse = |error: wayside::model::ModelError| Error::Model(error.to_string());
    let sha256 = sha256_hex(&graph);
    let spec = ModelSpec { name: name.into(), accuracy: String::new(), sha256, ..models[0].0.spec.clone() };
    spec.check().map_err(|why| Error::Model(format!("{}: {why}", folder.display())))?;
    Draft::write(folder, &spec, &graph, true).and_then(Draft::publish).map_err(refuse)
}

/// Whether two networks differ in nothing but the numbers of their float constants.
fn alike(a: &GraphProto, b: &GraphProto) -> bool {
    let same = |(a, b): (&TensorProto, &TensorProto)| match (Floats::of(a), Floats::of(b)) {
        (Some(one), Some(other)) => a.name == b.name && one.dims == other.dims,
        _ => a == b,
    };
    a.node == b.node && a.initializer.len() == b.initializer.len() && a.initializer.iter().zip(&b.initializer).all(same)
}
