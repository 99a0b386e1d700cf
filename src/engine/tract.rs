//! Any ONNX network that tract reads, in f32. The general engine, and the reference for others.

use std::sync::Arc;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::SimpleState;

use super::graph::{self, GraphInput};
use super::guard::catching_panics;
use super::input::Normaliser;
use super::{Engine, EngineError, OutputInfo, Outputs, Program, Session, one_line};
use crate::model::{InputSpec, ModelFolder};
use crate::preprocess::Letterboxed;

type Plan = TypedRunnableModel;

/// See the module.
pub struct TractEngine;

impl Engine for TractEngine {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn load(&self, model: &ModelFolder) -> Result<Box<dyn Program>, EngineError> {
        let bytes = model.read()?;
        let spec = &model.spec.input;
        let refused = |reason| EngineError::Load { model: model.to_string(), reason };
        let proto = graph::parse_model(&bytes, &model.spec).map_err(refused)?;
        let input = GraphInput::of(&proto, Some((spec.width, spec.height))).map_err(refused)?;
        drop(bytes);
        let (plan, outputs) = catching_panics(|| compile(proto, &input)).map_err(refused)?;
        let program = TractProgram(Arc::new(Shared {
            model: model.to_string(),
            plan,
            normaliser: Normaliser::new(spec),
            input,
            outputs,
        }));
        // The first run allocates tract's scratch and proves that the graph computes what it promised.
        let grey = Letterboxed {
            pixels: vec![spec.pad; bytes_of(spec)],
            width: spec.width,
            height: spec.height,
            ..Default::default()
        };
        program.session()?.run(&grey, &mut Outputs::default())?;
        Ok(Box::new(program))
    }
}

/// Translates and optimises. Errors name the node where tract does.
fn compile(proto: ModelProto, input: &GraphInput) -> Result<(Arc<Plan>, Vec<OutputInfo>), String> {
    let names: Vec<String> = graph::graph(&proto).output.iter().map(|o| o.name.clone()).collect();
    let analysed = graph::analysed(&proto, input)?;
    // The weights live on in `analysed`; keeping both would double the peak memory of a start.
    drop(proto);
    let optimised = analysed.into_optimized().map_err(|e| one_line(&e))?;
    let mut outputs = Vec::with_capacity(names.len());
    for (index, name) in names.into_iter().enumerate() {
        let fact = optimised.output_fact(index).map_err(|e| one_line(&e))?;
        let Some(shape) = fact.shape.as_concrete() else {
            return Err(format!("the shape of output `{name}` ({:?}) depends on the picture", fact.shape));
        };
        // TDim is what tract makes of the int64 that it takes for sizes.
        if !fact.datum_type.is_number() && fact.datum_type != DatumType::TDim {
            return Err(format!("output `{name}` holds {:?}, not numbers", fact.datum_type));
        }
        outputs.push(OutputInfo { name, shape: shape.to_vec() });
    }
    Ok((optimised.into_runnable().map_err(|e| one_line(&e))?, outputs))
}

fn bytes_of(input: &InputSpec) -> usize {
    input.width as usize * input.height as usize * 3
}

struct TractProgram(Arc<Shared>);

/// What all sessions of a program read.
struct Shared {
    model: String,
    plan: Arc<Plan>,
    normaliser: Normaliser,
    input: GraphInput,
    outputs: Vec<OutputInfo>,
}

impl Program for TractProgram {
    fn engine(&self) -> &'static str {
        TractEngine.name()
    }

    fn outputs(&self) -> &[OutputInfo] {
        &self.0.outputs
    }

    fn session(&self) -> Result<Box<dyn Session>, EngineError> {
        let shared = self.0.clone();
        let failed = |e: TractError| EngineError::Run { model: shared.model.clone(), reason: one_line(&e) };
        let state = shared.plan.spawn().map_err(failed)?;
        let shape = shared.input.layout.shape(shared.input.width, shared.input.height);
        let input = Tensor::zero::<f32>(&shape).map_err(failed)?.into_arc_tensor();
        Ok(Box::new(TractSession { state, input, shared }))
    }
}

struct TractSession {
    shared: Arc<Shared>,
    state: SimpleState<TypedFact, Box<dyn TypedOp>>,
    /// Lent to tract for each run and filled again when it has let go.
    input: Arc<Tensor>,
}

impl Session for TractSession {
    fn run(&mut self, input: &Letterboxed, outputs: &mut Outputs) -> Result<(), EngineError> {
        let result = catching_panics(|| {
            let results = self.infer(input)?;
            outputs.tensors.resize_with(results.len(), Default::default);
            for ((tensor, result), info) in outputs.tensors.iter_mut().zip(&results).zip(&self.shared.outputs) {
                copy(result, tensor).map_err(|e| format!("output `{}`: {e}", info.name))?;
            }
            Ok(())
        });
        result.map_err(|reason| EngineError::Run { model: self.shared.model.clone(), reason })
    }
}

impl TractSession {
    fn infer(&mut self, picture: &Letterboxed) -> Result<TVec<TValue>, String> {
        let Shared { input, normaliser, .. } = &*self.shared;
        let ((w, h), bytes) = ((picture.width, picture.height), picture.pixels.len());
        let (width, height) = (input.width, input.height);
        if (w, h) != (width, height) || bytes != width as usize * height as usize * 3 {
            return Err(format!("the picture has {w}x{h} pixels in {bytes} bytes, the network takes {width}x{height}"));
        }
        // tract drops its reference at the end of a run; after a run that failed it may still hold one, then copy.
        let tensor = Arc::make_mut(&mut self.input);
        let mut plain = tensor.try_as_plain_ram_mut().map_err(|e| one_line(&e))?;
        normaliser.fill(&picture.pixels, input.layout, plain.as_slice_mut().map_err(|e| one_line(&e))?);
        let value = match input.kind {
            DatumType::F32 => TValue::from_const(self.input.clone()),
            kind => self.input.cast_to_dt(kind).map_err(|e| one_line(&e))?.into_owned().into(),
        };
        self.state.run(tvec![value]).map_err(|e| one_line(&e))
    }
}

/// Copies into the reused buffer; integers and half floats are converted.
fn copy(from: &Tensor, to: &mut super::Tensor) -> Result<(), String> {
    let from = from.cast_to_dt(DatumType::F32).map_err(|e| one_line(&e))?;
    let plain = from.try_as_plain_ram().map_err(|e| one_line(&e))?;
    to.shape.clear();
    to.shape.extend_from_slice(from.shape());
    to.data.clear();
    to.data.extend_from_slice(plain.as_slice::<f32>().map_err(|e| one_line(&e))?);
    Ok(())
}
