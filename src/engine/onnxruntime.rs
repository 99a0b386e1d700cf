//! Any ONNX network through the user's own ONNX Runtime, in whatever the file computes in: for boards with a GPU, and
//! for comparisons. The library is looked for at run time; nothing of it is needed to build.
//!
//! Not here: other ways to a GPU. TensorRT is left out on purpose: it compiles the network for minutes at every start.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProvider, XNNPACK};
use ort::logging::LogLevel;
use ort::session::Session as OrtSession;
use ort::session::builder::SessionBuilder;
use ort::value::{DynValue, TensorElementType, TensorRef, ValueType};
use tract_onnx::prelude::{DatumType, f16};

use super::graph::{self, GraphInput};
use super::guard::catching_panics;
use super::input::Normaliser;
use super::{Engine, EngineError, OutputInfo, Outputs, Program, Session, short_line};
use crate::model::ModelFolder;
use crate::preprocess::Letterboxed;

/// Names the library's file; ort's own name for it.
const LIBRARY: &str = "ORT_DYLIB_PATH";

/// What the loader is asked for otherwise: the name of a developer's installation, then the one of a user's.
const USUAL_NAMES: [&str; 2] = ["libonnxruntime.so", "libonnxruntime.so.1"];

/// See the module.
pub struct OnnxRuntimeEngine;

impl Engine for OnnxRuntimeEngine {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn load(&self, model: &ModelFolder) -> Result<Box<dyn Program>, EngineError> {
        let bytes = model.read()?;
        let spec = &model.spec.input;
        let refused = |reason| EngineError::Load { model: model.to_string(), reason };
        let proto = graph::parse_model(&bytes, &model.spec).map_err(refused)?;
        let input = GraphInput::of(&proto, Some((spec.width, spec.height))).map_err(refused)?;
        let bytes = if model.spec.rect { super::onnx::encode(&proto).into() } else { bytes };
        drop(proto);
        let environment = catching_panics(environment).map_err(refused)?;
        let mut shared = Shared {
            model: model.to_string(),
            environment,
            bytes: bytes.into_owned(),
            normaliser: Normaliser::new(spec),
            input,
            outputs: Vec::new(),
        };
        let (mut first, providers) = catching_panics(|| shared.network()).map_err(refused)?;
        // The shapes that a file leaves open show in the first run, which also proves that the graph computes at all.
        let grey = vec![spec.pad; spec.width as usize * spec.height as usize * 3];
        let mut outputs = Outputs::default();
        catching_panics(|| first.run(&shared, &grey, &mut outputs)).map_err(refused)?;
        let names = first.session.outputs().iter().map(|output| output.name().to_owned());
        shared.outputs =
            names.zip(&outputs.tensors).map(|(name, t)| OutputInfo { name, shape: t.shape.clone() }).collect();
        let before: String = providers.iter().map(|name| format!("{name}, then ")).collect();
        log::info!("{model}: engine onnxruntime on {before}the CPU");
        Ok(Box::new(OnnxRuntimeProgram { shared: Arc::new(shared), first: Mutex::new(Some(first)) }))
    }
}

/// The library allows one environment per process, for good: this is the program's only global.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Finds and starts the library, the first time. What it says goes to the log at level debug: all that matters comes
/// back as an error too.
fn environment() -> Result<Environment, String> {
    // A panic while it was held left it as it was.
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*slot {
        return Ok(environment.clone());
    }
    let named = std::env::var_os(LIBRARY).filter(|path| !path.is_empty()).map(PathBuf::from);
    let places = named.map_or_else(|| USUAL_NAMES.map(PathBuf::from).to_vec(), |path| vec![path]);
    let mut refusal = String::new();
    for place in places {
        match ort::init_from(place) {
            Ok(builder) => {
                let environment = builder
                    .with_name("wayside")
                    .with_telemetry(false)
                    .with_logger(Arc::new(|_, _, _, _, message| log::debug!("ONNX Runtime: {}", short_line(message))))
                    .build()
                    .map_err(|error| format!("ONNX Runtime does not start: {}", said(error)))?;
                environment.set_log_level(LogLevel::Warning);
                return Ok(slot.insert(environment).clone());
            }
            // The first one is the one to explain.
            Err(error) if refusal.is_empty() => refusal = short_line(&error.to_string()),
            Err(_) => {}
        }
    }
    Err(format!(
        "no ONNX Runtime ({refusal}): install version 1.{} or newer, and set {LIBRARY} to its libonnxruntime.so",
        ort::MINOR_VERSION
    ))
}

struct OnnxRuntimeProgram {
    shared: Arc<Shared>,
    /// What proved the file, for the first session: on a GPU making another one costs seconds.
    first: Mutex<Option<Network>>,
}

/// What all sessions of a program read.
struct Shared {
    model: String,
    environment: Environment,
    /// The file: the library's sessions share no weights, so each is made from it anew.
    bytes: Vec<u8>,
    normaliser: Normaliser,
    input: GraphInput,
    outputs: Vec<OutputInfo>,
}

