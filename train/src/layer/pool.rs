//! What both kinds of pooling are: a window that walks over height and width.

use serde::{Deserialize, Serialize};

use super::window;
use crate::export::Attribute;
use crate::shape::{self, Padding, Pair, Shape, Walk};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pool {
    pub size: Pair,
    /// Without them, the size of the window.
    pub strides: Option<Pair>,
    pub padding: Padding,
}

impl Pool {
    pub fn new(size: Pair) -> Self {
        Pool { size, strides: None, padding: Padding::Valid }
    }

    pub fn strides(&self) -> Pair {
        self.strides.unwrap_or(self.size)
    }

    pub fn walks(&self, size: [usize; 2]) -> Result<[Walk; 2], String> {
        window::walks(self.padding, size, self.size, self.strides(), Pair(1, 1))
    }

    pub fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [height, width, channels] = shape::picture(shape::only(inputs)?)?;
        let [rows, columns] = self.walks([height, width])?;
        Ok(vec![rows.out, columns.out, channels])
    }

    /// The attributes that both nodes have, for an input of this shape.
    pub fn attributes(&self, input: &[usize]) -> Result<[(&'static str, Attribute); 3], String> {
        let [height, width, _] = shape::picture(input)?;
        let [rows, columns] = self.walks([height, width])?;
        Ok([
            ("kernel_shape", Attribute::pair(self.size)),
            ("strides", Attribute::pair(self.strides())),
            ("pads", Attribute::pads(rows, columns)),
        ])
    }
}

/// The builder of a layer that holds a `pool`.
macro_rules! pooling {
    ($layer:ident) => {
        impl $layer {
            /// Keras' default is a window of 2.
            pub fn new(pool_size: impl Into<Pair>) -> Self {
                $layer { pool: Pool::new(pool_size.into()) }
            }

            /// Without it, the size of the window.
            pub fn strides(mut self, strides: impl Into<Pair>) -> Self {
                self.pool.strides = Some(strides.into());
                self
            }

            pub fn padding(mut self, padding: impl Into<Padding>) -> Self {
                self.pool.padding = padding.into();
                self
            }
        }

        impl Default for $layer {
            fn default() -> Self {
                Self::new(2)
            }
        }
    };
}
pub(super) use pooling;
