//! Zeros around a picture.

use burn::tensor::ops::PadMode;
use serde::{Deserialize, Serialize};

use super::{Borders, Context, Layer, picture};
use crate::export::{Attribute, Scope};
use crate::shape::{self, Shape};
use crate::value::Value;

/// Input: (height, width, channels). Output: (top + height + bottom, left + width + right, channels).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ZeroPadding2D {
    padding: Borders,
}

impl ZeroPadding2D {
    /// `1`, `(rows, columns)`, or `((top, bottom), (left, right))`; Keras' default is 1.
    pub fn new(padding: impl Into<Borders>) -> Self {
        ZeroPadding2D { padding: padding.into() }
    }
}

#[typetag::serde]
impl Layer for ZeroPadding2D {
    fn class(&self) -> &'static str {
        "ZeroPadding2D"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [height, width, channels] = shape::picture(shape::only(inputs)?)?;
        Ok(self.padding.around([height, width, channels]))
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        Value::Pictures(picture(inputs).pad(self.padding.pairs(), PadMode::Constant(0.0)))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let pads = scope.whole("pads", &self.padding.onnx());
        Ok(scope.node("Pad", &[scope.input(0), pads], &[("mode", Attribute::Text("constant".into()))]))
    }
}
