//! How layers are put together: symbolic outputs that lead to further layers.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::layer::{InputLayer, Layer};
use crate::shape::{Shape, with_batch};
use crate::{Error, Result};

/// The output of a layer at one of its places, before there is a model. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Symbol(pub(crate) Rc<Place>);

#[derive(Debug)]
pub(crate) struct Place {
    /// Grows with each place made: an order in which inputs come before outputs.
    pub order: u64,
    pub layer: LayerRef,
    pub inputs: Vec<Symbol>,
    pub shape: Shape,
}

/// A layer that may be used at several places, with the same weights.
#[derive(Debug, Clone)]
pub struct LayerRef(pub(crate) Rc<Instance>);

#[derive(Debug)]
pub(crate) struct Instance {
    pub layer: Arc<dyn Layer>,
    pub name: Option<String>,
    /// Shapes of the inputs where it was used first: its weights are made for them.
    pub built: OnceCell<Vec<Shape>>,
}

static ORDER: AtomicU64 = AtomicU64::new(0);

/// The entry of a model.
pub struct Input;

impl Input {
    /// A symbol of this shape, channels last, without the batch.
    #[expect(clippy::new_ret_no_self, reason = "Keras' Input is a function that returns a tensor")]
    pub fn new(shape: impl Into<Shape>) -> Symbol {
        Self::make(shape.into(), None)
    }

    pub fn named(name: &str, shape: impl Into<Shape>) -> Symbol {
        Self::make(shape.into(), Some(name.to_owned()))
    }

    fn make(shape: Shape, name: Option<String>) -> Symbol {
        let layer: Arc<dyn Layer> = Arc::new(InputLayer { shape: shape.clone() });
        let layer = LayerRef(Rc::new(Instance { layer, name, built: OnceCell::new() }));
        // A shape that no input can have is refused by the model that it enters.
        Symbol(Rc::new(Place { order: ORDER.fetch_add(1, Ordering::Relaxed), layer, inputs: Vec::new(), shape }))
    }
}

impl Symbol {
    /// Channels last, without the batch.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }
}

/// One symbol or several: `&x`, `[&x, &y]`.
pub trait IntoInputs {
    fn into_inputs(self) -> Vec<Symbol>;
}

impl IntoInputs for &Symbol {
    fn into_inputs(self) -> Vec<Symbol> {
        vec![self.clone()]
    }
}

impl<const N: usize> IntoInputs for [&Symbol; N] {
    fn into_inputs(self) -> Vec<Symbol> {
        self.into_iter().cloned().collect()
    }
}

impl IntoInputs for &[Symbol] {
    fn into_inputs(self) -> Vec<Symbol> {
        self.to_vec()
    }
}

/// What can be done with any layer.
pub trait Apply: Layer + Sized + 'static {
    /// Puts the layer behind these inputs: `Dense::new(6).on(&x)?`. Keras writes `Dense(6)(x)`.
    fn on(self, inputs: impl IntoInputs) -> Result<Symbol> {
        self.shared().on(inputs)
    }

    /// With a name that [`crate::model::Model::get_layer`] finds.
    fn named(self, name: impl Into<String>) -> LayerRef {
        LayerRef(Rc::new(Instance { layer: Arc::new(self), name: Some(name.into()), built: OnceCell::new() }))
    }

    /// To be used at several places with the same weights.
    fn shared(self) -> LayerRef {
        LayerRef(Rc::new(Instance { layer: Arc::new(self), name: None, built: OnceCell::new() }))
    }
}

impl<L: Layer + 'static> Apply for L {}

impl LayerRef {
    /// Puts the layer behind these inputs.
    ///
    /// # Errors
    /// Where it can't take their shapes, or was built for others: the line names it and the layers before it.
    pub fn on(&self, inputs: impl IntoInputs) -> Result<Symbol> {
        let inputs = inputs.into_inputs();
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.0.shape.clone()).collect();
        let refuse = |why: String| {
            let before: Vec<String> = inputs
                .iter()
                .map(|input| format!("{} {}", input.0.layer.title(), with_batch(&input.0.shape)))
                .collect();
            Error::Shape(format!("{} behind {}: {} {why}", self.title(), before.join(" and "), self.title()))
        };
        let shape = self.0.layer.output_shape(&shapes).map_err(refuse)?;
        let built = self.0.built.get_or_init(|| shapes.clone());
        let (first, again) = (self.0.layer.parameters(built), self.0.layer.parameters(&shapes));
        if first.iter().map(|spec| &spec.shape).ne(again.iter().map(|spec| &spec.shape)) {
            let text: Vec<String> = built.iter().map(|shape| with_batch(shape)).collect();
            return Err(refuse(format!("has weights for {} from its first use", text.join(" and "))));
        }
        let order = ORDER.fetch_add(1, Ordering::Relaxed);
        Ok(Symbol(Rc::new(Place { order, layer: self.clone(), inputs, shape })))
    }

    /// The name, or the class where there is none yet.
    fn title(&self) -> &str {
        self.0.name.as_deref().unwrap_or_else(|| self.0.layer.class())
    }
}
