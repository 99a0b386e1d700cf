//! A function of each number, as a layer of its own: `Activation::Relu.on(&x)`.

use super::{Context, Layer, only};
use crate::activation::Activation;
use crate::export::Scope;
use crate::shape::{self, Shape};
use crate::value::Value;

/// Output: the shape of the input.
#[typetag::serde]
impl Layer for Activation {
    fn class(&self) -> &'static str {
        "Activation"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        shape::only(inputs).cloned()
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        self.apply(only(inputs))
    }

    fn activation(&self) -> Option<crate::activation::Activation> {
        Some(*self)
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let (input, rank) = (scope.input(0), scope.rank());
        Ok((*self).write(scope, input, rank))
    }
}
