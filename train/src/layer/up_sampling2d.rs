//! Larger pictures.

use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use serde::{Deserialize, Serialize};

use super::{Context, Layer, picture};
use crate::export::{Attribute, Scope};
use crate::kernel;
use crate::shape::{self, Pair, Shape};
use crate::value::Value;

/// How the numbers between are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Each number is repeated.
    #[default]
    Nearest,
    /// Between the centres of pixels, as TensorFlow 2 does; at the border the outermost number.
    Bilinear,
}

/// Input: (height, width, channels). Output: (height · size.0, width · size.1, channels).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UpSampling2D {
    size: Pair,
    interpolation: Interpolation,
}

impl UpSampling2D {
    /// Keras' default is a size of 2.
    pub fn new(size: impl Into<Pair>) -> Self {
        UpSampling2D { size: size.into(), interpolation: Interpolation::Nearest }
    }

    super::arguments! { interpolation: Interpolation }
}

impl Default for UpSampling2D {
    fn default() -> Self {
        Self::new(2)
    }
}

#[typetag::serde]
impl Layer for UpSampling2D {
    fn class(&self) -> &'static str {
        "UpSampling2D"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [height, width, channels] = shape::picture(shape::only(inputs)?)?;
        if self.size.0 == 0 || self.size.1 == 0 {
            return Err("takes sizes of at least 1".into());
        }
        Ok(vec![height * self.size.0, width * self.size.1, channels])
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let x = picture(inputs);
        let [_, _, height, width] = x.dims();
        if self.interpolation == Interpolation::Nearest
            && let Some(larger) = kernel::repeat(&x, self.size.array())
        {
            return Value::Pictures(larger);
        }
        let mode = match self.interpolation {
            Interpolation::Nearest => InterpolateMode::Nearest,
            Interpolation::Bilinear => InterpolateMode::Bilinear,
        };
        let options = InterpolateOptions::new(mode)
            .with_align_corners(false)
            .with_output_size([height * self.size.0, width * self.size.1]);
        Value::Pictures(interpolate(x, options))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let scales = scope.vector("scales", &[1.0, 1.0, self.size.0 as f32, self.size.1 as f32]);
        let text = |text: &str| Attribute::Text(text.into());
        // Of the modes, those that ONNX Runtime and tract round alike.
        let attributes = match self.interpolation {
            Interpolation::Nearest => vec![
                ("mode", text("nearest")),
                ("coordinate_transformation_mode", text("asymmetric")),
                ("nearest_mode", text("floor")),
            ],
            Interpolation::Bilinear => {
                vec![("mode", text("linear")), ("coordinate_transformation_mode", text("half_pixel"))]
            }
        };
        // The second input, a region, is left out.
        Ok(scope.node("Resize", &[scope.input(0), String::new(), scales], &attributes))
    }
}
