//! Our own engine for statically quantised convolutional networks: 8-bit weights and activations, 32-bit sums.
//!
//! A file (QDQ or QLinear ONNX) is lowered once to a plan (lower/): names of the graph become views of buffers, functions
//! of one quantised number become tables, tables end up in the convolutions before them. A session runs the plan's steps
//! (step/) with the kernels of this processor (kernel/), which all give the same bytes.
//!
//! Not here: floats throughout (tract.rs), making quantised files.
//!
//! # The rule of arithmetic
//! What a file's numbers come to is defined here and in the scalar kernel, for every processor:
//! - a convolution sums `(input − zero) · weight` and its bias in 32 bits, exactly;
//! - the sum times `input scale · weight scale / output scale` (computed in f64, rounded once to f32) is rounded half to
//!   even, the output's zero point is added, and the result is saturated to 0..=255; s8 is u8 less 128;
//! - a bias that the file gives in float is rounded to the 32-bit sum's scale, half to even;
//! - a function of one quantised number is computed in f32 for each of the 256 bytes, and quantised as QuantizeLinear
//!   does: divided by the scale, rounded half to even, zero point added, saturated;
//! - what the file leaves in float is computed in f32, sums in the order of the indices from the bias on, no fused
//!   multiply-add, and the exponential is a polynomial of additions and multiplications (kernel/float.rs).

mod constant;
mod kernel;
mod lower;
mod node;
mod optimise;
mod plan;
mod step;
mod value;
mod view;

use std::sync::Arc;

use self::kernel::Kernels;
use self::plan::Plan;
use self::step::{Memory, Step, StepScratch};
use super::graph::{self, GraphInput};
use super::guard::catching_panics;
use super::{Engine, EngineError, OutputInfo, Outputs, Program, Session, StepTime};
use crate::clock::Clock;
use crate::model::ModelFolder;
use crate::preprocess::Letterboxed;

/// See the module.
pub struct Int8Engine {
    kernels: Kernels,
}

impl Int8Engine {
    /// With the fastest kernels that this processor has and that prove right on it.
    #[expect(clippy::new_without_default, reason = "it asks the processor")]
    pub fn new() -> Self {
        Self { kernels: Kernels::trusted() }
    }

    /// One engine per instruction set that runs here, the scalar one that defines the results first: for tests and
    /// comparisons.
    pub fn all() -> Vec<Self> {
        Kernels::available().into_iter().map(|kernels| Self { kernels }).collect()
    }

    /// The instruction set that its kernels use: "avx2", "dotprod".
    pub fn instructions(&self) -> &'static str {
        self.kernels.name()
    }
}

impl Engine for Int8Engine {
    fn name(&self) -> &'static str {
        "int8"
    }

    fn load(&self, model: &ModelFolder) -> Result<Box<dyn Program>, EngineError> {
        let bytes = model.read()?;
        let refused = |reason| EngineError::Load { model: model.to_string(), reason };
        let proto = graph::parse_model(&bytes, &model.spec).map_err(refused)?;
        let spec = &model.spec.input;
        let input = GraphInput::of(&proto, Some((spec.width, spec.height))).map_err(refused)?;
        drop(bytes);
        // Shapes of a hostile file meet checks on the way; what slips through must not end the process.
        let plan = catching_panics(|| lower::lower(&proto, &input, spec, self.kernels)).map_err(refused)?;
        let program = Int8Program(Arc::new(Shared { model: model.to_string(), plan, kernels: self.kernels, input }));
        let pixels = spec.width as usize * spec.height as usize * 3;
        let grey = Letterboxed {
            pixels: vec![spec.pad; pixels],
            width: spec.width,
            height: spec.height,
            ..Default::default()
        };
        // What every run does, it does here once: a step that cannot be done shows now, and not in the middle of a night.
        catching_panics(|| {
            let mut session = program.session().map_err(|error| error.to_string())?;
            session.run(&grey, &mut Outputs::default()).map_err(|error| error.to_string())
        })
        .map_err(refused)?;
        Ok(Box::new(program))
    }
}

