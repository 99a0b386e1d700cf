//! ONNX files of models: opset 17, pictures channels first, float.

mod file;
mod folder;
mod golden;
mod scope;

use std::path::{Path, PathBuf};

pub use scope::{Attribute, Scope};

use crate::model::Model;
use crate::{Error, Result};

/// How a model is exported. The default fits any reader: a batch of any size, batch normalisation as it is, no metadata but
/// the producer, and a golden pair.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    batch: Option<usize>,
    fold_batch_norm: bool,
    labels: Vec<String>,
    normalization: Option<Normalization>,
    notes: Vec<(String, String)>,
    output_names: Vec<String>,
    golden: Option<u64>,
}

/// `(pixel − mean) / std`, a number for each channel of the input, or one for all.
#[derive(Debug, Clone)]
struct Normalization {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Default for ExportOptions {
    fn default() -> Self {
        ExportOptions {
            batch: None,
            fold_batch_norm: false,
            labels: Vec::new(),
            normalization: None,
            notes: Vec::new(),
            output_names: Vec::new(),
            golden: Some(0),
        }
    }
}

impl ExportOptions {
    pub fn new() -> Self {
        Self::default()
    }

    /// A fixed size of the batch; without it the axis is open and named `batch`.
    pub fn batch(mut self, size: usize) -> Self {
        self.batch = Some(size);
        self
    }

    /// Folds batch normalisation into the convolution before it: the same function but for rounding, and faster.
    pub fn fold_batch_norm(mut self, fold: bool) -> Self {
        self.fold_batch_norm = fold;
        self
    }

    /// Names of the classes in the order of the outputs, noted as `names`, as Ultralytics does and wayside reads it.
    pub fn labels<T: AsRef<str>>(mut self, labels: impl IntoIterator<Item = T>) -> Self {
        self.labels = labels.into_iter().map(|label| label.as_ref().to_owned()).collect();
        self
    }

    /// Notes that the network takes pixels, 0 to 255, times `factor`: 1/255 for numbers from 0 to 1.
    pub fn scale(self, factor: f32) -> Self {
        // Six digits, so that 1/255 is noted as 255.
        let std = format!("{:.5e}", 1.0 / f64::from(factor)).parse().unwrap_or(f32::NAN);
        self.normalization(&[0.0], &[std])
    }

    /// Notes that the network takes `(pixel − mean) / std` of pixels from 0 to 255, as `mean` and `std`; a number for each channel of
    /// the input, or one for all.
    pub fn normalization(mut self, mean: &[f32], std: &[f32]) -> Self {
        self.normalization = Some(Normalization { mean: mean.into(), std: std.into() });
        self
    }

    /// One more note for the file.
    pub fn note(mut self, key: &str, value: &str) -> Self {
        self.notes.push((key.into(), value.into()));
        self
    }

    /// Names of the outputs, in their order; without it those of their layers.
    pub fn output_names<T: AsRef<str>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.output_names = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
        self
    }

    /// Seed of the input in `golden/`, or None for no golden pair.
    pub fn golden(mut self, seed: Option<u64>) -> Self {
        self.golden = seed;
        self
    }
}

impl Model {
    /// Writes the model as `path`, as a whole or not at all, and before it `golden/<its name>.safetensors`: a seeded input and
    /// what the model makes of it, in the names, shapes and order of the file.
    ///
    /// # Errors
    /// A layer that can't be written, options that do not fit the model, a file that can't be written.
    pub fn export(&self, path: impl AsRef<Path>, options: &ExportOptions) -> Result<()> {
        let path = path.as_ref();
        let onnx = self.to_onnx(options)?;
        if let Some(seed) = options.golden {
            let golden = golden::file(self, options, seed)?;
            let place = golden_path(path);
            let folder = place.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder).map_err(|source| Error::file(folder, source))?;
            wayside::part_file::write(&place, &golden).map_err(|source| Error::file(&place, source))?;
        }
        wayside::part_file::write(path, &onnx).map_err(|source| Error::file(path, source))
    }

    /// The bytes of an ONNX file.
    ///
    /// # Errors
    /// A layer that can't be written, options that do not fit the model.
    pub fn to_onnx(&self, options: &ExportOptions) -> Result<Vec<u8>> {
        let bytes = wayside::engine::onnx::encode(&file::model(self, options)?);
        match options.fold_batch_norm {
            true => wayside::quantize::fold_batch_norms(&bytes).map_err(Error::Model),
            false => Ok(bytes),
        }
    }
}

/// Where [`Model::export`] puts the golden pair of a file.
pub fn golden_path(onnx: &Path) -> PathBuf {
    let name = onnx.file_stem().unwrap_or_default().to_string_lossy();
    onnx.parent().unwrap_or(Path::new("")).join("golden").join(format!("{name}.safetensors"))
}
