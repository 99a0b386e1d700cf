//! A picture's mirror image around it.

use burn::tensor::ops::PadMode;
use serde::{Deserialize, Serialize};

use super::{Borders, Context, Layer, picture};
use crate::export::{Attribute, Scope};
use crate::shape::{self, Shape};
use crate::value::Value;

/// The outermost row and column are not repeated. It leaves no frame in a painted picture, as zeros would (Johnson et al. 2016,
/// arXiv:1603.08155, supplement). Input: (height, width, channels). Output: (top + height + bottom, left + width + right,
/// channels).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReflectionPadding2D {
    padding: Borders,
}

impl ReflectionPadding2D {
    /// `1`, `(rows, columns)`, or `((top, bottom), (left, right))`; of each less than the picture has.
    pub fn new(padding: impl Into<Borders>) -> Self {
        ReflectionPadding2D { padding: padding.into() }
    }
}

#[typetag::serde]
impl Layer for ReflectionPadding2D {
    fn class(&self) -> &'static str {
        "ReflectionPadding2D"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [height, width, channels] = shape::picture(shape::only(inputs)?)?;
        let [(top, bottom), (left, right)] = self.padding.pairs();
        if top.max(bottom) >= height || left.max(right) >= width {
            return Err(format!(
                "mirrors up to {} rows and {} columns of a picture that has {height} and {width}: at most one less",
                top.max(bottom),
                left.max(right)
            ));
        }
        Ok(self.padding.around([height, width, channels]))
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        Value::Pictures(picture(inputs).pad(self.padding.pairs(), PadMode::Reflect))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let pads = scope.whole("pads", &self.padding.onnx());
        Ok(scope.node("Pad", &[scope.input(0), pads], &[("mode", Attribute::Text("reflect".into()))]))
    }
}
