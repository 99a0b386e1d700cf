//! One model at the shapes of the frames that come: loaded once for each, shared by all threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::{EngineChoice, EngineError, Program};
use crate::model::ModelFolder;

/// A model and the programs made of it. One that is not `rect` has one program for frames of all shapes.
pub struct Shapes {
    model: ModelFolder,
    engine: EngineChoice,
    first: Shaped,
    /// By width and height of the input.
    loaded: Mutex<HashMap<(u32, u32), Shaped>>,
}

/// A program, and the model with the input that it takes.
#[derive(Clone)]
pub struct Shaped {
    pub model: Arc<ModelFolder>,
    pub program: Arc<dyn Program>,
}

impl Shapes {
    /// Loads the model for frames of this width and height; 0 where they are not known yet.
    pub fn load(model: ModelFolder, engine: EngineChoice, frames: (u32, u32)) -> Result<Self, EngineError> {
        let first = Shaped::load(model.for_frames(frames.0, frames.1), engine)?;
        let loaded = Mutex::new(HashMap::from([(first.size(), first.clone())]));
        Ok(Self { model, engine, first, loaded })
    }

    /// What was loaded first.
    pub fn first(&self) -> &Shaped {
        &self.first
    }

    /// Of the input that frames of this size get.
    pub fn size_for(&self, width: u32, height: u32) -> (u32, u32) {
        let input = self.model.spec.input_for(width, height);
        (input.width, input.height)
    }

    /// The program for frames of this size, which is loaded where it is the first of its shape.
    pub fn for_frames(&self, width: u32, height: u32) -> Result<Shaped, EngineError> {
        let size = self.size_for(width, height);
        // Programs are put in whole: what a thread that panicked has left is as good.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shaped) = loaded.get(&size) {
            return Ok(shaped.clone());
        }
        let shaped = Shaped::load(self.model.for_frames(width, height), self.engine)?;
        loaded.insert(size, shaped.clone());
        Ok(shaped)
    }
}

impl Shaped {
    fn load(model: ModelFolder, engine: EngineChoice) -> Result<Self, EngineError> {
        let program = Arc::from(engine.load(&model)?);
        Ok(Self { model: Arc::new(model), program })
    }

    /// Of the input.
    pub fn size(&self) -> (u32, u32) {
        (self.model.spec.input.width, self.model.spec.input.height)
    }
}
