//! The largest number of each window.

use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use serde::{Deserialize, Serialize};

use super::{Context, Layer, picture, window};
use crate::export::{Attribute, Scope};
use crate::kernel;
use crate::shape::{self, Padding, Pair, Shape, Walk};
use crate::value::Value;

/// Input: (height, width, channels). Output: (height', width', channels). What pads is less than any number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MaxPooling2D {
    pool_size: Pair,
    strides: Option<Pair>,
    padding: Padding,
}

impl MaxPooling2D {
    /// Keras' default is a window of 2.
    pub fn new(pool_size: impl Into<Pair>) -> Self {
        MaxPooling2D { pool_size: pool_size.into(), strides: None, padding: Padding::Valid }
    }

    super::arguments! { padding: Padding }

    /// Without it, the size of the window.
    pub fn strides(mut self, strides: impl Into<Pair>) -> Self {
        self.strides = Some(strides.into());
        self
    }

    fn walks(&self, size: [usize; 2]) -> Result<[Walk; 2], String> {
        window::walks(self.padding, size, self.pool_size, self.strides.unwrap_or(self.pool_size), Pair(1, 1))
    }
}

impl Default for MaxPooling2D {
    fn default() -> Self {
        Self::new(2)
    }
}

#[typetag::serde]
impl Layer for MaxPooling2D {
    fn class(&self) -> &'static str {
        "MaxPooling2D"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [height, width, channels] = shape::picture(shape::only(inputs)?)?;
        let [rows, columns] = self.walks([height, width])?;
        Ok(vec![rows.out, columns.out, channels])
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let x = picture(inputs);
        let [_, _, height, width] = x.dims();
        let walks = self.walks([height, width]).expect("looked at when the model was built");
        let strides = self.strides.unwrap_or(self.pool_size).array();
        let windows = [0, 1].map(|axis| kernel::Windows {
            size: self.pool_size.array()[axis],
            stride: strides[axis],
            before: walks[axis].before,
            out: walks[axis].out,
        });
        if let Some(largest) = kernel::max_pool2d(&x, windows) {
            return Value::Pictures(largest);
        }
        let options =
            MaxPoolOptions::new(self.pool_size.array()).with_stride(strides).with_padding_pairs(window::pads(walks));
        Value::Pictures(max_pool2d(x, options))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let [height, width, _] = shape::picture(scope.input_shape(0))?;
        let [rows, columns] = self.walks([height, width])?;
        Ok(scope.node(
            "MaxPool",
            &[scope.input(0)],
            &[
                ("kernel_shape", Attribute::pair(self.pool_size)),
                ("strides", Attribute::pair(self.strides.unwrap_or(self.pool_size))),
                ("pads", Attribute::pads(rows, columns)),
            ],
        ))
    }
}
