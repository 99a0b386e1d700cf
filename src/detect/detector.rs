//! The whole way from a picture to its objects, for one thread: letterbox → network → decode → suppress.
//!
//! Not here: loading models and engines (model/, engine/), several threads (pipeline/).

use std::sync::Arc;

use thiserror::Error;

use super::{ClassFilter, Counters, Groups, Head, HeadError, NmsParams, Postprocess, Shaped, Shapes, UnknownLabel};
use crate::detection::Detection;
use crate::engine::{EngineError, Outputs, Program, Session};
use crate::frame::Frame;
use crate::model::ModelSpec;
use crate::preprocess::{Letterbox, Letterboxed};

/// Labels of road vehicles with an engine, in the spellings of COCO and darknet: one group by default.
pub const VEHICLES: [&str; 6] = ["car", "van", "bus", "truck", "motorcycle", "motorbike"];

/// What is reported, and when two boxes are the same object.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectParams {
    /// Least score of a detection, 0..=1.
    pub score_threshold: f32,
    /// Two boxes of a group that overlap more than this are one object: intersection over union, 0..=1.
    pub iou_threshold: f32,
    /// Labels that are reported; empty: all.
    pub classes: Vec<String>,
    /// Labels that are one kind of object: suppression is class-agnostic inside a group. A label in no group only
    /// suppresses its own kind, so an empty list is class-aware suppression.
    pub groups: Vec<Vec<String>>,
}

impl DetectParams {
    /// The model's own score threshold or 0.25, IoU 0.45, every label, and the model's [`VEHICLES`] as one group.
    pub fn for_model(spec: &ModelSpec) -> Self {
        let vehicle = |label: &&String| VEHICLES.iter().any(|known| label.eq_ignore_ascii_case(known));
        Self {
            score_threshold: spec.score_threshold.unwrap_or(0.25),
            iou_threshold: 0.45,
            classes: Vec::new(),
            groups: vec![spec.labels.iter().filter(vehicle).cloned().collect()],
        }
    }

    fn check(&self) -> Result<(), DetectError> {
        for (name, value) in [("score", self.score_threshold), ("IoU", self.iou_threshold)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(DetectError::Threshold { name, value });
            }
        }
        Ok(())
    }

    /// The part after the network, for callers that run the network elsewhere.
    pub fn postprocess(&self, spec: &ModelSpec, program: &dyn Program) -> Result<Postprocess, DetectError> {
        self.check()?;
        let head = Head::new(spec, program.outputs())
            .map_err(|source| DetectError::Head { model: spec.name.clone(), source })?;
        let label = |source| DetectError::Label { model: spec.name.clone(), source };
        let keep = ClassFilter::from_labels(&spec.labels, &self.classes).map_err(label)?;
        let groups = Groups::from_labels(&spec.labels, &self.groups).map_err(label)?;
        let Self { score_threshold, iou_threshold, .. } = *self;
        Ok(Postprocess::new(head, keep, NmsParams { score_threshold, iou_threshold, groups, votes: spec.votes }))
    }
}

/// Finds the objects of a picture. One per thread: it owns a session of the network and all scratch memory.
pub struct Detector {
    model: String,
    params: DetectParams,
    /// Where the shape of the network's input follows that of the frames.
    shapes: Option<Arc<Shapes>>,
    /// One for each shape so far; the first is that of the program which it was made with.
    sights: Vec<Sight>,
    outputs: Outputs,
}

/// The way of frames of one shape.
struct Sight {
    /// Of the network's input.
    size: (u32, u32),
    letterbox: Letterbox,
    session: Box<dyn Session>,
    postprocess: Postprocess,
    input: Letterboxed,
}

impl Sight {
    fn new(spec: &ModelSpec, program: &dyn Program, params: &DetectParams) -> Result<Self, DetectError> {
        Ok(Self {
            size: (spec.input.width, spec.input.height),
            letterbox: Letterbox::new(&spec.input),
            postprocess: params.postprocess(spec, program)?,
            session: program.session()?,
            input: Letterboxed::default(),
        })
    }
}

impl Detector {
    /// With the input of `spec` for frames of any shape.
    pub fn new(spec: &ModelSpec, program: &dyn Program, params: &DetectParams) -> Result<Self, DetectError> {
        Ok(Self {
            model: spec.name.clone(),
            params: params.clone(),
            shapes: None,
            sights: vec![Sight::new(spec, program, params)?],
            outputs: Outputs::default(),
        })
    }

    /// With an input of the shape of each frame, where the model can: the first frame of a shape takes as long as loading does.
    pub fn of_shapes(shapes: &Arc<Shapes>, params: &DetectParams) -> Result<Self, DetectError> {
        let Shaped { model, program } = shapes.first();
        let detector = Self::new(&model.spec, program.as_ref(), params)?;
        Ok(Self { shapes: model.spec.rect.then(|| shapes.clone()), ..detector })
    }

    /// Overwrites `out` with the objects of `frame` in its own pixels, best first.
    pub fn step(&mut self, frame: &Frame, out: &mut Vec<Detection>) -> Result<(), DetectError> {
        out.clear();
        let index = self.sight_for(frame)?;
        let Sight { letterbox, session, postprocess, input, .. } = &mut self.sights[index];
        letterbox.step(frame, input);
        session.run(input, &mut self.outputs)?;
        postprocess
            .step(&self.outputs, &input.transform, frame.width, frame.height, out)
            .map_err(|source| DetectError::Head { model: self.model.clone(), source })
    }

    /// Index of the sight for frames of this shape.
    fn sight_for(&mut self, frame: &Frame) -> Result<usize, DetectError> {
        let Some(shapes) = &self.shapes else { return Ok(0) };
        let size = shapes.size_for(frame.width, frame.height);
        if let Some(index) = self.sights.iter().position(|sight| sight.size == size) {
            return Ok(index);
        }
        let Shaped { model, program } = shapes.for_frames(frame.width, frame.height)?;
        self.sights.push(Sight::new(&model.spec, program.as_ref(), &self.params)?);
        Ok(self.sights.len() - 1)
    }

    pub fn counters(&self) -> Counters {
        self.sights.iter().map(|sight| sight.postprocess.counters()).fold(Counters::default(), Counters::plus)
    }
}

#[derive(Debug, Error)]
pub enum DetectError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("model '{model}': {source}")]
    Head { model: String, source: HeadError },
    #[error("model '{model}': {source}")]
    Label { model: String, source: UnknownLabel },
    #[error("the {name} threshold is {value}: give a number from 0 to 1")]
    Threshold { name: &'static str, value: f32 },
}
