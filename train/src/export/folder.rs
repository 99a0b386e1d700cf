//! A model as a folder that wayside counts with: see docs/models.md.

use std::path::Path;

use wayside::model::{Draft, GRAPH_FILE, ModelSpec, sha256_hex};

use super::{ExportOptions, golden};
use crate::model::Model;
use crate::{Error, Result};

impl Model {
    /// Writes a model folder, as a whole or not at all: `model.onnx`, `model.toml` with its sha256, and `golden/`. The batch is 1
    /// and the labels are the spec's, whatever the options say. A folder that is there is replaced only if `replace` says so.
    ///
    /// # Errors
    /// As [`Model::export`]; and a spec that is not valid, or does not have the size of the model's input.
    pub fn export_folder(
        &self,
        folder: impl AsRef<Path>,
        spec: &ModelSpec,
        options: &ExportOptions,
        replace: bool,
    ) -> Result<()> {
        let folder = folder.as_ref();
        let place = self.inputs[0];
        let (height, width) = (spec.input.height as usize, spec.input.width as usize);
        if self.inputs.len() != 1 || self.places[place].shape != [height, width, 3] {
            let shape = crate::shape::with_batch(&self.places[place].shape);
            return Err(Error::Model(format!(
                "{}: the spec says one picture of {width}×{height}, the model takes {} inputs, the first {shape}",
                folder.display(),
                self.inputs.len()
            )));
        }
        let options = ExportOptions { batch: Some(1), labels: spec.labels.clone(), ..options.clone() };
        let graph = self.to_onnx(&options)?;
        let spec = ModelSpec { sha256: sha256_hex(&graph), ..spec.clone() };
        let refuse = |error: wayside::model::ModelError| Error::Model(error.to_string());
        spec.check().map_err(|why| Error::Model(format!("{}: {why}", folder.display())))?;
        let draft = Draft::write(folder, &spec, &graph, replace).map_err(refuse)?;
        if let Some(seed) = options.golden {
            let golden = golden::file(self, &options, seed)?;
            let name = GRAPH_FILE.trim_end_matches(".onnx");
            draft.add(&format!("golden/{name}.safetensors"), &golden).map_err(refuse)?;
        }
        draft.publish().map_err(refuse)
    }
}