impl Program for OnnxRuntimeProgram {
    fn engine(&self) -> &'static str {
        OnnxRuntimeEngine.name()
    }

    fn outputs(&self) -> &[OutputInfo] {
        &self.shared.outputs
    }

    fn session(&self) -> Result<Box<dyn Session>, EngineError> {
        let shared = self.shared.clone();
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let network = match first {
            Some(network) => network,
            None => {
                catching_panics(|| shared.network())
                    .map_err(|reason| EngineError::Run { model: shared.model.clone(), reason })?
                    .0
            }
        };
        Ok(Box::new(OnnxRuntimeSession { shared, network }))
    }
}

/// Registers a provider, if the library was built with it.
type Offer = fn(&mut SessionBuilder) -> ort::Result<bool>;

fn offer<P: ExecutionProvider + Default>(builder: &mut SessionBuilder) -> ort::Result<bool> {
    Ok(P::is_available()? && P::default().register(builder).map(|()| true)?)
}

impl Shared {
    /// A network of one thread, and the names of the providers that are asked before the processor.
    fn network(&self) -> Result<(Network, Vec<&'static str>), String> {
        // Frames are worked on side by side, a session each: threads inside would only be in each other's way.
        let mut builder = OrtSession::builder(&self.environment).map_err(said)?.with_intra_threads(1).map_err(said)?;
        let mut providers = Vec::new();
        for (name, offer) in [("CUDA", offer::<CUDA> as Offer), ("XNNPACK", offer::<XNNPACK>)] {
            match offer(&mut builder) {
                Ok(true) => providers.push(name),
                Ok(false) => {}
                Err(error) => {
                    log::warn!("{}: ONNX Runtime has {name}, which does not work here: {}", self.model, said(error));
                }
            }
        }
        let session = builder.commit_from_memory(&self.bytes).map_err(said)?;
        let floats = vec![0.0; self.input.layout.shape(self.input.width, self.input.height).iter().product()];
        Ok((Network { session, floats, halves: Vec::new() }, providers))
    }
}

/// The library's session and its input.
struct Network {
    session: OrtSession,
    floats: Vec<f32>,
    /// The same for a network of half floats.
    halves: Vec<f16>,
}

impl Network {
    fn run(&mut self, shared: &Shared, pixels: &[u8], outputs: &mut Outputs) -> Result<(), String> {
        let Shared { input, normaliser, .. } = shared;
        normaliser.fill(pixels, input.layout, &mut self.floats);
        let shape = input.layout.shape(input.width, input.height);
        let tensor = if input.kind == DatumType::F16 {
            self.halves.clear();
            self.halves.extend(self.floats.iter().map(|&value| f16::from_f32(value)));
            TensorRef::from_array_view((shape, &*self.halves)).map_err(said)?.into_dyn()
        } else {
            TensorRef::from_array_view((shape, &*self.floats)).map_err(said)?.into_dyn()
        };
        let results = self.session.run(ort::inputs![tensor]).map_err(said)?;
        outputs.tensors.resize_with(results.len(), Default::default);
        for ((name, value), tensor) in results.iter().zip(&mut outputs.tensors) {
            copy(&value, tensor).map_err(|reason| format!("output `{name}`: {reason}"))?;
        }
        Ok(())
    }
}

struct OnnxRuntimeSession {
    shared: Arc<Shared>,
    network: Network,
}

impl Session for OnnxRuntimeSession {
    fn run(&mut self, picture: &Letterboxed, outputs: &mut Outputs) -> Result<(), EngineError> {
        let Shared { model, input, .. } = &*self.shared;
        let failed = |reason| EngineError::Run { model: model.clone(), reason };
        let ((w, h), bytes) = ((picture.width, picture.height), picture.pixels.len());
        if (w, h) != (input.width, input.height) || bytes != self.network.floats.len() {
            return Err(failed(format!(
                "the picture has {w}x{h} pixels in {bytes} bytes, the network takes {}x{}",
                input.width, input.height
            )));
        }
        catching_panics(|| self.network.run(&self.shared, &picture.pixels, outputs)).map_err(failed)
    }
}

/// Copies into the reused buffer; integers and half floats are converted.
fn copy(from: &DynValue, to: &mut super::Tensor) -> Result<(), String> {
    let ValueType::Tensor { ty, shape, .. } = from.dtype() else { return Err("is no tensor".into()) };
    to.shape.clear();
    to.shape.extend(shape.iter().map(|&size| size as usize));
    to.data.clear();
    macro_rules! take {
        ($($kind:ident as $t:ty: $convert:expr),+ $(,)?) => {
            match ty {
                $(TensorElementType::$kind => {
                    let (_, values) = from.try_extract_tensor::<$t>().map_err(said)?;
                    to.data.extend(values.iter().map($convert));
                })+
                other => return Err(format!("holds {other}, not numbers")),
            }
        };
    }
    take! {
        Float32 as f32: |&v| v,
        Float16 as f16: |&v| v.to_f32(),
        Float64 as f64: |&v| v as f32,
        Uint8 as u8: |&v| f32::from(v),
        Int8 as i8: |&v| f32::from(v),
        Int32 as i32: |&v| v as f32,
        Int64 as i64: |&v| v as f32,
    }
    Ok(())
}

/// The library's words as one line.
fn said<R>(error: ort::Error<R>) -> String {
    short_line(error.message())
}
