//! Where models are found: folders in a few directories, and the ones inside the program.

use std::collections::HashSet;
use std::env;
use std::path::{Path, PathBuf};

use super::{GRAPH_FILE, Graph, Hints, ModelError, ModelFolder, ModelSpec, SPEC_FILE, read_limited, recognise};

/// Directories that hold model folders, in the order of search: those of `$WAYSIDE_MODELS` (separated like `$PATH`),
/// `./models`, `models` beside the program, then the system's.
pub fn search_dirs() -> Vec<PathBuf> {
    let named = env::var_os("WAYSIDE_MODELS").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = env::split_paths(&named).filter(|dir| !dir.as_os_str().is_empty()).collect();
    dirs.push("models".into());
    dirs.extend(env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("models"))));
    dirs.extend(["/usr/local/share/wayside/models", "/usr/share/wayside/models"].map(PathBuf::from));
    dirs
}

/// Opens what `--model` names: a model folder, a bare ONNX file whose head is recognised, or the name of a folder in
/// [`search_dirs`] or of a model inside the program. `NAME@SIDE` is a `rect` model with an input of as many pixels as a square of
/// that side has.
pub fn find(wanted: &str) -> Result<ModelFolder, ModelError> {
    find_in(wanted, &search_dirs())
}

/// [`find`] with other directories.
pub fn find_in(wanted: &str, dirs: &[PathBuf]) -> Result<ModelFolder, ModelError> {
    let path = Path::new(wanted);
    if path.is_file() {
        return open_file(path);
    }
    if let Some((name, side)) = wanted.rsplit_once('@')
        && let Ok(side) = side.parse()
        && !path.exists()
    {
        let model = find_in(name, dirs)?;
        let spec = model.spec.with_side(side).map_err(|reason| ModelError::Spec { file: wanted.into(), reason })?;
        return Ok(ModelFolder { spec, ..model });
    }
    let is_path = path.components().count() != 1 || path.extension().is_some_and(|e| e == "onnx");
    if is_path && !path.exists() {
        return Err(ModelError::Missing(path.into()));
    }
    if is_path || path.join(SPEC_FILE).is_file() {
        return ModelFolder::open(path);
    }
    if let Some(folder) = dirs.iter().map(|dir| dir.join(wanted)).find(|folder| folder.join(SPEC_FILE).is_file()) {
        return ModelFolder::open(&folder);
    }
    if let Some(embedded) = EMBEDDED.iter().find(|embedded| embedded.name == wanted) {
        return embedded.open();
    }
    let known: Vec<String> = list(dirs).into_iter().map(|listed| listed.name).collect();
    Err(ModelError::NotFound {
        name: wanted.into(),
        looked: dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", "),
        known: if known.is_empty() { "none".into() } else { known.join(", ") },
    })
}

/// A file of a model folder stands for the folder; any other is a bare graph.
fn open_file(path: &Path) -> Result<ModelFolder, ModelError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let belongs_to_folder = path.file_name().is_some_and(|name| name == SPEC_FILE || name == GRAPH_FILE);
    if belongs_to_folder && folder.join(SPEC_FILE).is_file() {
        return ModelFolder::open(folder);
    }
    let spec = recognise(path, &read_limited(path)?, Hints::default())?;
    Ok(ModelFolder { spec, graph: Graph::File(path.into()) })
}

/// A model inside the program.
pub struct Embedded {
    pub name: &'static str,
    pub spec: &'static str,
    pub graph: &'static [u8],
}

/// The model that is taken where none is named: our own vehicle detector in 8 bits (models/vehicle/MODEL_CARD.md).
pub const BUILT_IN: &str = "vehicle";

/// All models inside the program.
pub const EMBEDDED: &[Embedded] = &[
    Embedded {
        name: BUILT_IN,
        spec: include_str!("../../models/vehicle/model.toml"),
        graph: include_bytes!("../../models/vehicle/model.onnx"),
    },
    Embedded {
        name: "vehicle-float",
        spec: include_str!("../../models/vehicle-float/model.toml"),
        graph: include_bytes!("../../models/vehicle-float/model.onnx"),
    },
];

impl Embedded {
    fn open(&self) -> Result<ModelFolder, ModelError> {
        let spec = ModelSpec::parse(self.spec)
            .map_err(|reason| ModelError::Spec { file: format!("{} (built in)", self.name), reason })?;
        Ok(ModelFolder { spec, graph: Graph::Embedded(self.graph) })
    }
}

/// What `--model` would find by this name.
pub struct Listed {
    pub name: String,
    /// `None`: inside the program.
    pub folder: Option<PathBuf>,
    pub model: Result<ModelFolder, ModelError>,
}

/// Every model that can be named, in the order of search; each name once, as [`find_in`] would open it. Broken
/// folders are listed with their error.
pub fn list(dirs: &[PathBuf]) -> Vec<Listed> {
    let mut seen = HashSet::new();
    let mut listed = Vec::new();
    for dir in dirs {
        // A directory of the search that does not exist is no error, most of them don't.
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut folders: Vec<PathBuf> = entries.filter(|folder| folder.join(SPEC_FILE).is_file()).collect();
        folders.sort();
        for folder in folders {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if seen.insert(name.clone()) {
                listed.push(Listed { name, model: ModelFolder::open(&folder), folder: Some(folder) });
            }
        }
    }
    for embedded in EMBEDDED.iter().filter(|embedded| !seen.contains(embedded.name)) {
        listed.push(Listed { name: embedded.name.into(), folder: None, model: embedded.open() });
    }
    listed
}
