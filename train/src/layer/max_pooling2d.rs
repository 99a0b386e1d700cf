//! The largest number of each window.

use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use serde::{Deserialize, Serialize};

use super::pool::{Pool, pooling};
use super::{Context, Layer, picture, window};
use crate::export::Scope;
use crate::kernel;
use crate::shape::{Padding, Pair, Shape};
use crate::value::Value;

/// Input: (height, width, channels). Output: (height', width', channels). What pads is less than any number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MaxPooling2D {
    pool: Pool,
}

pooling!(MaxPooling2D);

#[typetag::serde]
impl Layer for MaxPooling2D {
    fn class(&self) -> &'static str {
        "MaxPooling2D"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.pool.output_shape(inputs)
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let x = picture(inputs);
        let [_, _, height, width] = x.dims();
        let walks = self.pool.walks([height, width]).expect("looked at when the model was built");
        let (size, strides) = (self.pool.size.array(), self.pool.strides().array());
        let windows = [0, 1].map(|axis| kernel::Windows {
            size: size[axis],
            stride: strides[axis],
            before: walks[axis].before,
            out: walks[axis].out,
        });
        if let Some(largest) = kernel::max_pool2d(&x, windows) {
            return Value::Pictures(largest);
        }
        let options = MaxPoolOptions::new(size).with_stride(strides).with_padding_pairs(window::pads(walks));
        Value::Pictures(max_pool2d(x, options))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let attributes = self.pool.attributes(scope.input_shape(0))?;
        Ok(scope.node("MaxPool", &[scope.input(0)], &attributes))
    }
}
