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
    /// Size of the batch; None leaves it open, as the axis `batch`.
    pub batch: Option<usize>,
    /// Folds batch normalisation into the convolution before it. The same function but for rounding, and faster.
    pub fold_batch_norm: bool,
    /// Names of the classes in the order of the outputs, noted as `names`, as Ultralytics does and wayside reads it.
    pub labels: Vec<String>,
    /// What was done to pixels from 0 to 255 before they went in, noted as `mean` and `std`.
    pub normalization: Option<Normalization>,
    /// Further notes for the file, by key.
    pub metadata: Vec<(String, String)>,
    /// Names of the outputs; empty: those of their layers.
    pub output_names: Vec<String>,
    /// Seed of the input in `golden/`; None leaves it out.
    pub golden: Option<u64>,
}

/// `(pixel − mean) / std`, a number for each channel of the input, or one for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
}

impl Default for ExportOptions {
    fn default() -> Self {
        ExportOptions {
            batch: None,
            fold_batch_norm: false,
            labels: Vec::new(),
            normalization: None,
            metadata: Vec::new(),
            output_names: Vec::new(),
            golden: Some(0),
        }
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