/// A tenth of a millisecond each.
const PEAK_ROUNDS: usize = 20_000;
const PEAK_TURNS: usize = 200;

struct Int8Program(Arc<Shared>);

struct Shared {
    model: String,
    plan: Plan,
    kernels: Kernels,
    input: GraphInput,
}

impl Program for Int8Program {
    fn engine(&self) -> &'static str {
        "int8"
    }

    fn outputs(&self) -> &[OutputInfo] {
        &self.0.plan.outputs
    }

    fn peak(&self, clock: &dyn Clock) -> Option<f64> {
        // Short turns, of which the machine's other work leaves some alone.
        let rate = |_| {
            let before = clock.mono();
            let operations = self.0.kernels.spin(PEAK_ROUNDS);
            operations as f64 / (clock.mono() - before).as_secs_f64().max(1e-9)
        };
        (0..PEAK_TURNS).map(rate).reduce(f64::max)
    }

    fn session(&self) -> Result<Box<dyn Session>, EngineError> {
        let Plan { bytes, floats, .. } = self.0.plan;
        Ok(Box::new(Int8Session {
            bytes: vec![0; bytes],
            floats: vec![0.0; floats],
            scratch: StepScratch::default(),
            shared: self.0.clone(),
        }))
    }
}

struct Int8Session {
    shared: Arc<Shared>,
    bytes: Vec<u8>,
    floats: Vec<f32>,
    scratch: StepScratch,
}

impl Session for Int8Session {
    fn run(&mut self, picture: &Letterboxed, outputs: &mut Outputs) -> Result<(), EngineError> {
        self.run_each(picture, outputs, |_| ())
    }

    fn profile(
        &mut self,
        picture: &Letterboxed,
        outputs: &mut Outputs,
        clock: &dyn Clock,
    ) -> Result<Vec<StepTime>, EngineError> {
        let mut times = Vec::with_capacity(self.shared.plan.steps.len());
        let mut last = clock.mono();
        self.run_each(picture, outputs, |step| {
            let now = clock.mono();
            let (node, kind, operations) = (step.name.clone(), step.kind(), step.operations());
            times.push(StepTime { node, kind, operations, time: now - last });
            last = clock.mono();
        })?;
        Ok(times)
    }
}

impl Int8Session {
    /// `done` after each step.
    fn run_each(
        &mut self,
        picture: &Letterboxed,
        outputs: &mut Outputs,
        mut done: impl FnMut(&Step),
    ) -> Result<(), EngineError> {
        let Shared { model, plan, kernels, input } = &*self.shared;
        let failed = |reason| EngineError::Run { model: model.clone(), reason };
        let (size, len) = ((picture.width, picture.height), picture.pixels.len());
        if size != (input.width, input.height) || len != size.0 as usize * size.1 as usize * 3 {
            return Err(failed(format!(
                "the picture has {}x{} pixels in {len} bytes, the network takes {}x{}",
                size.0, size.1, input.width, input.height
            )));
        }
        outputs.tensors.resize_with(plan.outputs.len(), Default::default);
        for (tensor, info) in outputs.tensors.iter_mut().zip(&plan.outputs) {
            tensor.shape.clone_from(&info.shape);
            tensor.data.resize(info.shape.iter().product(), 0.0);
        }
        let mut memory = Memory {
            bytes: &mut self.bytes,
            floats: &mut self.floats,
            outputs: &mut outputs.tensors,
            picture: &picture.pixels,
            places: &plan.places,
            scratch: &mut self.scratch,
        };
        for step in &plan.steps {
            step.run(*kernels, &mut memory).map_err(|reason| failed(format!("{}: {reason}", step.name)))?;
            done(step);
        }
        Ok(())
    }
}
