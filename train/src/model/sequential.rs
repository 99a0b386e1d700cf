//! Layers in a row.

use super::Model;
use crate::graph::{Apply, Input, LayerRef};
use crate::layer::Layer;
use crate::shape::Shape;
use crate::{Error, Result};

/// Layers one behind the other: `Sequential::new().add(Flatten::new()).add(Dense::new(6)).build([8, 8, 3])?`.
#[derive(Debug, Default)]
pub struct Sequential {
    layers: Vec<LayerRef>,
}

impl Sequential {
    pub fn new() -> Self {
        Self::default()
    }

    #[expect(clippy::should_implement_trait, reason = "Keras' name for it")]
    pub fn add(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(layer.shared());
        self
    }

    pub fn add_named(mut self, name: &str, layer: impl Layer + 'static) -> Self {
        self.layers.push(layer.named(name));
        self
    }

    /// A model for inputs of this shape, channels last, without the batch.
    pub fn build(self, shape: impl Into<Shape>) -> Result<Model> {
        self.seeded(shape, 0)
    }

    pub fn seeded(self, shape: impl Into<Shape>, seed: u64) -> Result<Model> {
        if self.layers.is_empty() {
            return Err(Error::Model("a model takes at least one layer".into()));
        }
        let input = Input::new(shape);
        let mut symbol = input.clone();
        for layer in &self.layers {
            symbol = layer.on(&symbol)?;
        }
        Model::seeded(&[input], &[symbol], seed)
    }
}
